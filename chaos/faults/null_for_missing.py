"""A field is null where it has a value."""

from dataclasses import dataclass
from typing import Any, ClassVar, Literal

from ..fault import Document, FaultContext, Leaving
from ..fields import ALONE, changed, check_path

USUAL = ("tracking_number", "ship_to.postcode", "customer.email", "cause", "currency", "status")


@dataclass(frozen=True, slots=True)
class NullForMissing:
    """``field``, or the first of tracking number, postcode, e-mail, cause, currency and status that the document has.
    Null is not the text ``null``, nor empty, nor zero, nor *delete what you know*: treat it as *not told*, and do as
    with a field that is left out.

    Serialisers differ: Jackson and .NET write what they do not have as null, Go's ``omitempty`` leaves it out.
    """

    seam: ClassVar[Literal["document"]] = "document"

    field: str | None = None

    def __post_init__(self) -> None:
        check_path(self.field)

    def change(self, document: Document, leaving: Leaving, ctx: FaultContext) -> Document | None:
        return changed(document, USUAL if self.field is None else (self.field,), _null)


def _null(value: Any) -> Any:
    return ALONE if value is None else None
