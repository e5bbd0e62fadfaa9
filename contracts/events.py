"""Makes the pacts of the estate's events: as messages (``pacts/``) and as webhooks to a middleware (``webhooks/``).

``python -m peakproof.contracts.events`` writes both beside itself. Every topic is brought about by its state.
"""

import asyncio
import json
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from ..simulators.registry import KINDS
from .export import message_of
from .pact_file import Interaction
from .situations import STATE_BEFORE_EVENT
from .stage import Part, Stage

CONSUMER = "middleware"
AT = "2026-11-27T12:00:00Z"
"""The time that stands in examples, so that they are the same whenever they are made."""
MEDIA = "application/cloudevents+json"


def main(folder: str) -> int:
    """Write all of them below a folder."""
    events = asyncio.run(_events())
    for kind, entry in KINDS.items():
        mine = {topic: events[topic] for topic in entry.topics}
        messages = [message_of(topic, kind, told) for topic, told in mine.items()]
        _write(Path(folder) / "pacts" / f"events-{kind}.json", CONSUMER, kind, messages)
        _write(Path(folder) / "webhooks" / f"{kind}.json", kind, CONSUMER, _webhooks(mine))
    return 0


async def _events() -> dict[str, dict[str, Any]]:
    """An example of every topic."""
    found = {}
    with TemporaryDirectory() as name:
        async with Stage(Path(name)) as stage:
            for number, (kind, topic) in enumerate(
                (kind, topic) for kind, entry in KINDS.items() for topic in entry.topics
            ):
                told = {"contents": {"content": {"type": topic}}}
                interaction = Interaction(topic, (), "message")
                stage.parts[number] = Part(interaction, told, system=stage.system_for(kind))
                stage.prepare(number, STATE_BEFORE_EVENT[topic], {})
                found[topic] = _timeless(json.loads(stage.message(number)[0]))
    return found


def _timeless(told: Any) -> Any:
    """With one time for all that happened now."""
    if isinstance(told, dict):
        return {
            name: AT if name == "time" or (name.endswith(("_at", "ship_by")) and one) else _timeless(one)
            for name, one in told.items()
        }
    return [_timeless(one) for one in told] if isinstance(told, list) else told


def _webhooks(events: dict[str, dict[str, Any]]) -> list[dict[str, Any]]:
    """Each topic genuine, again and forged; of the first also in every other way that a webhook can be wrong."""
    made = []
    for topic, told in events.items():
        state = STATE_BEFORE_EVENT[topic]
        made += [
            _webhook(f"{topic} arrives", told, (state,), "success"),
            _webhook(f"{topic} arrives again", told, (state, "webhook was delivered before"), "success"),
            _webhook(f"{topic} is forged", told, (state, "webhook is forged"), "clientError"),
        ]
    topic, told = next(iter(events.items()))
    state = STATE_BEFORE_EVENT[topic]
    for how in ("expired", "altered", "unsigned"):
        made.append(_webhook(f"{topic} is {how}", told, (state, f"webhook is {how}"), "clientError"))
    unknown = {**told, "type": "something.new", "data": {"anything": True}}
    made.append(_webhook("an event of an unknown type arrives", unknown, (state,), "success"))
    return made


def _webhook(description: str, told: dict[str, Any], states: tuple[str, ...], status: str) -> dict[str, Any]:
    return {
        "type": "Synchronous/HTTP",
        "description": description,
        "pending": False,
        "providerStates": [{"name": name} for name in states],
        "request": {
            "method": "POST",
            "path": "/webhooks",
            "headers": {"Content-Type": [MEDIA]},
            "body": {"content": told, "contentType": MEDIA, "encoded": False},
        },
        "response": {
            "status": 200 if status == "success" else 401,
            "matchingRules": {
                "status": {"combine": "AND", "matchers": [{"match": "statusCode", "status": status}]}
            },
        },
    }


def _write(path: Path, consumer: str, provider: str, interactions: list[dict[str, Any]]) -> None:
    document = {
        "consumer": {"name": consumer},
        "provider": {"name": provider},
        "interactions": interactions,
        "metadata": {"pactSpecification": {"version": "4.0"}},
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(document, indent=1, ensure_ascii=False) + "\n", "utf-8")


if __name__ == "__main__":
    raise SystemExit(main(*(sys.argv[1:] or [str(Path(__file__).parent)])))
