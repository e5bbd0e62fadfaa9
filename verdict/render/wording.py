"""Words and marks that all renderings share; whatever came over the wire is made harmless here."""

import shlex
from pathlib import Path

from ...history.printable import printable
from ..result import Finding, Outcome, Status, Verdict

MARKS: dict[Status, str] = {
    "holds": "✓",
    "violated": "✗",
    "not exercised": "·",
    "indeterminate": "?",
    "unknown": "!",
}

BANNERS: dict[Outcome, str] = {
    "pass": "PASS: every invariant that was exercised holds",
    "fail": "FAIL: the middleware broke what it must keep",
    "inconclusive": "INCONCLUSIVE: this run proves nothing either way",
}


NOTHING_DONE = "no single step is at fault: an expected step is missing"

GUILTY = "✗ "
"""Before the line of the step that broke an invariant."""


def counted(number: int, one: str) -> str:
    """``1 order``, ``1,200 orders``; for nouns that take an s."""
    return f"{number:,} {one}" if number == 1 else f"{number:,} {one}s"


def evidence_lines(verdict: Verdict, finding: Finding, most: int) -> list[str]:
    """The rows that prove a finding, in time order where they are known, each in words, the guilty one marked; at most so
    many, and the guilty one among them."""
    rows = sorted(
        ((one == finding.guilty, verdict.evidence.get(one, one)) for one in finding.evidence),
        key=lambda row: _seconds(row[1]),
    )
    places = [place for place, (guilty, _) in enumerate(rows) if not guilty][
        : most - any(row[0] for row in rows)
    ]
    kept = [row for place, row in enumerate(rows) if row[0] or place in places]
    shown = [f"{GUILTY if guilty else '  '}{printable(line)}" for guilty, line in kept]
    if len(rows) > len(kept):
        shown.append(f"  and {len(rows) - len(kept)} more")
    return shown


def commands(folder: Path, finding: Finding) -> list[str]:
    """What to type to see more of a finding of the run in this folder, and to make it happen again."""
    run = shlex.quote(printable(str(folder)))
    if finding.order_ref is None:
        return [f"peakproof report {run}", f"peakproof run --from {run}"]
    order = shlex.quote(printable(finding.order_ref))
    return [f"peakproof explain {run} {order}", f"peakproof run --from {run} --only {order}"]


def _seconds(line: str) -> float:
    try:
        return float(line.split(" s ", 1)[0])
    except ValueError:
        return float("inf")
