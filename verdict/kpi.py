"""One key figure: what it means, and the query that gives its samples."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import duckdb

from ..history.reader import History
from .errors import HeaderError
from .header import one_of, read_header
from .result import InvariantResult, KpiValue, ObjectiveResult

HOME = Path(__file__).with_name("kpis")

MEASURES = ("percentiles", "share", "total", "longest")

DIMENSIONS = ("injection", "reason", "record", "system")
"""What a figure can be split by besides channels."""

OBJECTIVES = "objectives"

_SO_FAR = {
    "asked_invariants": "id VARCHAR, examined BIGINT, violated BIGINT, indeterminate BIGINT",
    "checked_objectives": "objective VARCHAR, channel VARCHAR, met BOOLEAN",
}
"""Tables of what judging has found so far, with their columns; key figures may be about it."""

# Each is asked over all samples and for each channel; the first column is the value, the second the count.
_SQL = {
    "percentiles": "quantile_cont(value, {quantile}), count(value)",
    "share": "sum(part) / nullif(sum(whole), 0), coalesce(sum(whole), 0)",
    "total": "coalesce(sum(value), 0), count(*)",
    "longest": "CASE WHEN count(*) = count(value) THEN max(value) END, count(*)",
}


@dataclass(frozen=True, slots=True)
class Kpi:
    """A query that returns samples, and the measure taken of them.

    Samples are rows of ``channel, value`` (null for what belongs to no channel); for the measure ``share`` they are
    ``channel, part, whole``. Measures: ``percentiles``, ``share`` (parts over wholes), ``total``, and ``longest``,
    which is null as soon as one sample is, for then the longest is not known. Further columns, which the header's
    ``by`` lists, say e.g. the reason or the injection that a sample is about; the figure is then also said of each.

    Besides the history a query may ask what judging has found so far: ``asked_invariants`` (``id, examined, violated,
    indeterminate``) and, where its header says ``after: objectives``, ``checked_objectives`` (``objective, channel,
    met``; of all channels together where ``channel`` is null).
    """

    name: str
    definition: str
    unit: str
    source: str
    better: str
    measure: str
    percentiles: Mapping[int, int]
    """Percentile → the fewest samples with which it is said; empty for other measures."""
    by: tuple[str, ...]
    """What it is split by besides channels."""
    after: str | None
    """``objectives`` where it is taken after the objectives on all others were checked."""
    sql: str

    @classmethod
    def of_file(cls, path: Path) -> Self:
        """Read one ``.sql`` file. HeaderError where its header is incomplete or has an unknown value."""
        header, sql = read_header(path, ("name", "definition", "unit", "source", "better", "measure"))
        measure, *percentiles = header["measure"].split()
        one_of(path, "measure", measure, MEASURES)
        try:
            counts = {int(p): int(n) for p, _, n in (one.partition(":") for one in percentiles)}
        except ValueError:
            raise HeaderError(
                f"{path}: measure is {header['measure']!r}; expected e.g. 'percentiles 50:1 95:20 99:100'"
            ) from None
        if (measure == "percentiles") != bool(counts):
            raise HeaderError(
                f"{path}: measure is {header['measure']!r}; 'percentiles' and nothing else takes e.g. '50:1 95:20'"
            )
        by = tuple(one.strip() for one in header["by"].split(",")) if "by" in header else ()
        for one in by:
            one_of(path, "by", one, DIMENSIONS)
        after = header.get("after")
        if after is not None:
            one_of(path, "after", after, (OBJECTIVES,))
        return cls(
            name=header["name"],
            definition=header["definition"],
            unit=header["unit"],
            source=header["source"],
            better=one_of(path, "better", header["better"], ("lower", "higher")),
            measure=measure,
            percentiles=counts,
            by=by,
            after=after,
            sql=sql,
        )

    @property
    def names(self) -> list[str]:
        """The names of its figures: one, or one a percentile."""
        return [f"{self.name}_p{p}" for p in self.percentiles] or [self.name]

    def take(self, history: History) -> list[KpiValue]:
        """Measure it. A query that fails gives null values with the reason."""
        try:
            for table in _SO_FAR:
                _made(history, table)
            history.connection.execute(f"CREATE OR REPLACE TEMP TABLE samples AS {self.sql}")
            if not self.percentiles:
                return [self._value(history, self.name, _SQL[self.measure], 1)]
            return [
                self._value(history, name, _SQL["percentiles"].format(quantile=percentile / 100), fewest)
                for name, (percentile, fewest) in zip(self.names, self.percentiles.items(), strict=True)
            ]
        except duckdb.Error as problem:
            reason = f"the query failed: {str(problem).splitlines()[0]}"
            return [self._figure(name, None, 0, reason=reason) for name in self.names]

    def _value(self, history: History, name: str, aggregates: str, fewest: int) -> KpiValue:
        value, count = history.connection.execute(f"SELECT {aggregates} FROM samples").fetchone() or (None, 0)
        by_channel = _split(history, "channel", aggregates, fewest)
        parts = {one: _split(history, one, aggregates, fewest) for one in self.by}
        if self.measure == "total":
            fewest = 0  # nothing to add up comes to nothing
        return self._figure(name, _said(value, count, fewest), int(count), by_channel, parts)

    def _figure(
        self,
        name: str,
        value: float | None,
        count: int,
        by_channel: Mapping[str, tuple[float | None, int]] | None = None,
        parts: Mapping[str, Mapping[str, tuple[float | None, int]]] | None = None,
        reason: str | None = None,
    ) -> KpiValue:
        return KpiValue(
            name=name,
            value=value,
            unit=self.unit,
            count=count,
            better=self.better,
            definition=self.definition,
            source=self.source,
            by_channel=by_channel or {},
            parts=parts or {one: {} for one in self.by},
            measure=self.measure,
            reason=reason,
        )


def units(kpis: Iterable[Kpi]) -> dict[str, str]:
    """The unit of every figure, by name, in the order of the figures."""
    return {name: one.unit for one in kpis for name in one.names}


def note_invariants(history: History, results: Iterable[InvariantResult]) -> None:
    """Let the key figures ask what became of the invariants."""
    rows = [(one.id, one.examined, one.findings_count, one.indeterminate) for one in results]
    _note(history, "asked_invariants", rows)


def note_objectives(history: History, results: Iterable[ObjectiveResult]) -> None:
    """Let the key figures ask what became of the objectives, over all and of each channel."""
    rows = [
        (one.objective, channel, met)
        for one in results
        for channel, met in ((None, bool(one.met)), *one.by_channel.items())
    ]
    _note(history, "checked_objectives", rows)


def _made(history: History, table: str) -> None:
    history.connection.execute(f"CREATE TEMP TABLE IF NOT EXISTS {table} ({_SO_FAR[table]})")


def _note(history: History, table: str, rows: Sequence[tuple[object, ...]]) -> None:
    _made(history, table)
    history.connection.execute(f"DELETE FROM {table}")
    if rows:
        marks = ", ".join("?" for _ in rows[0])
        history.connection.executemany(f"INSERT INTO {table} VALUES ({marks})", rows)


def _split(
    history: History, dimension: str, aggregates: str, fewest: int
) -> dict[str, tuple[float | None, int]]:
    """Value and count of each channel, reason, …; samples that are of none are left out."""
    rows = history.connection.execute(
        f"SELECT {dimension}, {aggregates} FROM samples WHERE {dimension} IS NOT NULL GROUP BY {dimension} ORDER BY {dimension}"
    ).fetchall()
    return {str(name): (_said(value, count, fewest), int(count)) for name, value, count in rows}


def catalogue(extra: Iterable[Path] = ()) -> list[Kpi]:
    """Every key figure, by name."""
    return sorted(map(Kpi.of_file, [*HOME.glob("*.sql"), *extra]), key=lambda kpi: kpi.name)


def _said(value: float | None, count: int, fewest: int) -> float | None:
    return None if value is None or count < fewest else round(float(value), 6)
