"""Where the ink of a plot goes: lines and stacks of a run over time as paths and labels, and the numbers for the script.

Every plot is drawn twice. As a picture by ``templates/plots.html``, which needs no script, prints, and is what a browser
without scripts shows; and by uPlot (``script.py``), which puts a canvas with hover and zoom in its place. What else was
weighed: Plotly's script alone is 4.8 MB, more than the whole page may have; Bokeh's is 1 MB and brings numpy, pandas,
Pillow and tornado; pygal knows no shaded bands. uPlot is 51 KB under the MIT licence and sets no HTML.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from ...history.printable import printable
from .figures import three_digits
from .series import Band, Clock, Line, Plot

WIDTH, HEIGHT = 1000, 100
"""Of the drawing, which the page stretches to the width that it has."""


@dataclass(frozen=True, slots=True)
class Tick:
    at: float
    """Percent of the axis, from the left or from the bottom."""
    label: str


@dataclass(frozen=True, slots=True)
class Shade:
    """One band of a fault in a plot, in percent of its width."""

    letter: str
    left: float
    width: float
    title: str


@dataclass(frozen=True, slots=True)
class Trace:
    """One drawn line or layer."""

    name: str
    look: int
    """Which colour, dash and texture it has."""
    path: str
    peak: str
    """Its highest value and when, in words."""


@dataclass(frozen=True, slots=True)
class Chart:
    """A plot, drawn."""

    plot: Plot
    traces: tuple[Trace, ...]
    across: tuple[Tick, ...]
    upward: tuple[Tick, ...]
    shades: tuple[Shade, ...]
    rows: tuple[tuple[str, ...], ...]
    """The same as a table: time, then each line's value."""

    @property
    def step(self) -> str:
        """How long a step lasts."""
        return seconds(self.plot.clock.step_s)

    @property
    def alt(self) -> str:
        """What the picture shows, for whoever cannot see it."""
        said = "; ".join(f"{trace.name}: {trace.peak}" for trace in self.traces)
        shaded = ", ".join(dict.fromkeys(shade.title for shade in self.shades))
        return f"{self.plot.title}, {self.plot.unit} over time. {said}." + (
            f" Shaded: {shaded}." if shaded else ""
        )


def drawn(plot: Plot, bands: Sequence[Band]) -> Chart:
    """A plot with the injections that were active for a part of the run as shaded bands."""
    heights = _stacked(plot.lines) if plot.kind == "stack" else [line.values for line in plot.lines]
    top = _round_up(max((value for values in heights for value in values if value is not None), default=0.0))
    traces = tuple(
        Trace(
            line.name,
            line.look,
            _layer(heights[place], heights[place - 1] if place else None, top)
            if plot.kind == "stack"
            else _line(values, top),
            _peak(line, plot),
        )
        for place, (line, values) in enumerate(zip(plot.lines, heights, strict=True))
    )
    shaded = [band for band in bands if not band.whole_run]
    return Chart(
        plot,
        traces,
        time_ticks(plot.clock),
        tuple(Tick(100 * part, f"{top * part:,.10g}") for part in (0.0, 0.5, 1.0)),
        tuple(
            Shade(
                band.letter,
                100 * start / plot.clock.end_s,
                100 * (min(end, plot.clock.end_s) - start) / plot.clock.end_s,
                f"{band.letter} {band.injection} from {seconds(start)} to {seconds(end)}",
            )
            for band in shaded
            for start, end in band.windows
        ),
        tuple(
            (
                seconds(step * plot.clock.step_s),
                *("" if (value := line.values[step]) is None else three_digits(value) for line in plot.lines),
            )
            for step in range(plot.clock.steps)
        ),
    )


def numbers(charts: Sequence[Chart], bands: Sequence[Band]) -> dict[str, Any]:
    """What ``templates/report.js`` draws: the lines of every plot and the shaded bands, seconds since the first record."""
    return {
        "end_s": max((chart.plot.clock.end_s for chart in charts), default=0.0),
        "bands": [
            {
                "letter": band.letter,
                "says": printable(f"{band.injection} ({band.fault})"),
                "windows": [[round(start, 3), round(end, 3)] for start, end in band.windows],
            }
            for band in bands
            if not band.whole_run
        ],
        "plots": [
            {
                "step_s": chart.plot.clock.step_s,
                "stack": chart.plot.kind == "stack",
                "lines": [
                    {
                        "name": printable(line.name),
                        "look": line.look,
                        "values": [None if value is None else float(f"{value:.4g}") for value in line.values],
                    }
                    for line in chart.plot.lines
                ],
            }
            for chart in charts
        ],
    }


def time_ticks(clock: Clock) -> tuple[Tick, ...]:
    """Four to eight round times along the axis."""
    power = 10.0 ** math.floor(math.log10(clock.end_s / 4))
    gap_s = next(factor * power for factor in (5, 2, 1) if factor * power <= clock.end_s / 4)
    return tuple(
        Tick(100 * place * gap_s / clock.end_s, seconds(place * gap_s))
        for place in range(int(clock.end_s / gap_s + 1e-9) + 1)
        if place * gap_s <= 0.97 * clock.end_s
    )


def seconds(value: float) -> str:
    """``0.25 s``, ``12 s``: as exact as it has to be."""
    return f"{round(value, 2):g} s" if abs(value) < 1000 else f"{value:,.0f} s"


def _stacked(lines: Sequence[Line]) -> list[tuple[float, ...]]:
    """The upper edge of each layer."""
    edges: list[tuple[float, ...]] = []
    for line in lines:
        below = edges[-1] if edges else (0.0,) * len(line.values)
        edges.append(tuple(low + (value or 0.0) for low, value in zip(below, line.values, strict=True)))
    return edges


def _line(values: Sequence[float | None], top: float) -> str:
    """A path through the middle of each step; a gap where there is no value, a dot where a value stands alone."""
    parts: list[str] = []
    gap = True
    for step, value in enumerate(values):
        if value is None:
            gap = True
            continue
        x, y = WIDTH * (step + 0.5) / len(values), HEIGHT * (1 - value / top)
        parts.append(f"{'M' if gap else 'L'}{x:.1f} {y:.1f}" + ("h.1" if gap else ""))
        gap = False
    return "".join(parts)


def _layer(upper: Sequence[float | None], lower: Sequence[float | None] | None, top: float) -> str:
    """The outline of a layer of steps; nothing where it is flat."""
    parts = []
    width = WIDTH / len(upper)
    for step, edge in enumerate(upper):
        floor = (lower[step] or 0.0) if lower else 0.0
        high = (edge or 0.0) - floor
        if high > 0:
            y = HEIGHT * (1 - (edge or 0.0) / top)
            parts.append(
                f"M{width * step:.1f} {y:.1f}h{width * 0.9:.1f}v{HEIGHT * high / top:.1f}h-{width * 0.9:.1f}z"
            )
    return "".join(parts)


def _peak(line: Line, plot: Plot) -> str:
    known = [(value, -step) for step, value in enumerate(line.values) if value is not None]
    if not known:
        return "nothing"
    value, step = max(known)
    return f"at most {three_digits(value)} {plot.unit}, at {seconds(-step * plot.clock.step_s)}"


def _round_up(value: float) -> float:
    """The next round number that leaves the highest value inside."""
    if value <= 0:
        return 1.0
    power = 10.0 ** math.floor(math.log10(value))
    return next(
        factor * power
        for factor in (1, 1.2, 1.6, 2, 2.4, 3, 4, 5, 6, 8, 10)
        if factor * power >= value * 0.9999
    )
