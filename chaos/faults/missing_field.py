"""A field that was always there is left out."""

from dataclasses import dataclass
from typing import Any, ClassVar, Literal

from ..fault import Document, FaultContext, Leaving
from ..fields import GONE, changed, check_path

USUAL = ("tracking_number", "ship_to.postcode", "customer.email", "cause", "currency", "status")


@dataclass(frozen=True, slots=True)
class MissingField:
    """``field``, or the first of tracking number, postcode, e-mail, cause, currency and status that the document has.
    Never make up a value: answer an event that is incomplete with 4xx, so that it comes again, or read the record
    again; meanwhile, park it visibly.

    Fields disappear with a version of an API, with a scope that was withdrawn (Shopify leaves out customer data), or
    because a form was not filled in. The ledger has it all the time.
    """

    seam: ClassVar[Literal["document"]] = "document"

    field: str | None = None

    def __post_init__(self) -> None:
        check_path(self.field)

    def change(self, document: Document, leaving: Leaving, ctx: FaultContext) -> Document | None:
        return changed(document, USUAL if self.field is None else (self.field,), _gone)


def _gone(value: Any) -> Any:
    return GONE
