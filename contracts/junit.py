"""A verification as JUnit XML: one suite a pact, one test case an interaction."""

from pathlib import Path

from junitparser import Failure, JUnitXml, TestCase, TestSuite

from ..history.printable import printable
from .errors import ContractsError
from .result import Outcome, Verification


def write(found: Verification, path: Path) -> None:
    """Raises ContractsError where the file cannot be written."""
    document = JUnitXml("peakproof contracts")
    for pact, outcomes in found.by_pact():
        suite = TestSuite(printable(f"{pact.consumer} → {pact.provider}"))
        for one in outcomes:
            suite.add_testcase(_case(one))
        document.add_testsuite(suite)
    try:
        document.write(str(path))
    except OSError as error:
        raise ContractsError(f"--junit {path}: cannot be written: {error.strerror}") from None


def _case(one: Outcome) -> TestCase:
    case = TestCase(printable(one.interaction.title), printable(f"{one.pact.consumer}.{one.pact.provider}"))
    case.time = one.duration_ms / 1000
    if one.mismatches:
        failure = Failure(printable(one.mismatches[0].sentence))
        failure.text = "\n".join(
            printable(f"{each.sentence}\n    expected {each.expected}\n    actual   {each.actual}")
            for each in one.mismatches
        )
        case.result = [failure]
    return case
