"""Versioned values that wait to be sent: the newest of each item stands, and each item is in one hand at a time."""

from collections.abc import Iterable, Iterator

from msgspec import Struct
from msgspec.structs import replace

from .policies import VersionPolicy


class Value(Struct, frozen=True):
    """One version of something."""

    version: int
    body: bytes
    """As the target's bulk endpoint takes it, encoded."""
    due_at: float = 0.0
    """Unix time before which it must not be sent."""
    repeated: int = 0
    """How often it had to be sent again because an older one had come after it."""


class Item(Struct):
    """What is known about one thing: the value that the target has, and those still to be sent."""

    sent: Value | None = None
    sent_at: float = 0.0
    waiting: list[Value] = []


class Shelf:
    """Items by name. A value that is superseded before it is sent is dropped, unless it is due sooner."""

    def __init__(self, policy: VersionPolicy) -> None:
        self._supersedes = policy.supersedes
        self._items: dict[str, Item] = {}
        self._dirty: dict[str, None] = {}
        """Items with values to send, the one that has waited longest first."""
        self._taken: set[str] = set()

    def put_back(self, name: str, item: Item) -> None:
        """An item as it was when the process ended."""
        self._items[name] = item
        if item.waiting:
            self._dirty[name] = None

    def offer(self, name: str, value: Value) -> Item | None:
        """Keep a value; returns the item if that changes anything."""
        item = self._items.get(name)
        if item is None:
            item = self._items[name] = Item()
        supersedes = self._supersedes
        if not supersedes(value.version, item.sent.version if item.sent else None):
            return None
        for other in item.waiting:
            if other.version == value.version:
                return None
            if supersedes(other.version, value.version) and other.due_at <= value.due_at:
                return None
        item.waiting = [
            other
            for other in item.waiting
            if other.due_at < value.due_at or not supersedes(value.version, other.version)
        ]
        item.waiting.append(value)
        self._dirty[name] = None
        return item

    def take(self, most: int, now: float) -> dict[str, Value]:
        """The newest value that is due of up to so many items; they are nobody else's until given back."""
        batch: dict[str, Value] = {}
        for name in self._free():
            due = [value for value in self._items[name].waiting if value.due_at <= now]
            if due:
                batch[name] = max(due, key=lambda value: value.version)
                if len(batch) == most:
                    break
        self._taken.update(batch)
        return batch

    def give_back(self, names: Iterable[str]) -> None:
        """Somebody else may take these items again."""
        self._taken.difference_update(names)

    def settle(self, name: str, value: Value, now: float) -> Item:
        """The target has this version; the older ones need not go any more."""
        item = self._items[name]
        item.sent, item.sent_at = value, now
        item.waiting = [each for each in item.waiting if each.version > value.version]
        self._dirty.pop(name, None)
        if item.waiting:
            self._dirty[name] = None  # at the end: the others have waited longer
        return item

    def seen(self, name: str, version: int, asked_at: float) -> Item | None:
        """The target shows this version; one that is older than what it was sent has come late and is overwritten.

        ``asked_at`` is when the target was asked: what it has been sent since says nothing about its answer.
        """
        item = self._items.get(name)
        if item is None or item.sent is None or item.waiting or name in self._taken:
            return None
        if item.sent_at >= asked_at or not self._supersedes(item.sent.version, version):
            return None
        item.waiting = [replace(item.sent, repeated=item.sent.repeated + 1)]
        item.sent = None
        self._dirty[name] = None
        return item

    def next_due(self) -> float | None:
        """When the first value of an item that is free is due; None where none waits."""
        return min(
            (value.due_at for name in self._free() for value in self._items[name].waiting), default=None
        )

    def pending(self, now: float) -> int:
        """Items with a value that is due."""
        return sum(any(value.due_at <= now for value in self._items[name].waiting) for name in self._dirty)

    def _free(self) -> Iterator[str]:
        return (name for name in self._dirty if name not in self._taken)
