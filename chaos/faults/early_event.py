"""An event arrives before the record that it tells of can be read."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, ClassVar, Literal

from ..checks import above
from ..fault import HIDDEN, Document, FaultContext, Hidden, Leaving
from ..fields import LISTS


@dataclass(frozen=True, slots=True)
class EarlyEvent:
    """The event leaves at once, as ever; for ``lag_s`` real seconds a new record answers 404 and is left out of lists.
    The 404 is no verdict on the event: keep it and read again, or act on what it says. A poller must read again a
    little of what it has read, more than the lag, or it passes by what became visible late.

    Shopify's search index lags behind the write that its webhook tells of. A record is new as long as
    nothing has changed it since it was made. For what the callers themselves create there is ``not-found-yet``.
    """

    seam: ClassVar[Literal["document"]] = "document"

    lag_s: float = 0.5

    def __post_init__(self) -> None:
        above(0, lag_s=self.lag_s)

    def change(self, document: Document, leaving: Leaving, ctx: FaultContext) -> Document | Hidden | None:
        if leaving.is_event or leaving.changes:
            return None
        since_ns = ctx.now() - int(self.lag_s * 1e9)
        for name in LISTS:
            if isinstance(document.get(name), list):
                seen = [item for item in document[name] if not _is_newer(item, since_ns)]
                return None if len(seen) == len(document[name]) else {**document, name: seen}
        return HIDDEN if _is_newer(document, since_ns) else None


def _is_newer(document: Any, since_ns: int) -> bool:
    """It was made after that time, and nothing has changed it."""
    if not isinstance(document, dict) or document.get("version") != 0:
        return False
    try:
        made_at = datetime.fromisoformat(str(document.get("updated_at")))
    except ValueError:
        return False
    return (made_at if made_at.tzinfo else made_at.replace(tzinfo=UTC)).timestamp() * 1e9 > since_ns
