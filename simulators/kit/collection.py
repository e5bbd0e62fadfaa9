"""Documents of one kind: found by id and by order reference, and listed in the order of their last change."""

from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

from ...history.clock import rfc3339
from .past import Past


class Document(Protocol):
    """What a collection needs of a document; both fields are the collection's to move."""

    version: int
    updated_at: str


D = TypeVar("D", bound=Document)


@dataclass(frozen=True, slots=True)
class Page(Generic[D]):
    """A piece of a list and the cursor behind which the next piece begins; no cursor on the last piece."""

    items: list[D]
    next_cursor: int | None


class Collection(Generic[D]):
    """Documents by id; a list shows each once, at its last change, and a cursor never loses or repeats one.

    The order of changes is a sequence, not a time, so that documents changed in the same instant at the edge of a
    page are neither lost nor seen twice.
    """

    __slots__ = (
        "_by_ref",
        "_changed_ns",
        "_documents",
        "_in_order",
        "_keys",
        "_latest",
        "_past",
        "_sequence",
        "_sequences",
    )

    def __init__(self) -> None:
        self._documents: dict[str, D] = {}
        self._by_ref: dict[str, str | list[str]] = {}
        """An order's only document, or all of them: most have one, and a list costs more than it."""
        self._sequence = 0
        self._latest: dict[str, int] = {}
        """The sequence of each document's last change."""
        self._keys: list[str] = []
        self._sequences = array("q")
        self._changed_ns = array("q")
        """Every change in order, in three columns; one that a later change of the same document follows is stale."""
        self._past: Past | None = None
        self._in_order = True
        """So are their times; not where the system's clock was put back in between."""

    def __len__(self) -> int:
        return len(self._documents)

    def __iter__(self) -> Iterator[D]:
        return iter(self._documents.values())

    def __contains__(self, key: str) -> bool:
        return key in self._documents

    @property
    def changes(self) -> int:
        """How many there were; every cursor of a page lies below."""
        return self._sequence

    def get(self, key: str) -> D | None:
        return self._documents.get(key)

    def of_order(self, order_ref: str) -> list[D]:
        """Every document with this order reference, oldest first."""
        return [self._documents[key] for key in self._keys_of(order_ref)]

    def add(self, key: str, document: D, now_ns: int, order_ref: str | None = None) -> None:
        """Keep a new document."""
        self._documents[key] = document
        if order_ref is not None:
            known = self._by_ref.setdefault(order_ref, key)
            if isinstance(known, list):
                known.append(key)
            elif known is not key:
                self._by_ref[order_ref] = [known, key]
        self._note(key, document, now_ns)

    def changed(self, key: str, document: D, now_ns: int) -> None:
        """Say that a document has just changed: its version grows and it moves to the end of the list."""
        document.version += 1
        self._note(key, document, now_ns)

    def keep_past(self, past: Past | None) -> None:
        """From now on keep how documents stood, or no longer."""
        self._past = past
        if past is not None:
            for document in self:
                past.begin(document)

    def page(
        self, *, after: int = 0, since_ns: int = 0, limit: int = 100, order_ref: str | None = None
    ) -> Page[D]:
        """Documents last changed at or after ``since_ns`` and behind the cursor ``after``, oldest change first."""
        if order_ref is not None:
            found = sorted((self._latest[key], key) for key in self._keys_of(order_ref))
            found = [one for one in found if one[0] > after and self._is_since(one[0], since_ns)]
        else:
            start = bisect_right(self._sequences, after)
            if self._in_order:
                start = max(start, bisect_left(self._changed_ns, since_ns))
            found = []
            for position in range(start, len(self._keys)):
                key, sequence = self._keys[position], self._sequences[position]
                if self._latest[key] == sequence and self._changed_ns[position] >= since_ns:
                    found.append((sequence, key))
                    if len(found) > limit:
                        break
        items = [self._documents[key] for _, key in found[:limit]]
        return Page(items, found[limit - 1][0] if len(found) > limit else None)

    def _keys_of(self, order_ref: str) -> Sequence[str]:
        keys = self._by_ref.get(order_ref, ())
        return (keys,) if isinstance(keys, str) else keys

    def _is_since(self, sequence: int, since_ns: int) -> bool:
        """That change was at or after a time."""
        return self._changed_ns[bisect_left(self._sequences, sequence)] >= since_ns

    def _note(self, key: str, document: D, now_ns: int) -> None:
        document.updated_at = rfc3339(now_ns)
        if self._past is not None:
            self._past.note(document, now_ns)
        self._sequence += 1
        if self._changed_ns and now_ns < self._changed_ns[-1]:
            self._in_order = False
        self._keys.append(key)
        self._sequences.append(self._sequence)
        self._changed_ns.append(now_ns)
        self._latest[key] = self._sequence
        if len(self._keys) > 1_000 and len(self._keys) > 2 * len(self._latest):
            self._forget_stale_changes()

    def _forget_stale_changes(self) -> None:
        """Keep one change a document; cursors keep their meaning because sequences only grow."""
        kept = [
            position
            for position, (key, sequence) in enumerate(zip(self._keys, self._sequences, strict=True))
            if self._latest[key] == sequence
        ]
        self._keys = [self._keys[position] for position in kept]
        self._sequences = array("q", [self._sequences[position] for position in kept])
        self._changed_ns = array("q", [self._changed_ns[position] for position in kept])
