"""One invariant: a sentence that must hold, and the query that looks for counter-examples."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import duckdb

from ..history.reader import FLOWS, History
from .errors import HeaderError
from .header import one_of, read_header
from .result import Finding, InvariantResult, Status

HOME = Path(__file__).with_name("invariants")

CLASSES = ("idempotency", "retry", "consistency", "timeliness", "traceability", "security")
SEVERITIES = ("critical", "major", "minor")

LAST_STEP = 1000
"""The place in the flow of an invariant that names none: users' own come last."""

MOST_FINDINGS = 1000
"""The most findings of one invariant that are kept; all are counted."""

MOST_EVIDENCE = 50
"""The most evidence rows that one finding names."""


@dataclass(frozen=True, slots=True)
class Invariant:
    """A query over the history: one row a subject with ``subject, holds, finding, evidence``.

    ``holds`` is null where the history does not say. A fifth column ``order_ref`` may name the order that a subject
    belongs to, so that one mistake's findings are shown together.
    """

    id: str
    claim: str
    flows: tuple[str, ...]
    """The flows that it speaks of; ``any`` for all of them."""
    class_: str
    severity: str
    remedy: str
    cause: str | None
    """What usually breaks it; null where the author does not say."""
    step: int
    """Place in the order of the flow: of several findings about one order the lowest is primary."""
    sql: str

    @classmethod
    def of_file(cls, path: Path) -> Self:
        """Read one ``.sql`` file. HeaderError where its header is incomplete or has an unknown value."""
        header, sql = read_header(path, ("claim", "flow", "class", "severity", "remedy"))
        flows = tuple(flow.strip() for flow in header["flow"].split(","))
        for flow in flows:
            one_of(path, "flow", flow, ("any", *FLOWS))
        step = header.get("step", str(LAST_STEP))
        if not step.isdigit():
            raise HeaderError(f"{path}: step is {step!r}; expected a whole number, the place in the flow")
        return cls(
            id=path.stem,
            claim=header["claim"],
            flows=flows,
            class_=one_of(path, "class", header["class"], CLASSES),
            severity=one_of(path, "severity", header["severity"], SEVERITIES),
            remedy=header["remedy"],
            cause=header.get("cause"),
            step=int(step),
            sql=sql,
        )

    def is_about(self, judged: Iterable[str]) -> bool:
        """Whether it speaks of any of these flows."""
        return "any" in self.flows or not set(self.flows).isdisjoint(judged)

    def ask(self, history: History) -> InvariantResult:
        """Look for counter-examples. A query that fails gives the status ``unknown``, never a pass."""
        try:
            return self._ask(history)
        except duckdb.Error as problem:
            return self._result("unknown", reason=f"the query failed: {str(problem).splitlines()[0]}")

    def _ask(self, history: History) -> InvariantResult:
        """Count first, which leaves words and evidence unmade; they are asked for only where something is wrong."""
        connection = history.connection
        connection.execute(f"CREATE OR REPLACE TEMP VIEW answer AS {self.sql}")
        try:
            columns = {str(row[0]) for row in connection.execute("DESCRIBE answer").fetchall()}
            connection.execute("DESCRIBE SELECT subject, finding, evidence FROM answer")  # each is there
            counted = connection.execute(
                "SELECT count(*), count(*) FILTER (WHERE NOT holds), count(*) FILTER (WHERE holds IS NULL) FROM answer"
            ).fetchone()
            examined, violated, open_ = counted or (0, 0, 0)
            order = "a.order_ref" if "order_ref" in columns else "o.order_ref"
            rows: list[tuple[Any, ...]] = []
            if violated:
                rows = connection.execute(
                    f"SELECT a.subject, a.finding, a.evidence, {order} FROM answer AS a "
                    "LEFT JOIN accepted_orders AS o ON o.order_ref = a.subject::VARCHAR WHERE NOT a.holds "
                    f"ORDER BY coalesce({order}, a.subject::VARCHAR), a.subject LIMIT {MOST_FINDINGS}"
                ).fetchall()
        finally:
            connection.execute("DROP VIEW answer")
        status: Status = "holds"
        if violated:
            status = "violated"
        elif open_:
            status = "indeterminate"
        elif not examined:
            status = "not exercised"
        findings = tuple(
            Finding(str(subject), str(finding), _evidence(evidence), order_ref)
            for subject, finding, evidence, order_ref in rows
        )
        return self._result(
            status, examined=examined, findings_count=violated, findings=findings, indeterminate=open_
        )

    def _result(
        self,
        status: Status,
        *,
        examined: int = 0,
        findings_count: int = 0,
        findings: tuple[Finding, ...] = (),
        indeterminate: int = 0,
        reason: str | None = None,
    ) -> InvariantResult:
        return InvariantResult(
            id=self.id,
            claim=self.claim,
            flow=", ".join(self.flows),
            class_=self.class_,
            severity=self.severity,
            remedy=self.remedy,
            step=self.step,
            status=status,
            examined=examined,
            findings_count=findings_count,
            findings=findings,
            indeterminate=indeterminate,
            reason=reason,
        )


def catalogue(extra: Iterable[Path] = ()) -> list[Invariant]:
    """Every invariant, ours and the user's, in the order of the flow. HeaderError where two have one name."""
    files = [*sorted(HOME.glob("*.sql")), *extra]
    seen: dict[str, Path] = {}
    for path in files:
        if path.stem in seen:
            raise HeaderError(
                f"{path}: an invariant of that name exists already ({seen[path.stem]}); rename the file"
            )
        seen[path.stem] = path
    return sorted(map(Invariant.of_file, files), key=lambda invariant: (invariant.step, invariant.id))


def _evidence(ids: Iterable[str | None] | None) -> tuple[str, ...]:
    """Without nulls and repeats, in the order given."""
    return tuple(dict.fromkeys(str(one) for one in ids or () if one is not None))[:MOST_EVIDENCE]
