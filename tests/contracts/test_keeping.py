"""The result of a verification is kept with a run, and the run's report shows it."""

from pathlib import Path

import msgspec
import pytest

from peakproof.contracts.errors import ContractsError
from peakproof.contracts.keeping import keep
from peakproof.contracts.pact_file import Interaction, Pact, State
from peakproof.contracts.result import Mismatch, Outcome, Verification
from peakproof.history.reader import History
from peakproof.verdict.judge import judge
from peakproof.verdict.render.agreements import Agreement, Broken, agreements_of

BOOKS = Interaction("a sales order", (State("an item", {}),), "http")
ASKS = Interaction("an order that is <b>not</b> there", (), "http")
PACT = Pact("shop", "erp", "4.0", (BOOKS, ASKS), "shop-erp.json", {}, ())
STATUS = Mismatch("status", "", "404", "200", "expected 404 but was 200")
FOUND = Verification(
    (Outcome(PACT, BOOKS, ()), Outcome(PACT, ASKS, (STATUS,))), verified_at="2026-11-21T18:00:01+00:00"
)
BROKEN = Broken(
    "an order that is <b>not</b> there", ("status: expected 404 but was 200 (expected 404, got 200)",)
)


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """A run in which nothing happened."""
    (tmp_path / "history").mkdir()
    (tmp_path / "run.json").write_text("{}")
    return tmp_path


def test_what_is_kept_is_read_again_the_newest_first(run: Path) -> None:
    first = keep(FOUND, run)
    second = keep(FOUND, run)
    later = keep(Verification((Outcome(PACT, BOOKS, ()),), verified_at="2026-11-22T01:00:00+00:00"), run)
    assert [path.name for path in (first, second, later)] == [
        "20261121180001-1.json",
        "20261121180001-2.json",
        "20261122010000-1.json",
    ]
    assert msgspec.json.decode(first.read_bytes()) == FOUND.document()
    broken = Agreement("shop", "erp", "2026-11-21 18:00:01", 2, (BROKEN,))
    whole = Agreement("shop", "erp", "2026-11-22 01:00:00", 1, ())
    assert agreements_of(run) == ([whole, broken, broken], [])


def test_the_report_shows_it_and_the_verdict_stays_what_it_is(run: Path) -> None:
    judge(run)
    before = (run / "verdict.json").read_bytes()
    keep(FOUND, run)
    page = (run / "report.html").read_text("utf-8")
    assert 'id="contracts"' in page
    assert "✗ 1 not as agreed" in page
    assert "an order that is &lt;b&gt;not&lt;/b&gt; there" in page
    assert (run / "verdict.json").read_bytes() == before


def test_a_run_without_checks_of_contracts_shows_none(run: Path) -> None:
    with History.of_run(run) as history:
        assert agreements_of(history.folder) == ([], [])


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("{", "Input data was truncated"),
        ("[]", "list indices must be integers or slices, not str"),
        ('{"schema": "x"}', "schema 'x', expected 'peakproof/contracts-verify/1'"),
        ('{"schema": "peakproof/contracts-verify/1", "verified_at": null}', "it has no 'pacts'"),
    ],
)
def test_what_cannot_be_read_is_said(run: Path, text: str, why: str) -> None:
    (run / "contracts").mkdir()
    (run / "contracts" / "a.json").write_text(text)
    found, (said,) = agreements_of(run)
    assert found == []
    assert said == f"The check of contracts contracts/a.json cannot be read and is not shown: {why}."


def test_where_nothing_can_be_kept_there_is_one_line(run: Path) -> None:
    (run / "contracts").write_text("a file")
    with pytest.raises(ContractsError, match=r"the result cannot be kept there: File exists$"):
        keep(FOUND, run)


def test_a_damaged_verdict_is_named_and_the_result_is_kept(run: Path) -> None:
    (run / "verdict.json").write_text("{")
    with pytest.raises(ContractsError, match=r"is damaged; the result was kept.*peakproof judge "):
        keep(FOUND, run)
    assert len(list((run / "contracts").iterdir())) == 1
