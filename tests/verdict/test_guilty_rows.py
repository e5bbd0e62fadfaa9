"""Which row an invariant about conduct calls guilty: the one that is wrong, never simply the last; none where something is missing."""

from collections.abc import Sequence
from typing import Any

import msgspec
import pytest

from peakproof.history.records import Effect
from peakproof.history.state import StateDocument
from peakproof.verdict.result import Finding

from .histories import (
    Row,
    accepted,
    asked,
    at,
    booked,
    call,
    created,
    failed,
    known,
    mark,
    no_reply,
    parked,
    refused,
    throttled,
    token,
    told,
)

RESTART = mark("fired", fault="sut-restart", system="sut")
BELIEVED = call(outcome="refused", status=200, error="unavailable")
WAITING = [at(2.5, accepted(name)) for name in "BCDE"]
HEARD = [at(2.5, told("order.placed", order=name, event=f"evt-{name}")) for name in "BCDE"]
TWICE: list[Row] = [
    known("e1", accepted()),
    told("order.placed", effect_id="e1"),
    told("order.placed", effect_id="e1"),
]


def made_by(place: int, row: Effect) -> Effect:
    """An effect of the call in that place."""
    return msgspec.structs.replace(row, call_id=f"{row.system}-c{place:07d}")


def owed(order: str = "A") -> StateDocument:
    """An event about the order was still on its way when the run ended."""
    return StateDocument(
        system="web", kind="owed_delivery", id=f"evt-{order}", order_ref=order, doc={"topic": "order.placed"}
    )


def only_finding(invariant: str, rows: Sequence[Row], **more: Any) -> Finding:
    result = asked(invariant, rows, **more)
    assert (result.status, result.reason) == ("violated", None)
    (finding,) = result.findings
    return finding


GUILTY: list[tuple[str, str, Sequence[Row], str]] = [
    (
        "idempotency_key_stable_over_retries",
        "the first call under the new key, not the last",
        [no_reply(key="k1"), no_reply(key="k2"), call(key="k2")],
        "erp-c0000002",
    ),
    (
        "idempotency_key_outlives_restart",
        "the first call after the restart",
        [no_reply(key="k1"), RESTART, no_reply(key="k2"), call(key="k2")],
        "erp-c0000003",
    ),
    (
        "idempotency_key_names_one_intent",
        "the second intent's call, not the retry of the first",
        [call(key="A", body="b1"), call(key="A", body="b2"), call(key="A", body="b1")],
        "erp-c0000002",
    ),
    (
        "redelivered_events_change_nothing",
        "the second booking, not the first nor the third",
        [*TWICE, booked(), booked(document="SO-2"), booked(document="SO-3")],
        "erp-e0000005",
    ),
    (
        "transient_failures_retried",
        "the failure that was not followed up, not the one before",
        [accepted(), failed(), failed()],
        "erp-c0000003",
    ),
    (
        "success_not_taken_on_trust",
        "the answer that was believed",
        [accepted(), BELIEVED],
        "erp-c0000002",
    ),
    (
        "permanent_refusals_not_retried",
        "the first retry, not the refusal",
        [refused(), refused(), refused()],
        "erp-c0000002",
    ),
    (
        "retry_after_honoured",
        "the first early retry of the refused request, though another came before it",
        [
            at(0, throttled()),
            *(at(0.5 + n / 100, call(order=f"O{n}", bucket="erp/sut")) for n in range(3)),
            at(1, call(bucket="erp/sut")),
            at(1.5, call(bucket="erp/sut")),
        ],
        "erp-c0000005",
    ),
    (
        "attempts_bounded",
        "the hundred and first",
        [at(n, failed()) for n in range(1, 106)],
        "erp-c0000101",
    ),
    (
        "attempts_bounded",
        "the eleventh of a burst",
        [at(1 + n / 100, failed()) for n in range(15)],
        "erp-c0000011",
    ),
    (
        "tokens_fetched_once",
        "the fifth within a second",
        [at(1 + n / 100, token()) for n in range(8)],
        "erp-c0000005",
    ),
    (
        "poison_orders_hold_up_nobody",
        "the refusal that everything stood still after",
        [at(1, accepted("P")), at(2, refused(order="P")), *WAITING, *HEARD, at(12, call(order="B"))],
        "erp-c0000002",
    ),
    (
        "only_refused_orders_stay_parked",
        "the refusal that was taken for one of the order",
        [accepted(), refused(error="too_late", status=409), parked()],
        "erp-c0000002",
    ),
    (
        "forged_webhooks_refused",
        "the delivery that was taken",
        [accepted(), told("order.placed", forgery="expired")],
        "web-d0000002",
    ),
]


@pytest.mark.parametrize(
    ("invariant", "rows", "guilty"),
    [
        pytest.param(invariant, rows, guilty, id=f"{invariant}: {why}")
        for invariant, why, rows, guilty in GUILTY
    ],
)
def test_the_wrong_row_is_guilty(invariant: str, rows: Sequence[Row], guilty: str) -> None:
    assert only_finding(invariant, rows).guilty == guilty


def test_of_those_asked_for_ever_the_first_call_in_vain_is_guilty() -> None:
    rows = [at(n, refused(error="not_posted", status=409, permanent=False)) for n in range(1, 21)]
    assert only_finding("refusals_not_asked_for_ever", rows, in_vain_since_s=8).guilty == "erp-c0000009"


MISSING: list[tuple[str, Sequence[Row], tuple[str, ...]]] = [
    (
        "acknowledged_webhook_has_its_effect",
        [known("e1", accepted()), told("order.placed", effect_id="e1")],
        ("order-to-erp",),
    ),
    (
        "missed_events_repaired",
        [known("e1", accepted()), told("order.placed", effect_id="e1", acknowledged=False, error="dropped")],
        ("order-to-erp",),
    ),
]


@pytest.mark.parametrize(("invariant", "rows", "flows"), MISSING)
def test_of_what_is_missing_no_row_is_guilty(
    invariant: str, rows: Sequence[Row], flows: tuple[str, ...]
) -> None:
    finding = only_finding(invariant, rows, flows=flows)
    assert (finding.guilty, finding.omission) == (None, True)


@pytest.mark.parametrize(
    ("invariant", "rows"),
    [
        ("missed_events_repaired", MISSING[1][1]),
        ("success_not_taken_on_trust", [accepted(), BELIEVED]),
        ("transient_failures_retried", [accepted(), failed()]),
    ],
)
def test_what_the_estate_still_owes_is_undecided(invariant: str, rows: Sequence[Row]) -> None:
    assert asked(invariant, rows, flows=("order-to-erp",)).status == "violated"
    assert asked(invariant, [*rows, owed()], flows=("order-to-erp",)).status == "indeterminate"
    assert asked(invariant, [*rows, owed("B")], flows=("order-to-erp",)).status == "violated", "another's"


def test_storage_is_to_blame_only_where_no_call_followed_the_acknowledgement() -> None:
    rows: list[Row] = [known("e1", accepted()), told("order.placed", effect_id="e1")]
    dropped = only_finding("acknowledged_webhook_has_its_effect", rows, flows=("order-to-erp",))
    assert "durable storage" in (dropped.remedy or "")
    tried = only_finding("acknowledged_webhook_has_its_effect", [*rows, failed()], flows=("order-to-erp",))
    assert tried.remedy is None


def test_a_double_that_a_lost_reply_explains_is_not_the_redeliverys() -> None:
    answered = [*TWICE, call(), made_by(4, booked()), call(), made_by(6, booked(document="SO-2"))]
    assert only_finding("redelivered_events_change_nothing", answered).guilty == "erp-e0000007"
    unanswered = [
        *TWICE,
        no_reply(committed=True),
        made_by(4, booked()),
        call(),
        made_by(6, booked(document="SO-2")),
    ]
    assert asked("redelivered_events_change_nothing", unanswered).status == "holds"


def test_a_double_whose_first_answer_died_with_the_process_is_not_the_redeliverys() -> None:
    def killed(second: float) -> list[Row]:
        first = [at(3.5, call(key="k~1")), at(3.5, made_by(4, booked()))]
        again = [at(9, call(key="k~2")), at(9, made_by(7, booked(document="SO-2")))]
        return [*TWICE, *first, at(second, RESTART), *again]

    assert asked("redelivered_events_change_nothing", killed(3.9)).status == "holds"
    assert only_finding("idempotency_key_outlives_restart", killed(3.9)).guilty == "erp-c0000007"
    assert only_finding("redelivered_events_change_nothing", killed(6)).guilty == "erp-e0000008"


def test_tokens_that_live_no_longer_than_clients_allow_for_are_not_judged() -> None:
    rows = [at(1 + n / 100, token()) for n in range(8)]
    for lifetime_s, scale, status in [
        (3600, 0.01, "not exercised"),
        (36_000, 0.01, "not exercised"),
        (60_000, 0.01, "violated"),
        (None, 0.01, "violated"),
    ]:
        systems = {"erp": {"kind": "erp", "token_lifetime_s": lifetime_s}}
        facts = {"time_scale": scale, "scenario": {"estate": {"systems": systems}}}
        result = asked("tokens_fetched_once", rows, facts=facts)
        assert (result.status, result.reason) == (status, None), lifetime_s


def test_of_an_http_date_the_finding_and_its_remedy_say_so() -> None:
    form = msgspec.structs.replace(throttled(retry_after_s=3.558546543121338), retry_after_form="date")
    finding = only_finding("retry_after_honoured", [at(0, form), at(1, call(bucket="erp/sut"))])
    assert "to wait 3.6 s, given as an HTTP date (bucket erp/sut)" in finding.finding
    assert "the refused request retried early once, 0 other calls came early" in finding.finding
    assert "HTTP date" in (finding.remedy or "")


def test_a_step_that_others_wait_for_must_be_possible() -> None:
    """The warehouse is asked only for what is posted and allocated, as the middleware has heard."""
    poison = [at(1, accepted("P")), at(2, refused("create_fulfilment", system="wms", order="P"))]
    orders = [at(2.1, row) for name in "BCDE" for row in (accepted(name), created(name))]
    allocated = [at(2.4, told("order.allocated", order=name, event=f"al-{name}")) for name in "BCDE"]
    posted = [at(2.5, told("sales_order.posted", order=name, event=f"po-{name}")) for name in "BCDE"]
    late: list[Row] = [at(12, call("create_fulfilment", system="wms", order="B"))]
    assert asked("poison_orders_hold_up_nobody", [*poison, *orders, *allocated, *late]).status == "holds"
    stuck = only_finding("poison_orders_hold_up_nobody", [*poison, *orders, *allocated, *posted, *late])
    assert stuck.guilty == "wms-c0000002"
    assert set(stuck.explains) == {"B", "C", "D", "E"}
