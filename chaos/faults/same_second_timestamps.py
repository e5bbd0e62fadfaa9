"""Times are cut to whole seconds, so that many records share one."""

import re
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

from ..fault import Document, FaultContext, Leaving
from ..fields import ALONE, changed, changed_everywhere, check_path

FRACTION = re.compile(r"(?<=T\d\d:\d\d:\d\d)\.\d+")


@dataclass(frozen=True, slots=True)
class SameSecondTimestamps:
    """``field``, or every ``…_at``. A page ends in the middle of a second: who asks for what is *later* than the last
    time that it saw loses the rest of that second. Ask from that time on, inclusive, take what comes twice only once,
    or follow the cursor.

    Shopify and Magento tell times in whole seconds.
    """

    seam: ClassVar[Literal["document"]] = "document"

    field: str | None = None

    def __post_init__(self) -> None:
        check_path(self.field)

    def change(self, document: Document, leaving: Leaving, ctx: FaultContext) -> Document | None:
        if self.field is None:
            return changed_everywhere(document, lambda name: name.endswith("_at"), _cut)
        return changed(document, (self.field,), _cut)


def _cut(value: Any) -> Any:
    whole = FRACTION.sub("", value) if isinstance(value, str) else value
    return ALONE if whole == value else whole
