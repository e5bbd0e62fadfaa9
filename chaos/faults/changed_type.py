"""A field says the same in another JSON type."""

from dataclasses import dataclass
from typing import Any, ClassVar, Literal

from ..fault import Document, FaultContext, Leaving
from ..fields import ALONE, changed, check_path

USUAL = ("total", "amount", "on_hand", "available", "lines.quantity", "lines")


@dataclass(frozen=True, slots=True)
class ChangedType:
    """``field``, or the first of total, amount, on hand, available and the lines' quantities that the document has: a
    number becomes text, an amount in text a number, a list of one its only item, any other value a list of one.
    Nothing is lost, so read it either way; amounts never through a binary float.

    Shopify sends amounts as text and Magento as numbers; gateways from XML (SAP, SOAP) make a list of one its item.
    """

    seam: ClassVar[Literal["document"]] = "document"

    field: str | None = None

    def __post_init__(self) -> None:
        check_path(self.field)

    def change(self, document: Document, leaving: Leaving, ctx: FaultContext) -> Document | None:
        return changed(document, USUAL if self.field is None else (self.field,), _other_type)


def _other_type(value: Any) -> Any:
    if isinstance(value, list):
        return value[0] if len(value) == 1 else ALONE
    if value is None:
        return ALONE
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return str(value)
    if isinstance(value, str) and value.replace(".", "", 1).isdecimal():
        return float(value) if "." in value else int(value)
    return [value]
