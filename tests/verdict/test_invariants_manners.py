"""How a middleware behaves on the wire: acknowledging, waiting, repeating."""

from typing import Any

import pytest

from peakproof.history.records import Call

from .cases import Case, cases, name_of
from .histories import (
    Row,
    accepted,
    adjusted,
    asked,
    at,
    booked,
    call,
    cancellation,
    cancellation_requested,
    cancelled,
    captured,
    channel_told,
    computed,
    created,
    credit_posted,
    credit_received,
    invoiced,
    known,
    lines_cancelled,
    listed,
    moved,
    no_reply,
    oms_told,
    parked,
    price_listed,
    price_set,
    refunded,
    refused,
    return_expected,
    return_received,
    return_requested,
    shipped,
    stock_set,
    throttled,
    told,
)

PLACED: list[Row] = [known("e1", accepted()), told("order.placed", effect_id="e1")]
SHIPPED: list[Row] = [accepted(), known("e2", shipped()), told("shipment.confirmed", effect_id="e2")]
RECEIVED: list[Row] = [
    known("e3", moved(5, 15, cause="receipt", version=3)),
    told("stock.changed", order=None, sku="mug", version=3, effect_id="e3"),
]
COMPUTED: list[Row] = [
    known("e4", computed(7, version=2)),
    told("availability.changed", order=None, sku="mug", version=2, effect_id="e4"),
]
PRICED: list[Row] = [
    known("e5", price_set("9.00")),
    told("price.changed", order=None, sku="mug", version=1, effect_id="e5"),
]


def early(**values: Any) -> Call:
    """Refused, although not for good."""
    return refused(error="not_posted", status=409, permanent=False, **values)


FORGERIES = ("forged", "corrupt", "expired", "mutated")


def back_at_once(order: str, begin_s: float) -> list[Row]:
    """Refused within ten milliseconds, asked again two later, and then as it should be."""
    return [
        at(begin_s, throttled(order=order)),
        at(begin_s + 0.012, throttled(order=order)),
        at(begin_s + 2.2, call(order=order, bucket="erp/sut")),
    ]


CASES = [
    *cases(
        "acknowledged_webhook_has_its_effect",
        ("not exercised", "nothing was acknowledged", [accepted(), told("order.placed", acknowledged=False)]),
        ("not exercised", "an event that asks for nothing", [accepted(), told("payment.authorised")]),
        (
            "not exercised",
            "only forgeries were acknowledged",
            [accepted(), *(told("order.placed", event=kind, forgery=kind) for kind in FORGERIES)],
        ),
        (
            "holds",
            "a forgery under the real event's id came first",
            [*PLACED, told("order.placed", order="B", forgery="corrupt"), created(), booked()],
        ),
        (
            "violated",
            "a forgery under the same id excuses nothing",
            [*PLACED, told("order.placed", forgery="corrupt", acknowledged=False)],
        ),
        ("holds", "an order was placed and booked", [*PLACED, created(), booked()]),
        (
            "holds",
            "it had been booked before it was told",
            [accepted(), created(), booked(), told("order.placed")],
        ),
        (
            "holds",
            "told twice, booked once",
            [*PLACED, told("order.placed", effect_id="e1"), created(), booked()],
        ),
        ("holds", "placed, then parked", [*PLACED, parked()]),
        ("holds", "placed, then cancelled", [*PLACED, cancelled()]),
        (
            "holds",
            "a shipment and its four consequences",
            [*SHIPPED, captured(), invoiced(), oms_told(), channel_told()],
        ),
        (
            "holds",
            "a shipment of nothing, cancelled",
            [
                accepted(),
                known("e2", shipped(shipment=None, lines=[], short=[("1", 2)])),
                told("shipment.confirmed", effect_id="e2"),
                lines_cancelled(lines=[("1", "mug", 2, None)]),
            ],
        ),
        (
            "holds",
            "a shipment of gifts, nothing to capture",
            [
                accepted(lines=[("1", "mug", 2, "0.00")]),
                known("e2", shipped(lines=[("1", "mug", 2, None)])),
                told("shipment.confirmed", effect_id="e2"),
                invoiced(),
                oms_told(),
                channel_told(),
            ],
        ),
        ("holds", "a receipt booked and told on", [*RECEIVED, adjusted(5), stock_set(15, version=3)]),
        ("holds", "something newer was told on", [*RECEIVED, adjusted(5), stock_set(12, version=4)]),
        (
            "holds",
            "availability on every channel",
            [*COMPUTED, listed(7, version=2), listed(6, version=3, channel="bazaar")],
        ),
        ("holds", "a price on every channel", [*PRICED, price_listed("9.00")]),
        (
            "holds",
            "a cancellation declined",
            [
                known("e6", cancellation_requested()),
                told("cancellation.requested", effect_id="e6"),
                cancellation("declined"),
            ],
        ),
        (
            "holds",
            "a return expected, credited and refunded",
            [
                known("e7", return_requested()),
                told("return.requested", effect_id="e7", event="1"),
                return_expected(),
                known("e8", return_received()),
                told("return.received", effect_id="e8", event="2"),
                credit_received(),
                known("e9", credit_posted()),
                told("credit_memo.posted", effect_id="e9", event="3"),
                refunded(),
            ],
        ),
        ("violated", "an order acknowledged and dropped", PLACED),
        ("violated", "booked, but never in the OMS", [*PLACED, booked()]),
        ("violated", "a shipment never captured", [*SHIPPED, invoiced(), oms_told(), channel_told()]),
        ("violated", "a receipt never booked", [*RECEIVED, stock_set(15, version=3)]),
        ("violated", "only older stock was told on", [*RECEIVED, adjusted(5), stock_set(10, version=2)]),
        (
            "violated",
            "availability on one of two channels",
            [*COMPUTED, listed(7, version=2), accepted(channel="bazaar")],
        ),
        ("violated", "a price on no channel", [*PRICED, accepted()]),
        (
            "violated",
            "a cancellation never answered",
            [known("e6", cancellation_requested()), told("cancellation.requested", effect_id="e6")],
        ),
        (
            "violated",
            "a return received, never credited",
            [known("e8", return_received()), told("return.received", effect_id="e8")],
        ),
        ("indeterminate", "not booked when the run was cut off", PLACED),
    ),
    Case(
        "acknowledged_webhook_has_its_effect",
        "holds",
        "who serves order-to-erp owes the OMS nothing",
        [*PLACED, booked()],
        flows=("order-to-erp",),
    ),
    *cases(
        "retry_after_honoured",
        ("not exercised", "never told to wait", [call(bucket="erp/sut")]),
        ("holds", "waited as told", [at(0, throttled()), at(2.1, call(bucket="erp/sut"))]),
        (
            "holds",
            "a call already in flight",
            [at(0, throttled()), at(0.2, call(order="B", bucket="erp/sut"))],
        ),
        (
            "violated",
            "the refused request itself, sent again at once",
            [at(0, throttled()), at(0.2, call(bucket="erp/sut"))],
        ),
        (
            "violated",
            "tried again and again at short intervals",
            [at(0.1 * n, throttled(order=f"O{n}")) for n in range(8)],
        ),
        (
            "holds",
            "a twin of the refused request, sent beside it",
            [at(0, throttled()), at(0.012, throttled()), at(2.2, call(bucket="erp/sut"))],
        ),
        (
            "violated",
            "each refused request again within two milliseconds, though none often",
            [row for n in range(3) for row in back_at_once(f"O{n}", 4 * n)],
        ),
        ("holds", "another bucket", [at(0, throttled()), at(1, call(bucket="erp/other"))]),
        (
            "holds",
            "a shopper's call",
            [at(0, throttled()), at(1, call(bucket="erp/sut", client="shopper-web"))],
        ),
        (
            "holds",
            "without a bucket, another order may go on",
            [at(0, throttled(bucket=None, retry_after_s=5)), at(1, call(order="B"))],
        ),
        ("violated", "asked again too soon", [at(0, throttled()), at(1, call(bucket="erp/sut"))]),
        (
            "violated",
            "another worker of the same client",
            [at(0, throttled()), at(1.9, call(order="B", bucket="erp/sut"))],
        ),
        (
            "violated",
            "a short wait does not end a longer one",
            [
                at(0, throttled(retry_after_s=10)),
                at(0.03, throttled(retry_after_s=1)),
                at(5, call(bucket="erp/sut")),
            ],
        ),
        (
            "violated",
            "without a bucket, the same order again",
            [at(0, throttled(bucket=None)), at(1, call())],
        ),
    ),
    *cases(
        "permanent_refusals_not_retried",
        ("not exercised", "nothing refused for good", [call(), throttled()]),
        ("holds", "refused and left alone", [refused()]),
        ("holds", "put right and sent again", [refused(), call(body="b2")]),
        ("holds", "refused, then another order", [refused(), call(order="B")]),
        ("holds", "two in flight at once", [at(1, refused()), at(1.001, refused())]),
        (
            "not exercised",
            "a token that ran out is renewed",
            [refused(refused_by="auth", status=401), call()],
        ),
        ("violated", "asked again, word for word", [refused(), refused()]),
        ("violated", "asked again until it was tired", [refused(), refused(), refused(), refused()]),
    ),
    *cases(
        "refusals_not_asked_for_ever",
        ("not exercised", "nothing was refused often", [early(), early(), early(), call()]),
        ("not exercised", "other refusals pass by themselves", [throttled() for _ in range(9)]),
        ("not exercised", "reads may repeat for ever", [early(changes=False) for _ in range(9)]),
        ("holds", "patient, and done in the end", [*(early() for _ in range(9)), call()]),
        ("holds", "patient, and then it stopped", [early() for _ in range(9)]),
        ("indeterminate", "the run never settled", [early() for _ in range(9)]),
    ),
    Case(
        "refusals_not_asked_for_ever",
        "violated",
        "still asked when nothing else happened",
        [early() for _ in range(9)],
        in_vain_since_s=5,
    ),
    Case(
        "refusals_not_asked_for_ever",
        "violated",
        "most attempts had failed otherwise",
        [*(throttled() for _ in range(8)), early(), early()],
        in_vain_since_s=8,
    ),
    Case(
        "refusals_not_asked_for_ever",
        "holds",
        "another went on, this one stopped",
        [early() for _ in range(9)],
        in_vain_since_s=9,
    ),
    *cases(
        "idempotency_key_stable_over_retries",
        ("not exercised", "nothing had to be repeated", [call(key="k1"), call(order="B", key="k2")]),
        ("not exercised", "a caller that uses no keys", [no_reply(), call()]),
        ("not exercised", "a plain refusal may be asked anew", [throttled(key="k1"), call(key="k2")]),
        ("holds", "repeated under the same key", [no_reply(key="k1"), call(key="k1")]),
        (
            "holds",
            "a 500 repeated under the same key",
            [call(key="k1", outcome="unknown", status=500), call(key="k1")],
        ),
        (
            "holds",
            "another key after the system has said that this one answers with the old failure",
            [
                call(key="k1", outcome="unknown", status=500),
                call(key="k1", outcome="unknown", status=500, replayed=True),
                call(key="k2"),
            ],
        ),
        ("violated", "a new key for the repeat", [no_reply(key="k1"), call(key="k2")]),
        ("violated", "the key was forgotten", [no_reply(key="k1"), call()]),
        (
            "violated",
            "a new key on the third attempt",
            [no_reply(key="k1"), no_reply(key="k1"), call(key="k3")],
        ),
    ),
]


@pytest.mark.parametrize("case", CASES, ids=name_of)
def test_manners(case: Case) -> None:
    case.check()


def test_every_refusal_that_names_a_wait_is_examined_by_itself() -> None:
    rows = [
        at(0, throttled(order="A")),
        at(3, call(order="A", bucket="erp/sut")),
        at(10, throttled(order="B")),
        at(11, call(order="B", bucket="erp/sut")),
        at(11.5, call(order="C", bucket="erp/sut")),
    ]
    result = asked("retry_after_honoured", rows)
    assert (result.examined, result.findings_count) == (2, 1)
    (finding,) = result.findings
    assert finding.subject == "erp-c0000003"
    assert "the refused request retried early once, 1 other calls came early, the worst by" in finding.finding
    assert finding.evidence == ("erp-c0000003", "erp-c0000004", "erp-c0000005")


def test_who_is_refused_for_ever_and_never_stops_is_named() -> None:
    """The body may differ each time, and others that stopped are not blamed."""
    rows = [at(n, early(order="A", body=f"b{n}")) for n in range(1, 21)]
    patient = [at(n, early(order="B")) for n in range(1, 9)]
    result = asked("refusals_not_asked_for_ever", [*rows, *patient], in_vain_since_s=8)
    assert (result.status, result.examined) == ("violated", 2)
    (finding,) = result.findings
    assert (finding.subject, finding.order_ref) == ("erp create_sales_order A", "A")
    assert finding.finding == (
        "refused 20 times in 19 s (409 not_posted), and still asked 12 times when nothing else happened any more: "
        "/v1/create_sales_order"
    )
    assert len(finding.evidence) == 20
