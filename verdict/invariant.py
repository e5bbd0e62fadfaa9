"""One invariant as a query: a sentence that must hold, and the SQL that looks for counter-examples."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import duckdb

from ..history.reader import History
from .claim import MOST_EXPLAINED, MOST_FINDINGS, REQUIRED, Claim, evidence_of, fields_of
from .header import read_header
from .result import Finding, InvariantResult
from .time_limit import TookTooLong, within

HOME = Path(__file__).with_name("invariants")


@dataclass(frozen=True, slots=True)
class Invariant(Claim):
    """A query over the history: one row a subject with ``subject, holds, finding, evidence``.

    ``holds`` is null where the history does not say. Four more columns are optional. ``order_ref``: the order that a
    subject belongs to, so that one mistake's findings are shown together. ``guilty``: the id of the row that broke the
    invariant; null says that none did, that something is missing. ``remedy``: what to do about this very finding.
    ``explains``: a list of other orders or subjects whose findings this one accounts for.
    """

    sql: str

    @classmethod
    def of_file(cls, path: Path) -> Self:
        """Read one ``.sql`` file. HeaderError where its header is incomplete or has an unknown value."""
        header, sql = read_header(path, REQUIRED)
        return cls(id=path.stem, **fields_of(header, path), sql=sql)

    def ask(self, history: History) -> InvariantResult:
        """Look for counter-examples. A query that fails, or has a limit and passes it, gives the status ``unknown``, never a pass."""
        try:
            if self.limit_s is None:
                return self._ask(history)
            return within(self.limit_s, lambda: self._ask(history), history.connection.interrupt)
        except TookTooLong:
            return self.took_too_long(self.limit_s or 0.0, f"{self.id}.sql")
        except duckdb.Error as problem:
            return self.unknown(f"the query failed: {str(problem).splitlines()[0]}")

    def _ask(self, history: History) -> InvariantResult:
        """Count first, which leaves words and evidence unmade; they are asked for only where something is wrong."""
        connection = history.connection
        connection.execute(f"CREATE OR REPLACE TEMP VIEW answer AS {self.sql}")
        try:
            columns = {str(row[0]) for row in connection.execute("DESCRIBE answer").fetchall()}
            if not {"subject", "finding", "evidence"} <= columns:
                # the error says which is not there
                connection.execute("DESCRIBE SELECT subject, finding, evidence FROM answer")
            counted = connection.execute(
                "SELECT count(*), count(*) FILTER (WHERE NOT holds), count(*) FILTER (WHERE holds IS NULL) FROM answer"
            ).fetchone()
            examined, violated, open_ = counted or (0, 0, 0)
            order = "a.order_ref" if "order_ref" in columns else "o.order_ref"
            says_guilty = "guilty" in columns
            more = [f"a.{name}" if name in columns else "NULL" for name in ("guilty", "remedy", "explains")]
            rows: list[tuple[Any, ...]] = []
            if violated:
                rows = connection.execute(
                    f"SELECT a.subject, a.finding, a.evidence, {order}, {', '.join(more)} FROM answer AS a "
                    "LEFT JOIN accepted_orders AS o ON o.order_ref = a.subject::VARCHAR WHERE NOT a.holds "
                    f"ORDER BY coalesce({order}, a.subject::VARCHAR), a.subject LIMIT {MOST_FINDINGS}"
                ).fetchall()
        finally:
            connection.execute("DROP VIEW answer")
        findings = (
            Finding(
                str(subject),
                str(finding),
                evidence_of(evidence),
                order_ref,
                guilty=guilty,
                omission=says_guilty and guilty is None,
                remedy=remedy,
                explains=evidence_of(explains, MOST_EXPLAINED),
            )
            for subject, finding, evidence, order_ref, guilty, remedy, explains in rows
        )
        return self.result(examined, violated, findings, open_)


def catalogue() -> list[Invariant]:
    """Every invariant of ours, in the order of the flow."""
    found = map(Invariant.of_file, HOME.glob("*.sql"))
    return sorted(found, key=lambda one: (one.step, one.id))
