"""An event's envelope (CloudEvents, structured mode) as faults write it anew."""

import json
from dataclasses import replace
from typing import Any

from .fault import Outgoing


def data_of(outgoing: Outgoing) -> dict[str, Any]:
    """What the event says."""
    data: dict[str, Any] = json.loads(outgoing.body)["data"]
    return data


def rewritten(outgoing: Outgoing, *, id: str | None = None, **changed: Any) -> Outgoing:
    """The same delivery with other members in its envelope (``id``, ``type``, ``subject``, ``data``)."""
    event_id = outgoing.event_id if id is None else id
    envelope = {**json.loads(outgoing.body), "id": event_id, **changed}
    return replace(
        outgoing,
        event_id=event_id,
        topic=envelope["type"],
        subject=envelope["subject"],
        body=json.dumps(envelope, ensure_ascii=False).encode(),
    )
