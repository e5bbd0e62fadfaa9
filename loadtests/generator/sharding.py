"""A plan dealt out to several workers: by order, so that no two of them ever send the same one."""

from collections.abc import Sequence
from hashlib import blake2b
from itertools import count

import msgspec

from .job import Act

DIGEST_BYTES = 8


class _About(msgspec.Struct, frozen=True):
    """Whose order an act is about."""

    order_ref: str


def shards(acts: Sequence[Act], workers: int) -> list[list[Act]]:
    """The acts of each worker, in the plan's sequence: together they are all, and none is in two.

    Orders go round in turn, so that a burst meets all workers alike; the wish to cancel or to return goes to whoever
    places the order. Nothing is drawn anew: the same plan gives the same orders at the same times, whatever the number.
    """
    turn = count()
    home: dict[str, int] = {}
    about = [msgspec.json.decode(act.item, type=_About).order_ref for act in acts]
    for act, order_ref in zip(acts, about, strict=True):
        if act.kind == "order":
            home[order_ref] = next(turn) % workers
    dealt: list[list[Act]] = [[] for _ in range(workers)]
    for act, order_ref in zip(acts, about, strict=True):
        if order_ref not in home:  # it was placed before the run
            home[order_ref] = next(turn) % workers
        dealt[home[order_ref]].append(act)
    return dealt


def digest(acts: Sequence[Act]) -> str:
    """What these acts come to in the words of this very peakproof: another one that reads them otherwise gets another."""
    sum_of_all = blake2b(digest_size=DIGEST_BYTES)
    for act in acts:
        sum_of_all.update(msgspec.json.encode((act.number, act.kind, act.wanted)))
    return sum_of_all.hexdigest()
