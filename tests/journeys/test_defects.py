"""Every planted defect is found, by the invariants that should find it; and who does nothing never passes.

Below, what broke one order among all the others breaks it alone: `run --from RUN --only ORDER`. It stands here because
it looks at one of the same runs, which are made once in a file.
"""

import re
from pathlib import Path

import pytest

from peakproof.middleware.defects import DEFECTS, DO_NOTHING
from peakproof.verdict.result import Verdict

from .command import Done, peakproof
from .conftest import RUNS, DefectRuns

HEADLINES = {
    "naive": r"was delivered (twice|\d+ times): ",
    "ack-before-durable": r"its event was acknowledged, and no call about it followed",
    "ignores-retry-after": r"asked .* to wait .* early",
    "drops-on-5xx": r"was neither repeated nor looked up",
    "parks-everything": r"though it was refused only for what was asked or when: amount_mismatch by ledger",
    "mistranslates": r"accepted by no channel",
    "forgets-the-rest": r"short, but not cancelled|neither accepted nor declined",
    "hasty": r"before .+ was ",
    "any-version": r"version \d+ after \d+",
    "new-keys": r"repeated under .+ after ",
    "asks-twice": r"refused for good \(.+\), then retried",
    "logs-secrets+token-storm+all-standard+own-orders-only+urgent-last": r"an access token of ",
    "any-time": r"accepted with 202",
    "webhooks-only": r"was never delivered: it was not found by polling",
    "parks-silently": r"without a system; without a reason",
}
"""What the first explained finding says, in part."""


each = pytest.mark.parametrize("defect", HEADLINES)


@pytest.fixture
def done(defect: str, defect_runs: DefectRuns) -> Done:
    return defect_runs.of(defect)


@each
def test_a_defect_is_found_by_the_invariants_that_should_find_it(done: Done, defect: str) -> None:
    assert done.code == 1, done
    assert done.document["verdict"] == "fail"
    assert str(done.document["run"]["sut"]).endswith(f" {defect}")
    assert done.violated >= {found for name in defect.split("+") for found in DEFECTS[name].found_by}


@each
def test_the_worst_finding_is_to_the_point(done: Done, defect: str) -> None:
    _, finding = Verdict.of_document(done.document).worst[0]
    assert re.search(HEADLINES[defect], finding.finding), finding


def test_the_readme_shows_what_the_naive_middleware_prints(defect_runs: DefectRuns) -> None:
    """The headline of its red example is that of the run with the seed that is used unless said otherwise."""
    text = (Path(__file__).parents[2] / "README.md").read_text("utf-8")
    _, _, example = text.partition("run --middleware naive\n")
    shown = re.search(r"╭─ ✗ (?P<invariant>[^·]+) · \w+ ─+╮\n│ [^:]+: (?P<finding>.+?) +│", example)
    assert shown is not None, example
    document = defect_runs.of("naive").document
    result, finding = Verdict.of_document(document).worst[0]
    assert shown["invariant"] == result.id.replace("_", " ")
    assert re.sub(r"\d+", "N", finding.finding).startswith(re.sub(r"\d+", "N", shown["finding"]))
    panel, _, below = example.partition("╰")
    follows = set(re.findall(r"^│   (\w[\w ]+): ", panel.partition("Follows from it:")[2], re.MULTILINE))
    known = {one["id"] for one in document["invariants"]}
    assert {name.replace(" ", "_") for name in follows} <= known
    assert {name.replace(" ", "_") for name in follows} & set(DEFECTS["naive"].found_by)
    broken = set(re.findall(r"^│ - (\w+): \d+ of \d+ +│$", below.partition("FAIL: ")[2], re.MULTILINE))
    assert broken <= known
    assert len(broken & set(DEFECTS["naive"].found_by)) >= 5, "the terminal names a dozen reasons at most"


@each
def test_every_finding_has_evidence_and_every_primary_one_comes_first(done: Done, defect: str) -> None:
    for invariant in done.document["invariants"]:
        findings = invariant["findings"]
        assert all(finding["evidence"] for finding in findings), invariant["id"]
        assert findings == sorted(findings, key=lambda finding: finding["consequence_of"] is not None)


@pytest.mark.parametrize("defect", ["naive", "ignores-retry-after"])
def test_the_terminal_explains_where_the_run_really_is(done: Done, defect: str) -> None:
    """A finding about an order, and one about a system: what broke, its remedy, and what to type next."""
    shown = peakproof(done.cwd, "judge", str(done.folder.relative_to(done.cwd)))
    assert shown.code == 1
    assert "FAIL: the middleware broke what it must keep" in shown.stdout
    _, _, below = shown.stdout.partition("╭─ ✗ ")
    panel, _, below = below.partition("╰")
    panel = " ".join(panel.replace("│", " ").split())
    assert re.search(HEADLINES[defect], panel), panel
    assert "Remedy: " in panel
    assert re.search(rf"^  peakproof run --from elsewhere/{done.folder.name}", below, re.MULTILINE), below
    assert "runs/" not in shown.stdout + shown.stderr


def test_one_mistake_is_one_headline_and_the_rest_follows_from_it(defect_runs: DefectRuns) -> None:
    done = defect_runs.of("naive")
    booked = next(one for one in done.document["invariants"] if one["id"] == "orders_booked_exactly_once")
    primary = {one["order_ref"] for one in booked["findings"] if one["consequence_of"] is None}
    later = next(one for one in done.document["invariants"] if one["id"] == "statuses_agree_after_settling")
    follows = {one["order_ref"]: one["consequence_of"] for one in later["findings"]}
    assert primary & set(follows)
    assert all(follows[order] == "orders_booked_exactly_once" for order in primary & set(follows))


def test_who_ignores_retry_after_is_blamed_for_nothing_else(defect_runs: DefectRuns) -> None:
    violated = defect_runs.of("ignores-retry-after").violated
    assert violated - {"attempts_bounded"} == {"retry_after_honoured", "throttling_within_budget"}


@pytest.mark.parametrize(
    ("defect", "invariant"),
    [
        ("parks-everything", "only_refused_orders_stay_parked"),
        ("asks-twice", "permanent_refusals_not_retried"),
    ],
)
def test_a_single_bad_habit_is_blamed_for_nothing_else(
    defect_runs: DefectRuns, defect: str, invariant: str
) -> None:
    assert defect_runs.of(defect).violated == {invariant}


def test_who_books_nothing_has_not_carried_out_the_flow(defect_runs: DefectRuns) -> None:
    (reason,) = defect_runs.of("parks-everything").document["validity"]["reasons"]
    assert reason.startswith("the flow order-to-ship was never carried out by the system under test")


def test_who_answers_200_to_everything_and_does_nothing_never_passes(defect_runs: DefectRuns) -> None:
    done = defect_runs.of(DO_NOTHING)
    assert done.code == 1, done
    assert {"no_order_lost", "acknowledged_webhook_has_its_effect"} <= done.violated
    assert done.run["settled"], "it is quiet, so what is missing is missing"
    never = [reason for reason in done.document["validity"]["reasons"] if " never fired" in reason]
    assert len(never) == 7, (
        "no call met a fault, and it is said; of the eighth, a middleware may do without what it strikes"
    )


def test_every_run_has_its_headline() -> None:
    assert set(RUNS) == {*HEADLINES, DO_NOTHING}


@pytest.fixture(scope="module")
def naive(defect_runs: DefectRuns) -> Done:
    return defect_runs.of("naive")


@pytest.fixture(scope="module")
def order(naive: Done) -> str:
    """One that is booked twice because a reply was lost or an event came twice."""
    booked = next(one for one in naive.document["invariants"] if one["id"] == "orders_booked_exactly_once")
    return str(booked["findings"][0]["order_ref"])


@pytest.fixture(scope="module")
def replay(naive: Done, order: str, tmp_path_factory: pytest.TempPathFactory) -> Done:
    cwd = tmp_path_factory.mktemp("replay")
    return peakproof(cwd, "run", "--from", str(naive.folder), "--only", order, "--json")


def test_the_finding_comes_back(replay: Done, order: str) -> None:
    assert replay.code == 1, replay
    assert "orders_booked_exactly_once" in replay.violated
    booked = next(one for one in replay.document["invariants"] if one["id"] == "orders_booked_exactly_once")
    assert [finding["order_ref"] for finding in booked["findings"]] == [order]


def test_it_is_this_order_alone_with_the_faults_that_it_felt(replay: Done, naive: Done, order: str) -> None:
    with replay.history() as history:
        placed = history.rows("SELECT order_ref FROM accepted_orders WHERE NOT before_run")
    assert placed == [{"order_ref": order}]
    felt = {fault["id"] for fault in replay.document["faults"]}
    assert felt < {fault["id"] for fault in naive.document["faults"]}
    assert felt & {"booking-reply-lost", "events-twice", "oms-errors"}


def test_the_order_holds_what_it_held(replay: Done, naive: Done, order: str) -> None:
    """Letter for letter, also where others had bought something out of its basket."""

    def placed(done: Done) -> object:
        with done.history() as history:
            (row,) = history.rows(
                "SELECT lines, currency, total, shipping, customer, ship_to, channel FROM accepted_orders "
                "WHERE order_ref = $1",
                [order],
            )
        return row

    assert placed(replay) == placed(naive)


def test_seed_and_middleware_are_those_of_the_run(replay: Done, naive: Done) -> None:
    assert replay.document["run"]["sut"] == "reference with defect naive"
    assert replay.document["run"]["seed"] == naive.document["run"]["seed"]
    assert f"system under test: the reference with defect naive, like {naive.folder}" in replay.stderr


def test_a_replay_does_not_wait_for_the_rest_of_the_day(replay: Done, naive: Done) -> None:
    with replay.history() as history:
        (row,) = history.rows(
            "SELECT (max(at_ns) FILTER (WHERE detail = 'heal') - min(at_ns) FILTER (WHERE detail = 'workload')) / 1e9 "
            "AS workload_s FROM workload WHERE kind = 'phase'"
        )
    assert row["workload_s"] < naive.run["workload_s"]


def test_an_order_that_the_run_never_had_is_named(naive: Done, tmp_path: Path) -> None:
    done = peakproof(tmp_path, "run", "--from", str(naive.folder), "--only", "web-999999")
    assert done.code == 2
    (line,) = done.stderr.splitlines()
    assert line.startswith("error: order 'web-999999' is not among the 1")
    assert f" orders of {naive.folder}" in line
    assert not list(tmp_path.iterdir())
