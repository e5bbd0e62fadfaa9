"""The verdict as JUnit XML: one test case an invariant, one for the run's validity, one an objective."""

import io

from junitparser import Error, Failure, JUnitXml, Skipped, TestCase, TestSuite

from ...history.printable import printable
from ..result import InvariantResult, Verdict
from .wording import evidence_lines

FINDINGS_SHOWN = 20
EVIDENCE_SHOWN = 10


def render(*verdicts: Verdict) -> str:
    """The document, one test suite a run.

    A violated invariant is a failure, one that cannot be told an error, an unexercised one skipped.
    """
    document = JUnitXml("peakproof")
    for verdict in verdicts:
        document.add_testsuite(_suite(verdict))
    document.time = round(sum(verdict.run.duration_s or 0.0 for verdict in verdicts), 3)
    text = io.BytesIO()
    document.write(text)
    return text.getvalue().decode()


def _suite(verdict: Verdict) -> TestSuite:
    suite = TestSuite(f"peakproof {verdict.run.scenario or ''} seed {verdict.run.seed}".replace("  ", " "))
    suite.add_testcase(_validity(verdict))
    for result in verdict.invariants:
        suite.add_testcase(_invariant(verdict, result))
    for objective in verdict.objectives:
        case = TestCase(objective.objective, "peakproof.objective")
        if not objective.met:
            case.result = [Failure(f"{objective.kpi}: {printable(objective.said)}")]
        suite.add_testcase(case)
    if verdict.run.duration_s is not None:
        suite.time = round(verdict.run.duration_s, 3)  # its cases take no time of their own
    return suite


def _validity(verdict: Verdict) -> TestCase:
    case = TestCase("the run earned a verdict", "peakproof.validity")
    if not verdict.is_exercised:
        case.result = [Skipped(printable(verdict.validity.reasons[0]))]
    elif verdict.validity.reasons:
        error = Error(printable(verdict.validity.reasons[0]))
        error.text = "\n".join(map(printable, verdict.validity.reasons))
        case.result = [error]
    return case


def _invariant(verdict: Verdict, result: InvariantResult) -> TestCase:
    case = TestCase(result.id, f"peakproof.{result.class_}")
    match result.status:
        case "violated":
            failure = Failure(
                f"{result.findings_count} of {result.examined}: {result.claim}", result.severity
            )
            failure.text = _text(verdict, result)
            case.result = [failure]
        case "unknown":
            case.result = [Error(printable(result.reason or "unknown"))]
        case "indeterminate":
            case.result = [Error(f"{result.indeterminate} of {result.examined} cannot be told")]
        case "not exercised":
            case.result = [Skipped(printable(result.reason or "nothing to examine"))]
    return case


def _text(verdict: Verdict, result: InvariantResult) -> str:
    lines = [result.claim, ""]
    for finding in result.findings[:FINDINGS_SHOWN]:
        after = f" (a consequence of {finding.consequence_of})" if finding.consequence_of else ""
        lines.append(printable(f"{finding.subject}: {finding.finding}{after}"))
        lines += [f"    {line}" for line in evidence_lines(verdict, finding, EVIDENCE_SHOWN)]
    if result.findings_count > FINDINGS_SHOWN:
        lines.append(f"and {result.findings_count - FINDINGS_SHOWN} more")
    remedies = [finding.remedy for finding in result.findings[:1]] or [None]
    return "\n".join([*lines, "", f"Remedy: {printable(remedies[0] or result.remedy)}"])
