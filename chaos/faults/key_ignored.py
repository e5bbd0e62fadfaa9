"""A system carries a request out anew although its Idempotency-Key was answered before."""

from dataclasses import dataclass
from typing import Any, ClassVar, Literal

from ..fault import FaultContext


@dataclass(frozen=True, slots=True)
class KeyIgnored:
    """Odoo, WooCommerce and most ERP add-ons take the header and do nothing with it; a gateway may strip it. Whoever
    relies on the key alone books twice after a lost reply. Look the document up by its order reference before
    asking for it again.
    """

    seam: ClassVar[Literal["rule"]] = "rule"
    rule: ClassVar[str] = "replay_key"

    def decision(self, subject: str, ctx: FaultContext) -> dict[str, Any]:
        return {"after_s": 0.0}
