"""The estate that pacts are verified against: its own, standing still, put into each interaction's states by hand.

Beside the systems it serves a *desk*: the address at which Pact's engine asks for states to be prepared and for
messages. Before each interaction everything is as it was at the beginning, whatever the one before did.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any, Self
from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from ..chaos.errors import ChaosError
from ..chaos.injection import Injection, Trigger, Where
from ..chaos.registry import FAULTS
from ..history.clock import Clock
from ..history.writer import HistoryWriter
from ..scenarios.errors import unknown
from ..simulators.estate import Estate, EstateSettings, OpeningItem, System, SystemSettings
from ..simulators.kit.events import cloud_event, new_secret, signed_headers
from ..simulators.kit.ledger import Event
from ..simulators.kit.refusal import Refused
from ..simulators.registry import KINDS
from .desk import MESSAGE_PATH, STATE_PATH, Desk, Played, Seen, message_reply
from .drift import Drift
from .errors import ContractsError
from .pact_file import NO_BODY
from .result import Mismatch
from .script import split
from .state import UNITS, Delivery, Scene, prepare

OTHERWISE = {
    "provider": "if it is your middleware, where it tells its messages with --messages-url",
    "consumer": "choose the pacts that your middleware has to keep with --provider",
}
"""What else can be meant by the name of no simulator."""
CHANNEL = "web"
ARTICLES = {"MUG": "4.95", "TEA": "3.10"}
"""What the estate knows at the beginning, with its price."""


@dataclass(slots=True)
class Part(Played):
    """One interaction's part: what is to be prepared for it, and what came of that."""

    system: System = field(kw_only=True)
    delivery: Delivery | None = field(default=None, kw_only=True)
    """How its webhook is handed over, where it is one to a middleware."""


class Stage:
    """Use it in an ``async with``."""

    def __init__(self, folder: Path, drifts: Sequence[Drift] = ()) -> None:
        """``drifts`` are how the simulators differ from what they are."""
        systems = {
            CHANNEL if kind == "marketplace" else kind: SystemSettings(
                kind, rules={"currencies": ("GBP", "EUR")} if kind == "marketplace" else {}
            )
            for kind in KINDS
        }
        self.estate = Estate(
            EstateSettings(systems=systems), HistoryWriter(folder / "history", "estate"), Clock()
        )
        self._drifts = drifts
        self.parts: dict[int, Part] = {}
        """By number, as the engine's copies of the pacts have it."""
        self._current: Part | None = None
        self._events: list[Event] = []
        self._undo: list[Any] = []
        self._off_the_record = False
        self.secret = new_secret()
        self.desk = Desk(self.routes())
        self._beginning: dict[str, bytes] = {}

    async def __aenter__(self) -> Self:
        estate = self.estate
        estate.seed(
            OpeningItem(
                sku,
                f"Article {sku}",
                {"north": UNITS, "south": UNITS},
                {"GBP": Decimal(price), "EUR": Decimal(price)},
            )
            for sku, price in ARTICLES.items()
        )
        estate.listeners.append(self._events.append)
        for system in estate.systems.values():
            system.door.witnesses.append(self._witness)
            for rank, drift in enumerate(one for one in self._drifts if one.system == system.kind):
                where = Where(system=system.name, operation=drift.operation)
                injection = Injection(f"drift-{rank}", FAULTS.build("drifted", drift.settings), where)
                system.gate.arm(Trigger(injection, rank, 0))
        await estate.start()
        self._beginning = estate.snapshot()
        await self.desk.__aenter__()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.desk.__aexit__()
        await self.estate.stop()
        self.estate.writer.close()

    def routes(self) -> list[Route]:
        """What the desk serves."""
        return [
            Route(STATE_PATH, self._change_state, methods=["POST"]),
            Route(MESSAGE_PATH, self._tell, methods=["POST"]),
        ]

    # What others need to know

    @property
    def current(self) -> Part | None:
        """The interaction that is being played."""
        return self._current

    def system_for(self, name: str, what: str = "provider") -> System:
        """The simulator that a pact's provider or consumer means. Raises ContractsError with the nearest names."""
        by_name = {system.kind: system for system in self.estate.systems.values()} | self.estate.systems
        found = by_name.get(name.strip().lower())
        if found is None:
            raise ContractsError(
                unknown(what, name, by_name)
                + f"; say which simulator it is with --as {name!r}=KIND, or {OTHERWISE[what]}"
            )
        return found

    # Before each interaction

    def enter(self, number: int) -> Part:
        """Make everything as it was at the beginning, for the interaction with this number. Raises ContractsError."""
        part = self.parts.get(number)
        if part is None:
            raise ContractsError(f"there is no interaction {number}")
        if part is not self._current:
            for undo in reversed(self._undo):
                undo()
            self._undo.clear()
            self.estate.restore(self._beginning)
            self._events.clear()
            self._current = part
        return part

    def prepare(self, number: int, name: str, parameters: Mapping[str, Any]) -> dict[str, Any]:
        """Put the systems into one state of an interaction; returns the values for the pact. Raises ContractsError."""
        part = self.enter(number)
        if not name:
            return {}
        scene = Scene(
            self.estate,
            part.system,
            part.interaction,
            lambda: self._make_request(part),
            self._undo,
            part.delivery,
        )
        try:
            values = prepare(scene, name, parameters)
        except Refused as refused:
            raise ContractsError(f"state {name!r}: the system refuses to be prepared: {refused}") from None
        except (ChaosError, KeyError, TypeError, ValueError) as error:
            raise ContractsError(f"state {name!r}: cannot be prepared: {error}") from None
        told = {key: value for key, value in values.items() if isinstance(value, str | int | float | bool)}
        part.given |= told
        return told

    def message(self, number: int) -> tuple[bytes, dict[str, Any]]:
        """The event that an interaction is about, as it goes on the wire, and its headers. Raises ContractsError."""
        part = self.enter(number)
        topic = _topic(part, KINDS[part.system.kind].topics)
        event = next(
            (one for one in reversed(self._events) if one.topic == topic and one.system == part.system.name),
            None,
        )
        if event is None:
            raise ContractsError(
                f"no {topic} was emitted in these states; name a state after which {part.system.kind} says it"
            )
        event_id = f"{event.system}-evt-0000001"
        body = cloud_event(event, event_id)
        headers = signed_headers(event_id, self.estate.clock(), body, self.secret)
        return body, {"contentType": headers.pop("content-type"), **headers}

    def _make_request(self, part: Part) -> None:
        request, one = part.interaction.request, part.interaction
        assert request is not None, "states check that it is an HTTP interaction"
        headers = [(name.lower(), ", ".join(values)) for name, values in request.headers.items()]
        headers = [(name, value) for name, value in headers if name != "authorization"]
        headers.append(("authorization", f"Bearer {part.system.sut.api_key}"))
        body = b""
        if request.body is not NO_BODY and request.body is not None:
            text = request.body if isinstance(request.body, str) else json.dumps(request.body)
            body = text.encode()
            if not any(name == "content-type" for name, _ in headers):
                headers.append(("content-type", request.media_type))
        query = urlencode({name: values for name, values in (one.query or {}).items()}, doseq=True)
        with self._unseen():
            part.system.door.answer_at_once(
                one.method,
                one.path,
                query.encode(),
                [(name.encode("latin-1"), value.encode("latin-1")) for name, value in headers],
                body,
            )

    @contextmanager
    def _unseen(self) -> Iterator[None]:
        self._off_the_record = True
        try:
            yield
        finally:
            self._off_the_record = False

    def _witness(self, method: str, path: str, query: bytes, headers: dict[str, str], body: bytes) -> None:
        if self._current is not None and not self._off_the_record:
            self._current.seen.append(Seen(method, path, query, headers, body))

    # The desk

    async def _change_state(self, request: Request) -> Response:
        asked = json.loads(await request.body())
        marked = split(str(asked.get("state", "")))
        if asked.get("action") == "teardown":
            return JSONResponse({})
        if marked is None:
            return JSONResponse({"detail": f"nobody knows whose state {asked.get('state')!r} is"}, 400)
        number, name = marked
        try:
            return JSONResponse(self.prepare(number, name, asked.get("params") or {}))
        except ContractsError as error:
            return self._complain(number, Mismatch("state", "", "a known state", "", str(error)))

    async def _tell(self, request: Request) -> Response:
        asked = json.loads(await request.body())
        marked = split(str(asked.get("description", "")))
        if marked is None:
            return JSONResponse({"detail": "no such interaction"}, 404)
        try:
            body, metadata = self.message(marked[0])
        except ContractsError as error:
            return self._complain(marked[0], Mismatch("message", "", "an event", "none", str(error)))
        self.parts[marked[0]].seen.append(Seen("", "", b"", {}, body))
        return message_reply(body, metadata, metadata["contentType"])

    def _complain(self, number: int, complaint: Mismatch) -> Response:
        if number in self.parts:
            self.parts[number].complaints.append(complaint)
        return JSONResponse({"detail": complaint.says}, 400)


def _topic(part: Part, topics: Mapping[str, Any]) -> str:
    """The topic that an interaction is about: its example's ``type``, else the one that its description names."""
    contents = part.told.get("contents")
    example = contents.get("content") if isinstance(contents, Mapping) and "content" in contents else contents
    if isinstance(example, Mapping) and isinstance(example.get("type"), str):
        if example["type"] not in topics:
            raise ContractsError(unknown("topic", example["type"], topics))
        return str(example["type"])
    said = part.interaction.description
    named = [topic for topic in topics if topic in said]
    if len(named) != 1:
        raise ContractsError(
            f"which event is meant: its example has no CloudEvents type, and its description {said!r} "
            f"names none of {', '.join(topics)}"
        )
    return named[0]
