"""A short Black Friday with the reference middleware, as a newcomer runs it: everything is exercised, and all holds."""

import json
import re

import pytest
from junitparser import JUnitXml

from peakproof.verdict import invariant

from .command import Done, peakproof, texts_to_hand_on

MESSAGES = "messages_keep_to_their_documents"
"""Asked without SQL."""

MUST_BE_EXERCISED = {
    "orders_booked_exactly_once",
    "oms_orders_created_exactly_once",
    "no_order_lost",
    "no_phantom_order",
    "order_content_faithful",
    "captured_once_in_the_right_amount",
    "refund_paid_once_never_before_credit",
    "returns_carried_through_once",
    "fulfilled_once",
    "shipments_told_everywhere_once",
    "cancelled_orders_not_shipped",
    "cancellations_decided",
    "status_never_regresses",
    "stock_conserved",
    "stock_adjusted_once",
    "stock_agrees_after_settling",
    "older_version_never_overwrites",
    "prices_published",
    "posting_sequence",
    "statuses_agree_after_settling",
    "acknowledged_webhook_has_its_effect",
    "retry_after_honoured",
    "permanent_refusals_not_retried",
    "idempotency_key_stable_over_retries",
    MESSAGES,
    "attempts_bounded",
    "availability_published_in_time",
    "cancel_and_ship_have_one_winner",
    "idempotency_key_names_one_intent",
    "money_balances",
    "redelivered_events_change_nothing",
    "returns_of_unseen_orders_handled",
    "service_levels_carried_on",
    "tokens_fetched_once",
    "trace_carried_on_every_hop",
    "transient_failures_retried",
}
"""All that this scenario is sure to bring about with any middleware that works."""

FILES = {"run.json", "verdict.json", "junit.xml", "report.html", "history", "state", "sut.log"}

MOST_BYTES_A_CALL = 1.5 * 1024


def count(done: Done, sql: str) -> int:
    with done.history() as history:
        return int(history.one(sql))


def test_it_passes_with_one_document_on_stdout(reference_run: Done) -> None:
    assert reference_run.code == 0, reference_run
    document = reference_run.document
    assert document["schema"] == "peakproof/verdict/1"
    assert (document["verdict"], document["reasons"]) == ("pass", [])
    validity = {"verdict": "valid", "reasons": [], "about": [], "at_limit": [], "void": False}
    assert document["validity"] == validity
    assert document["run"]["sut"] == "reference"
    assert document["counts"]["orders"] >= 130
    assert document["counts"]["unreadable_lines"] == 0


def test_progress_and_the_way_to_the_report_are_on_stderr(reference_run: Done) -> None:
    lines = reference_run.stderr.splitlines()
    assert lines[0] == "system under test: the reference middleware (there is no ./peakproof.toml)"
    assert any("workload: " in line and "of 137 orders" in line for line in lines)
    folder = reference_run.folder.relative_to(reference_run.cwd)
    assert lines[-1] == f"recorded in {folder}; read {folder / 'report.html'}"


def test_every_fault_was_armed_and_fired(reference_run: Done) -> None:
    faults = reference_run.document["faults"]
    assert len(faults) == 10
    assert [fault["id"] for fault in faults if not (fault["armed"] and fault["fired"])] == []


def test_every_invariant_was_asked_and_all_that_must_be_exercised_holds(reference_run: Done) -> None:
    found = {one["id"]: one["status"] for one in reference_run.document["invariants"]}
    assert set(found) == {one.id for one in invariant.catalogue()} | {MESSAGES}
    assert {name for name in MUST_BE_EXERCISED if found[name] != "holds"} == set()
    assert set(found.values()) <= {"holds", "not exercised"}


def test_every_key_figure_has_its_place(reference_run: Done) -> None:
    figures = reference_run.document["kpis"]
    for name in ("order_sync_latency_p95", "order_release_latency_p95", "stock_sync_latency_p95"):
        assert figures[name]["value"] > 0, name
    assert set(figures["order_sync_latency_p50"]["by_channel"]) == {"bazaar", "web"}
    assert figures["duplicate_rate"]["value"] == 0
    assert figures["retry_amplification"]["value"] > 1
    assert figures["recovery_time"]["value"] > 0


@pytest.mark.parametrize(
    ("sql", "at_least"),
    [
        pytest.param(
            "SELECT count(*) FROM effects WHERE kind = 'cancellation_requested'", 8, id="cancel requests"
        ),
        pytest.param(
            "SELECT count(*) FROM effects WHERE kind = 'cancellation_accepted'", 1, id="cancelled in time"
        ),
        pytest.param(
            "SELECT count(*) FROM effects WHERE kind = 'cancellation_declined'", 1, id="cancelled too late"
        ),
        pytest.param("SELECT count(*) FROM effects WHERE kind = 'return_requested'", 8, id="returns"),
        pytest.param(
            "SELECT count(*) FROM effects AS r JOIN accepted_orders AS o USING (order_ref) "
            "WHERE r.kind = 'return_requested' AND o.before_run",
            1,
            id="a return of an order from before the run",
        ),
        pytest.param(
            "SELECT count(*) FROM effects WHERE kind = 'refund_confirmed'", 8, id="refunds that went through"
        ),
        pytest.param(
            "SELECT count(*) FROM effects WHERE kind = 'sales_order_rejected'", 2, id="refused for good"
        ),
        pytest.param(
            "SELECT count(*) FROM accepted_orders WHERE currency = 'JPY' AND NOT before_run", 1, id="in yen"
        ),
        pytest.param(
            "SELECT count(*) FROM accepted_orders WHERE currency = 'EUR' AND NOT before_run",
            20,
            id="in euros",
        ),
        pytest.param("SELECT count(*) FROM effects WHERE kind = 'price_set'", 3, id="price changes"),
        pytest.param(
            "SELECT count(DISTINCT cause) FROM effects WHERE kind = 'stock_moved' "
            "AND cause IN ('receipt', 'count', 'damage')",
            3,
            id="receipts, counts and damages",
        ),
        pytest.param(
            "SELECT count(*) FROM (SELECT order_ref FROM effects WHERE kind = 'shipment_confirmed' "
            "GROUP BY order_ref HAVING count(*) > 1)",
            1,
            id="orders in several shipments",
        ),
    ],
)
def test_the_day_is_as_full_as_it_claims(reference_run: Done, sql: str, at_least: int) -> None:
    assert count(reference_run, sql) >= at_least


def test_the_run_leaves_every_file_that_the_design_names(reference_run: Done) -> None:
    names = {path.name for path in reference_run.folder.iterdir()}
    assert names >= FILES
    assert not [name for name in names if name.endswith((".part", ".partial"))]
    kinds = {path.name.partition("-")[0] for path in (reference_run.folder / "history").iterdir()}
    assert kinds == {"calls", "effects", "deliveries", "faults", "workload", "load", "bodies", "seal"}
    states = {path.stem for path in (reference_run.folder / "state").iterdir()}
    assert states == {"web", "bazaar", "oms", "erp", "wms", "payments", "sut"}
    stored = json.loads((reference_run.folder / "verdict.json").read_text("utf-8"))
    assert stored == reference_run.document


def test_run_json_says_how_the_run_went(reference_run: Done) -> None:
    run = reference_run.run
    assert (run["schema"], run["settled"], run["failed"], run["ended_early"]) == (
        "peakproof/run/1",
        True,
        None,
        None,
    )
    assert run["finished_at"] > run["started_at"]
    assert list(run["phases"]) == ["start", "warm_up", "workload", "heal", "settle", "stop"]
    assert run["sut"]["origin"] == {"middleware": "reference", "config": None}
    assert {name: system["kind"] for name, system in run["systems"].items()}["web"] == "marketplace"


def test_calls_and_their_bodies_are_small_on_disk(reference_run: Done) -> None:
    files = [
        path for path in (reference_run.folder / "history").iterdir() if path.name[:5] in ("calls", "bodie")
    ]
    size = sum(path.stat().st_size for path in files)
    assert size / reference_run.document["counts"]["calls"] <= MOST_BYTES_A_CALL


def test_junit_has_a_case_for_each_invariant(reference_run: Done) -> None:
    (suite,) = JUnitXml.fromstring((reference_run.folder / "junit.xml").read_bytes())
    names = {case.name for case in suite}
    assert {one["id"] for one in reference_run.document["invariants"]} < names
    assert (suite.failures, suite.errors) == (0, 0)


def test_the_report_is_one_page_for_people(reference_run: Done) -> None:
    page = (reference_run.folder / "report.html").read_text("utf-8")
    assert "PASS: every invariant that was exercised holds" in page
    assert "order sync latency" in page
    assert "erp-outage" in page
    assert "default-src 'none'" in page, (
        "nothing is fetched, and no script runs but those that are named by their hash"
    )
    assert page.count("<script>") == page.count("sha256-") == 2
    assert not re.search(r"""(src|href)=["']?(https?:)?//""", page)


def test_the_run_is_judged_again_just_the_same(reference_run: Done) -> None:
    again = peakproof(reference_run.cwd, "judge", reference_run.folder.name, "--json")
    assert (again.code, again.document) == (0, reference_run.document)


# Secrets

SECRET_SHAPES = (
    r"\bkey_[A-Za-z0-9_-]{20}",  # static keys
    r"\bwhsec_[A-Za-z0-9+/=_-]{20}",  # signing secrets
    r"Bearer [A-Za-z0-9_-]{20}",
    r"access_token",
    r"client_secret",
)


def test_nothing_like_a_secret_is_written_where_people_hand_it_on(reference_run: Done) -> None:
    """A run whose secrets the test knows looks for the secrets themselves: test_interruptions.py."""
    found = {
        (name, shape)
        for name, text in texts_to_hand_on(reference_run.folder)
        for shape in SECRET_SHAPES
        if re.search(shape, text)
    }
    assert found == set()
    assert count(reference_run, "SELECT count(*) FROM calls WHERE operation = 'issue_token'") >= 6
