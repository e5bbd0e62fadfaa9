"""How documents stood a while ago, kept only while a fault wants to show them so."""

from bisect import bisect_right
from copy import copy
from typing import Any


class Past:
    """Every state of every document since it began; what was there then counts as there from ever."""

    def __init__(self) -> None:
        self._stood: dict[int, tuple[Any, list[int], list[Any]]] = {}
        """By identity: the document itself, when it changed, and how it stood from then on."""

    def begin(self, document: Any) -> None:
        """It was there before."""
        self._stood[id(document)] = (document, [0], [copy(document)])

    def note(self, document: Any, now_ns: int) -> None:
        """It is new, or has just changed."""
        _, times, states = self._stood.setdefault(id(document), (document, [], []))
        times.append(now_ns)
        states.append(copy(document))

    def at(self, document: Any, at_ns: int) -> Any:
        """As it stood then; None where it was not there yet. One that is not kept here is as it is."""
        if id(document) not in self._stood:
            return document
        _, times, states = self._stood[id(document)]
        place = bisect_right(times, at_ns)
        return states[place - 1] if place else None
