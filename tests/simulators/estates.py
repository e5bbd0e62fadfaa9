"""Small whole estates, in a folder of their own."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path
from typing import Any

from peakproof.history.clock import Clock
from peakproof.history.writer import HistoryWriter
from peakproof.simulators.estate import Estate, EstateSettings, OpeningItem, SystemSettings

KINDS = {
    "web": "marketplace",
    "bazaar": "marketplace",
    "oms": "oms",
    "erp": "erp",
    "wms": "wms",
    "payments": "payments",
}


def small_estate(folder: Path, *, time_scale: float = 0.001, **settings: Any) -> Estate:
    """Six systems on free ports, not started; ``settings`` are the estate's, or by name one system's."""
    systems = {
        name: SystemSettings(
            kind, **settings.pop(name, {"rules": {"currencies": ("EUR",)}} if name == "bazaar" else {})
        )
        for name, kind in KINDS.items()
    }
    return Estate(
        EstateSettings(systems=systems, time_scale=time_scale, **settings),
        HistoryWriter(folder / "history", "estate"),
        Clock(),
    )


@contextmanager
def unstarted_estate(folder: Path) -> Iterator[Estate]:
    """An estate that never serves: for its declarations."""
    estate = small_estate(folder)
    try:
        yield estate
    finally:
        for system in estate.systems.values():
            system.socket.close()
        estate.writer.close()


def articles(*skus: str, units: int = 100) -> Iterable[OpeningItem]:
    """Articles at 2.08 in pounds and euros, with as many units in the north as in the south."""
    prices = {"GBP": Decimal("2.08"), "EUR": Decimal("2.08")}
    return [OpeningItem(sku, f"Article {sku}", {"north": units, "south": units}, prices) for sku in skus]
