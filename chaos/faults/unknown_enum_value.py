"""A field that has a fixed set of values holds one that nobody knows."""

from dataclasses import dataclass
from typing import Any, ClassVar, Literal

from ..errors import ChaosError
from ..fault import Document, FaultContext, Leaving
from ..fields import ALONE, changed, check_path

USUAL = ("status", "cause", "service_level", "reason", "carrier")


@dataclass(frozen=True, slots=True)
class UnknownEnumValue:
    """``field``, or the first of status, cause, service level, reason and carrier that the document has. Treat the
    value as *not known*: neither fail the whole page over one record, nor take it for the nearest one; read it again
    later, or park it visibly.

    Systems add values between versions: a status ``on_hold`` after an update, a new carrier before Christmas. The
    ledger knows the true one, and shows it again once healed.
    """

    seam: ClassVar[Literal["document"]] = "document"

    field: str | None = None
    value: str = "awaiting_review"

    def __post_init__(self) -> None:
        check_path(self.field)
        if not self.value:
            raise ChaosError("value must not be empty, got ''")

    def change(self, document: Document, leaving: Leaving, ctx: FaultContext) -> Document | None:
        return changed(document, USUAL if self.field is None else (self.field,), self._unknown)

    def _unknown(self, value: Any) -> Any:
        return self.value if isinstance(value, str) and value != self.value else ALONE
