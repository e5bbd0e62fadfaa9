"""Key figures for people's eyes: the percentiles of one thing side by side, in units that read well."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from ..result import KpiValue, Verdict
from .wording import counted

PERCENTILE = re.compile(r"_(p[0-9]+)$")
NOT_SAID = "?"


@dataclass(frozen=True, slots=True)
class FigureRow:
    """One figure, or the percentiles of one thing."""

    name: str
    overall: str
    by_channel: tuple[str, ...]
    """In the order of the channels; empty where a channel has none."""
    definition: str
    parts: tuple[tuple[str, str, str], ...] = ()
    """What it is split by besides channels: by what, name and value; of each split the greatest first."""


def channels_of(verdict: Verdict) -> list[str]:
    """Every channel that some figure is known of."""
    return sorted({channel for kpi in verdict.kpis for channel in kpi.by_channel})


def percentiles_of(verdict: Verdict) -> str:
    """What stands side by side: ``p50 · p95 · p99``."""
    found = (match[1] for kpi in verdict.kpis if (match := PERCENTILE.search(kpi.name)))
    return " · ".join(dict.fromkeys(found))


def figure_rows(verdict: Verdict) -> list[FigureRow]:
    """Every key figure, in the order of the verdict."""
    things: dict[str, list[KpiValue]] = {}
    for kpi in verdict.kpis:
        things.setdefault(PERCENTILE.sub("", kpi.name), []).append(kpi)
    channels = channels_of(verdict)
    return [_row(name, kpis, channels) for name, kpis in things.items()]


def _row(name: str, kpis: Sequence[KpiValue], channels: Iterable[str]) -> FigureRow:
    unit = kpis[0].unit
    overall = side_by_side([kpi.value for kpi in kpis], unit)
    return FigureRow(
        name.replace("_", " "),
        overall or _why_not(kpis[0]),
        tuple(
            side_by_side([kpi.by_channel.get(channel, (None, 0))[0] for kpi in kpis], unit)
            for channel in channels
        ),
        kpis[0].definition,
        _parts(kpis[0]),
    )


def _parts(kpi: KpiValue) -> tuple[tuple[str, str, str], ...]:
    return tuple(
        (dimension, name, side_by_side([value], kpi.unit) or NOT_SAID)
        for dimension, split in kpi.parts.items()
        for name, (value, _) in sorted(split.items(), key=lambda part: (-(part[1][0] or 0.0), part[0]))
    )


def side_by_side(values: Sequence[float | None], unit: str) -> str:
    """``1.08 · 3.88 · ? s``; empty where there is no value at all."""
    known = [value for value in values if value is not None]
    if not known:
        return ""
    if unit in ("units", "orders", "exceptions") and len(values) == 1:
        return counted(round(known[0]), unit.removesuffix("s"))
    scale = 1.0
    if unit == "ratio":
        scale, unit = 100.0, "%"
    elif unit == "s" and max(known) < 1:
        scale, unit = 1000.0, "ms"
    return (
        " · ".join(NOT_SAID if value is None else three_digits(value * scale) for value in values)
        + f" {unit}"
    ).rstrip()


def three_digits(value: float) -> str:
    """About three digits that count, never an exponent: ``0.069``, ``3.88``, ``12.3``, ``4,001``; a zero is ``0``."""
    if value == 0:
        return "0"
    size = abs(value)
    decimals = 0 if size >= 100 else 1 if size >= 10 else 2 if size >= 0.1 else 3
    return f"{value:,.{decimals}f}"


def _why_not(kpi: KpiValue) -> str:
    if kpi.reason:
        return "failed"
    return "never" if kpi.count and not PERCENTILE.search(kpi.name) else f"too few ({kpi.count})"
