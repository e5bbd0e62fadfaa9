"""A document has one field more than it used to."""

from dataclasses import dataclass
from typing import Any, ClassVar, Literal

from ..fault import Document, FaultContext, Leaving
from ..fields import ALONE, changed, changed_at_top, check_path


@dataclass(frozen=True, slots=True)
class ExtraField:
    """``field`` names it; with a dotted path it stands further down (``lines.loyalty_tier``). Ignore what you do not
    know: a strict decoder refuses every order on the day after the vendor's release.

    Stripe and Shopify count new fields as changes that break nobody, and add them without notice.
    """

    seam: ClassVar[Literal["document"]] = "document"

    field: str = "loyalty_tier"
    value: str = "gold"

    def __post_init__(self) -> None:
        check_path(self.field)

    def change(self, document: Document, leaving: Leaving, ctx: FaultContext) -> Document | None:
        parent, _, name = self.field.rpartition(".")

        def add(value: Any) -> Any:
            if isinstance(value, list):
                told = [add(part) for part in value]
                return ALONE if ALONE in told else told
            if not isinstance(value, dict) or name in value:
                return ALONE
            return {**value, name: self.value}

        return changed(document, (parent,), add) if parent else changed_at_top(document, add)
