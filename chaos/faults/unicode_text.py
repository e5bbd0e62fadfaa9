"""Shoppers have emoji, combining marks and right-to-left script in their names and addresses."""

from dataclasses import dataclass
from typing import Any, ClassVar, Literal

from ..errors import ChaosError
from ..fault import FaultContext

TEXTS = {
    "emoji": " \U0001f381\U0001f469\u200d\U0001f680",
    "combining": " Zoe\u0308 A\u030angstro\u0308m",
    "right-to-left": " \u05e9\u05dc\u05d5\u05dd \u0645\u0631\u062d\u0628\u0627",
}
"""What is put behind a text: outside the basic plane and joined, decomposed, Hebrew and Arabic."""


@dataclass(frozen=True, slots=True)
class UnicodeText:
    """``kind`` puts one of them behind the name, the first address line and the city; ``all`` puts each behind one. The
    shopper really wrote it: the channel's own ledger knows it so, every text keeps to its greatest length, and every
    system must get it letter for letter. MySQL's ``utf8`` cuts at an emoji, normalising makes another letter, and
    counting bytes or UTF-16 units cuts a character in two.

    The ledger of a channel asks the rule ``checkout_text`` about each order reference.

    Example: peakproof chaos inject web unicode-text --rate 0.2 --for 60s
    """

    seam: ClassVar[Literal["rule"]] = "rule"
    rule: ClassVar[str] = "checkout_text"

    kind: Literal["all", "emoji", "combining", "right-to-left"] = "all"

    def __post_init__(self) -> None:
        if self.kind not in ("all", *TEXTS):
            raise ChaosError(f"kind must be one of all, {', '.join(TEXTS)}, got {self.kind!r}")

    def decision(self, subject: str, ctx: FaultContext) -> dict[str, Any]:
        texts = list(TEXTS.values()) if self.kind == "all" else [TEXTS[self.kind]] * len(TEXTS)
        return dict(zip(("name", "line1", "city"), texts, strict=True))
