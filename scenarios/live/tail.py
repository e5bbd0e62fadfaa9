"""What a run has recorded so far, read on as it is written: how each system answers, and how far the orders are."""

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

import msgspec

from ...history import records

R = TypeVar("R", records.Call, records.Effect)

WINDOW_S = 10.0
"""Latency and failures are those of so many last seconds."""

STATES = {
    "order_placed": "placed",
    "oms_order_created": "created",
    "sales_order_received": "booked",
    "sales_order_posted": "posted",
    "shipment_confirmed": "shipped",
    "order_cancelled": "ended",
    "order_unfillable": "ended",
}
"""Which effect brings an order how far; ``ended`` is cancelled, unfillable or refused for good."""
NAMES = ("placed", "created", "booked", "posted", "shipped", "ended")


@dataclass(slots=True)
class Answers:
    """How one system answered of late."""

    recent: deque[tuple[int, float, bool]] = field(default_factory=deque)
    """When, after how many milliseconds, and whether it was done."""

    def since(self, then_ns: int) -> dict[str, float | int | None]:
        """``p50_ms`` and ``p95_ms`` (null where nothing was asked), ``failing``: calls not done, of ``asked``."""
        while self.recent and self.recent[0][0] < then_ns:
            self.recent.popleft()
        took = sorted(one for _, one, _ in self.recent)
        return {
            "p50_ms": round(took[len(took) // 2], 1) if took else None,
            "p95_ms": round(took[min(len(took) - 1, len(took) * 19 // 20)], 1) if took else None,
            "failing": sum(not done for _, _, done in self.recent),
            "asked": len(took),
        }


class Tail:
    """Reads the record files of one run on; call ``read`` now and then."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder / "history"
        self._offsets: dict[Path, int] = {}
        self._calls = msgspec.json.Decoder(records.Call)
        self._effects = msgspec.json.Decoder(records.Effect)
        self._answers: dict[str, Answers] = {}
        self._orders: dict[str, set[str]] = {name: set() for name in NAMES}
        self.newest: list[str] = []
        """The orders that were placed last, the newest first."""
        self.lines = 0
        """Read so far: a measure of how much there is to judge."""
        self._last_ns = 0

    def read(self) -> None:
        """Take in what was written since."""
        for call in self._new(records.Call, self._calls):
            took_ms = (call.replied_ns - call.at_ns) / 1e6
            answers = self._answers.setdefault(call.system, Answers())
            answers.recent.append((call.at_ns, took_ms, call.outcome == "ok"))
            self._last_ns = max(self._last_ns, call.at_ns)
        for effect in self._new(records.Effect, self._effects):
            self._see(effect)
        self.newest = self.newest[:20]

    def answers(self, now_ns: int) -> dict[str, dict[str, float | int | None]]:
        """By system, over the last seconds."""
        return {name: one.since(now_ns - round(WINDOW_S * 1e9)) for name, one in self._answers.items()}

    def orders(self) -> dict[str, int]:
        """How many orders have come so far, by state."""
        return {name: len(found) for name, found in self._orders.items()}

    def _see(self, effect: records.Effect) -> None:
        state = STATES.get(effect.kind)
        if effect.kind == "sales_order_rejected" and effect.permanent:
            state = "ended"
        if state is None or effect.order_ref is None or effect.actor == "before-run":
            return
        if state == "placed":
            self.newest.insert(0, effect.order_ref)
        self._orders[state].add(effect.order_ref)

    def _new(self, record: type[R], decoder: "msgspec.json.Decoder[R]") -> Iterator[R]:
        """Whole new lines of one kind; a line under way is read the next time, one that is damaged is left out."""
        for path in sorted(self._folder.glob(f"{record.table}-*.jsonl")):
            with path.open("rb") as file:
                file.seek(self._offsets.get(path, 0))
                for line in file:
                    if not line.endswith(b"\n"):
                        break
                    self._offsets[path] = self._offsets.get(path, 0) + len(line)
                    self.lines += 1
                    try:
                        yield decoder.decode(line)
                    except msgspec.DecodeError:
                        continue
