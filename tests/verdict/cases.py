"""One literal case of an invariant: what happened, in rows, and what the invariant must say of it."""

from collections.abc import Sequence
from dataclasses import dataclass

from .histories import Row, asked


@dataclass(frozen=True)
class Case:
    invariant: str
    expected: str
    sentence: str
    rows: Sequence[Row]
    settled: bool = True
    flows: tuple[str, ...] = ()
    in_vain_since_s: int | None = None

    def check(self) -> None:
        """Fails unless the invariant says what is expected, with evidence for whatever it finds."""
        result = asked(
            self.invariant,
            self.rows,
            settled=self.settled,
            flows=self.flows,
            in_vain_since_s=self.in_vain_since_s,
        )
        assert result.reason is None, result.reason
        assert result.status == self.expected, [
            f"{f.subject}: {f.finding}" for f in result.findings
        ] or result.status
        assert all(finding.evidence and finding.finding for finding in result.findings)


def cases(invariant: str, *listed: tuple[str, str, Sequence[Row]]) -> list[Case]:
    """Cases of one invariant: expected status, sentence, rows. ``indeterminate`` ones are of runs that never settled."""
    return [
        Case(invariant, expected, sentence, rows, settled=expected != "indeterminate")
        for expected, sentence, rows in listed
    ]


def name_of(case: Case) -> str:
    return f"{case.invariant}: {case.sentence}"
