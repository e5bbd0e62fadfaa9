"""Prints docs/invariants.md: ``python docs/print_invariants.py > docs/invariants.md``."""

import sys
from collections.abc import Iterator
from itertools import takewhile

from peakproof.middleware.defects import DEFECTS
from peakproof.verdict.claim import CLASSES
from peakproof.verdict.invariant import Invariant, catalogue

HEAD = """# Invariants

*Printed from `verdict/invariants/*.sql`; do not edit.* An invariant is one sentence that must hold, and the SQL query that looks
for counter-examples in the [history](history.md) of a run. Every one has been seen to hold, to be violated and to have
nothing to examine, and is caught red-handed by at least one planted defect of the reference middleware: `peakproof run
--middleware DEFECT` shows what its finding looks like, `peakproof list defects` says what each does wrong, and several can be
had at once, joined by `+`.

- **Holds, violated**: one row a subject; each finding names the rows of the history that prove it.
- **Not exercised**: nothing to examine is no pass. Invariants about retries say from how many observations on they judge.
- **Cannot be told**: "not yet" in a run that never settled.
- **What one mistake breaks** is told once: of several findings about one order the one of the earliest step is primary, the others
  follow from it.

Your own are judged beside them: [write an invariant](own-invariants.md).
"""

KEYS = ("claim", "flow", "class", "severity", "step", "cause", "remedy")

TITLES = {
    "idempotency": "Nothing happens twice",
    "retry": "Asking again",
    "consistency": "All systems tell one story",
    "timeliness": "In time",
    "traceability": "Nothing is hidden",
    "security": "Whom to believe",
}


def document() -> str:
    """The whole page."""
    return "\n".join([HEAD, *(line for class_ in CLASSES for line in family(class_))]).rstrip() + "\n"


def family(class_: str) -> Iterator[str]:
    invariants = [invariant for invariant in catalogue() if invariant.class_ == class_]
    yield f"## {TITLES[class_]} ({class_})"
    yield ""
    yield "| invariant | what must hold | severity |"
    yield "| --- | --- | --- |"
    for invariant in invariants:
        yield f"| [`{invariant.id}`](#{invariant.id}) | {invariant.claim} | {invariant.severity} |"
    yield ""
    for invariant in invariants:
        yield from section(invariant)


def section(invariant: Invariant) -> Iterator[str]:
    yield f"### {invariant.id}"
    yield ""
    yield f"{invariant.claim} ([query](../verdict/invariants/{invariant.id}.sql))"
    yield ""
    yield f"- Flows: {', '.join(invariant.flows)}"
    if notes := " ".join(said(invariant)):
        yield f"- How it is judged: {notes}"
    yield f"- Broken by: {', '.join(broken_by(invariant)) or 'no middleware; it guards the estate itself'}"
    if invariant.cause:
        yield f"- What usually breaks it: {invariant.cause}"
    yield f"- Remedy: {invariant.remedy}"
    yield ""


def said(invariant: Invariant) -> list[str]:
    """The comment lines between the header and the query."""
    comments = takewhile(lambda line: line.startswith("-- "), invariant.sql.splitlines())
    return [line[3:] for line in comments if line[3:].split(":")[0] not in KEYS]


def broken_by(invariant: Invariant) -> list[str]:
    return [f"`{name}`" for name, defect in DEFECTS.items() if invariant.id in defect.found_by]


if __name__ == "__main__":
    sys.stdout.write(document())
