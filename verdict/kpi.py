"""One key figure: what it means, and the query that gives its samples."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import duckdb

from ..history.reader import History
from .errors import HeaderError
from .header import one_of, read_header
from .result import KpiValue

HOME = Path(__file__).with_name("kpis")

MEASURES = ("percentiles", "share", "total", "longest")

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
    which is null as soon as one sample is, for then the longest is not known. A further column ``injection`` names
    the injection that a sample is about; the figure is then also said of each.
    """

    name: str
    definition: str
    unit: str
    source: str
    better: str
    measure: str
    percentiles: Mapping[int, int]
    """Percentile → the fewest samples with which it is said; empty for other measures."""
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
        return cls(
            name=header["name"],
            definition=header["definition"],
            unit=header["unit"],
            source=header["source"],
            better=one_of(path, "better", header["better"], ("lower", "higher")),
            measure=measure,
            percentiles=counts,
            sql=sql,
        )

    @property
    def names(self) -> list[str]:
        """The names of its figures: one, or one a percentile."""
        return [f"{self.name}_p{p}" for p in self.percentiles] or [self.name]

    def take(self, history: History) -> list[KpiValue]:
        """Measure it. A query that fails gives null values with the reason."""
        try:
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
        overall = history.connection.execute(f"SELECT {aggregates} FROM samples").fetchone() or (None, 0)
        channels = history.connection.execute(
            f"SELECT channel, {aggregates} FROM samples WHERE channel IS NOT NULL GROUP BY channel ORDER BY channel"
        ).fetchall()
        by_channel = {
            str(channel): (_said(value, count, fewest), int(count)) for channel, value, count in channels
        }
        by_injection: dict[str, float | None] = {}
        if any(row[0] == "injection" for row in history.connection.execute("DESCRIBE samples").fetchall()):
            rows = history.connection.execute(
                f"SELECT injection, {aggregates} FROM samples WHERE injection IS NOT NULL GROUP BY injection ORDER BY injection"
            ).fetchall()
            by_injection = {str(injection): _said(value, count, fewest) for injection, value, count in rows}
        if self.measure == "total":
            fewest = 0  # nothing to add up comes to nothing
        return self._figure(
            name, _said(overall[0], overall[1], fewest), int(overall[1]), by_channel, by_injection
        )

    def _figure(
        self,
        name: str,
        value: float | None,
        count: int,
        by_channel: Mapping[str, tuple[float | None, int]] | None = None,
        by_injection: Mapping[str, float | None] | None = None,
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
            by_injection=by_injection or {},
            reason=reason,
        )


def catalogue(extra: Iterable[Path] = ()) -> list[Kpi]:
    """Every key figure, by name."""
    return sorted(map(Kpi.of_file, [*HOME.glob("*.sql"), *extra]), key=lambda kpi: kpi.name)


def _said(value: float | None, count: int, fewest: int) -> float | None:
    return None if value is None or count < fewest else round(float(value), 6)
