"""Stock movements, kept small: there is one for every line shipped, and none ever changes."""

from array import array
from bisect import bisect_left
from collections.abc import Iterator

from ...history.clock import rfc3339
from ..kit.collection import Collection, Page
from .documents import StockMovement


class Journal(Collection[StockMovement]):
    """A collection to which movements are only ever added: a list instead of an index, a third of the memory."""

    __slots__ = ("_at_ns", "_movements")

    def __init__(self) -> None:
        super().__init__()
        self._movements: list[StockMovement] = []
        self._at_ns = array("q")

    def __len__(self) -> int:
        return len(self._movements)

    def __iter__(self) -> Iterator[StockMovement]:
        return iter(self._movements)

    def __contains__(self, key: str) -> bool:
        return self.get(key) is not None

    @property
    def changes(self) -> int:
        return len(self._movements)

    def get(self, key: str) -> StockMovement | None:
        return next((movement for movement in self._movements if movement.change_id == key), None)

    def of_order(self, order_ref: str) -> list[StockMovement]:
        """None: a movement belongs to a place, not to an order."""
        return []

    def add(self, key: str, document: StockMovement, now_ns: int, order_ref: str | None = None) -> None:
        document.updated_at = document.at or rfc3339(now_ns)
        if self._at_ns and now_ns < self._at_ns[-1]:
            self._in_order = False
        self._movements.append(document)
        self._at_ns.append(now_ns)

    def changed(self, key: str, document: StockMovement, now_ns: int) -> None:
        raise TypeError(f"stock movement {key} cannot change")

    def page(
        self, *, after: int = 0, since_ns: int = 0, limit: int = 100, order_ref: str | None = None
    ) -> Page[StockMovement]:
        if self._in_order:
            start = max(after, bisect_left(self._at_ns, since_ns))
            end = start + limit
            return Page(self._movements[start:end], end if end < len(self._movements) else None)
        places = [place for place in range(after, len(self._movements)) if self._at_ns[place] >= since_ns]
        items = [self._movements[place] for place in places[:limit]]
        return Page(items, places[limit - 1] + 1 if len(places) > limit else None)
