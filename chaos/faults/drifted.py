"""The system serves another version of one operation than its document describes."""

import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, ClassVar, Literal, get_args

from ..checks import one_of
from ..described import drifted
from ..errors import ChaosError
from ..fault import Call, Document, FaultContext, Forward, Reply
from ..fields import ALONE, GONE, changed, changed_at_top, check_path
from ..problem import refusal
from .changed_type import ChangedType

Change = Literal[
    "rename",
    "remove",
    "retype",
    "null",
    "value",
    "add",
    "status",
    "drop-header",
    "add-header",
    "need",
    "refuse",
    "gone",
]
NEEDS_FIELD = {
    "rename",
    "remove",
    "retype",
    "null",
    "value",
    "add",
    "drop-header",
    "add-header",
    "need",
    "refuse",
}
NEEDS_TO = {"rename", "value", "add", "add-header", "status", "refuse"}
REPLY_ONLY = {"rename", "remove", "retype", "null", "value", "add", "status", "drop-header", "add-header"}


@dataclass(frozen=True, slots=True)
class Drifted:
    """``change`` says how. In the answer a ``field`` may be renamed (``rename`` to ``to``), removed, of another type
    (``retype``), ``null``, always of another ``value``, or new (``add``); the success ``status`` may be another; a header may be gone
    (``drop-header``) or new. Of a request a ``field`` may be needed now (``need``), or the value ``to`` of it be refused, as when
    an enum gets narrower. The operation may be ``gone``, with 404.

    ``peakproof run --drift PLACE:CHANGE:FIELD=TO`` lets you feel a vendor's next version before it ships, and
    ``peakproof contracts verify --drift`` says which contract it breaks. ``add`` and ``add-header`` break nobody who reads what
    it needs. The document at /openapi.json drifts with it.
    """

    seam: ClassVar[Literal["call"]] = "call"

    change: Change = "add"
    field: str | None = "loyalty_tier"
    to: str | None = "gold"

    def __post_init__(self) -> None:
        one_of(get_args(Change), change=self.change)
        if self.change in NEEDS_FIELD and not self.field:
            raise ChaosError(f"{self.change} needs a field, e.g. 'lines.sku', or a header")
        if self.change in NEEDS_TO and not self.to:
            raise ChaosError(f"{self.change} needs what it becomes: to")
        check_path(self.field)
        if self.change == "status" and not (self.to or "").isdigit():
            raise ChaosError(f"to must be a status like 202, got {self.to!r}")

    async def apply(self, call: Call, forward: Forward, ctx: FaultContext) -> Reply:
        if self.change == "gone":
            return refusal(
                "no_such_path",
                "There is nothing at this path.",
                404,
                f"{call.path} is gone",
                refused_by="fault",
            )
        if self.change not in REPLY_ONLY and (why := self._refused(call.body)) is not None:
            return refusal(
                "invalid_request", "The request breaks a rule of this system.", 422, why, refused_by="fault"
            )
        reply = await forward(call)
        return self._changed(reply) if self.change in REPLY_ONLY and reply.status < 400 else reply

    def described(self, document: Document, operation: str | None) -> Document:
        """What the system's OpenAPI document says of the change."""
        return drifted(document, operation, self.change, self.field, self.to)

    def _refused(self, body: bytes) -> str | None:
        """Why a request does not pass any more."""
        document = _json(body)
        assert self.field is not None
        here: list[Any] = []

        def note(value: Any) -> Any:
            here.append(value)
            return ALONE

        if isinstance(document, dict):
            changed(document, (self.field,), note)
        if self.change == "need":
            return None if here else f"{self.field} is needed"
        return f"{self.field} may not be {self.to}" if self.to in [_text(one) for one in here] else None

    def _changed(self, reply: Reply) -> Reply:
        name = (self.field or "").lower()
        match self.change:
            case "status":
                return replace(reply, status=int(self.to or 0))
            case "drop-header":
                return replace(reply, headers=[one for one in reply.headers if one[0].lower() != name])
            case "add-header":
                return replace(reply, headers=[*reply.headers, (name, self.to or "")])
        document = _json(reply.body)
        told = self._document(document) if isinstance(document, dict) else None
        return reply if told is None else replace(reply, body=json.dumps(told, ensure_ascii=False).encode())

    def _document(self, document: dict[str, Any]) -> dict[str, Any] | None:
        assert self.field is not None
        if self.change == "retype":
            return changed(document, (self.field,), _other_type)
        if self.change in ("remove", "null", "value"):
            instead = {"remove": GONE, "null": None, "value": self.to}[self.change]
            return changed(document, (self.field,), lambda value: instead)
        parent, _, name = self.field.rpartition(".")
        change = _renamed(name, self.to or "") if self.change == "rename" else _with(name, self.to)
        return changed(document, (parent,), change) if parent else changed_at_top(document, change)


def _renamed(name: str, to: str) -> Callable[[Any], Any]:
    def rename(value: Any) -> Any:
        if isinstance(value, list):
            return [rename(part) for part in value]
        if not isinstance(value, dict) or name not in value:
            return ALONE
        return {to if key == name else key: part for key, part in value.items()}

    return rename


def _with(name: str, added: Any) -> Callable[[Any], Any]:
    def add(value: Any) -> Any:
        if isinstance(value, list):
            return [add(part) for part in value]
        return {**value, name: added} if isinstance(value, dict) else ALONE

    return add


def _other_type(value: Any) -> Any:
    told = ChangedType(field="value").change({"value": value}, None, None)  # type: ignore[arg-type]
    return {"was": value} if told is None else told["value"]


def _json(body: bytes) -> Any:
    try:
        return json.loads(body)
    except ValueError:
        return None


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)
