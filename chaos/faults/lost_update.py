"""A stock, availability or price is set, answered with 200, and does not take."""

from dataclasses import dataclass
from typing import Any, ClassVar, Literal

from ..fault import FaultContext


@dataclass(frozen=True, slots=True)
class LostUpdate:
    """Two writers without a version check, or a queue behind the API that drops what it cannot keep up with:
    Amazon's listing updates and Shopify's inventory both can. The answer shows the new value and the system
    keeps the old one; nothing but reading it later shows that. Publish again what a list or a get shows
    otherwise.

    Example: peakproof chaos inject web lost-update --rate 0.2 --for 60s
    """

    seam: ClassVar[Literal["rule"]] = "rule"
    rule: ClassVar[str] = "take_update"

    def decision(self, subject: str, ctx: FaultContext) -> dict[str, Any]:
        return {}
