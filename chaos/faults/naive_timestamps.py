"""Times come without their zone."""

import re
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

from ..fault import Document, FaultContext, Leaving
from ..fields import ALONE, changed, changed_everywhere, check_path

ZONE = re.compile(r"(?<=T\d\d:\d\d:\d\d)(\.\d+)?(Z|[+-]\d\d:\d\d)$")


@dataclass(frozen=True, slots=True)
class NaiveTimestamps:
    """``field``, or every ``…_at``. The time is UTC and does not say so: who reads it as local time is hours off, and
    who compares it with a time that has a zone falls over. Decide once, at the edge, which zone a system means, and
    send it back with the zone (``updated_since`` without one is refused).

    Magento's ``created_at`` and WooCommerce's ``date_created`` have no zone.
    """

    seam: ClassVar[Literal["document"]] = "document"

    field: str | None = None

    def __post_init__(self) -> None:
        check_path(self.field)

    def change(self, document: Document, leaving: Leaving, ctx: FaultContext) -> Document | None:
        if self.field is None:
            return changed_everywhere(document, lambda name: name.endswith("_at"), _without_zone)
        return changed(document, (self.field,), _without_zone)


def _without_zone(value: Any) -> Any:
    bare = ZONE.sub(r"\1", value) if isinstance(value, str) else value
    return ALONE if bare == value else bare
