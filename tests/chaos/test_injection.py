"""Where, when and how often: who decides, and on what."""

import random
import re
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from peakproof.chaos.errors import ChaosError
from peakproof.chaos.fault import Call, Outgoing
from peakproof.chaos.faults.drop_delivery import DropDelivery
from peakproof.chaos.faults.lost_reply import LostReply
from peakproof.chaos.faults.outage import Outage
from peakproof.chaos.faults.rejected_later import RejectedLater
from peakproof.chaos.faults.throttle_cut import ThrottleCut
from peakproof.chaos.injection import Injection, Trigger, When, Where

CALL = Call(
    call_id="erp-1",
    system="erp",
    operation="create_sales_order",
    subject="web-000001",
    attempt=1,
    method="POST",
    path="/v1/sales-orders",
    headers={},
    body=b"",
    at_ns=0,
    changes=True,
    order_ref="web-000001",
)
BULK = replace(
    CALL,
    operation="publish_availability_batch",
    subject="sut",
    order_ref=None,
    subjects=(("21731", 1), ("22086", 4), ("85123A", 1)),
)
ORDER = replace(
    CALL,
    body=b'{"currency":"JPY","priority":5,"gift":true,"ship_to":null,"lines":[{"sku":"21731"},{"sku":"22086"}]}',
)
EVENT = Outgoing("erp", "sales_order.posted", "erp-evt-1", "web-000001", attempt=1, body=b"")


def trigger(where: Where | None = None, when: When | None = None, seed: int = 1) -> Trigger:
    return Trigger(Injection("outage-1", Outage(), where or Where(), when or When()), rank=0, seed=seed)


@pytest.mark.parametrize(
    ("where", "call", "acts"),
    [
        pytest.param(Where(), CALL, True, id="nothing said matches all"),
        pytest.param(Where(operation="create_sales_order"), CALL, True, id="its operation"),
        pytest.param(Where(operation="create_invoice"), CALL, False, id="another operation"),
        pytest.param(Where(order_ref="web-000001"), CALL, True, id="its order"),
        pytest.param(Where(order_ref="web-000002"), CALL, False, id="another order"),
        pytest.param(
            Where(order_ref="web-000001"), replace(CALL, subject="INV-1"), True, id="order of a document"
        ),
        pytest.param(Where(nth=1), CALL, True, id="first attempt"),
        pytest.param(Where(nth=2), CALL, False, id="not the first attempt"),
        pytest.param(Where(nth=2), replace(CALL, attempt=2), True, id="second attempt"),
        pytest.param(
            Where(changes_only=True), replace(CALL, changes=False), False, id="a read, changes only"
        ),
        pytest.param(Where(order_ref="22086"), BULK, True, id="one item of a bulk call"),
        pytest.param(Where(order_ref="99999"), BULK, False, id="no item of a bulk call"),
        pytest.param(Where(nth=4), BULK, True, id="an item's fourth attempt"),
        pytest.param(Where(order_ref="21731", nth=4), BULK, False, id="the fourth attempt is another item's"),
        pytest.param(Where(sku="22086"), replace(CALL, sku="22086"), True, id="its SKU"),
        pytest.param(Where(sku="22086"), CALL, False, id="no SKU"),
        pytest.param(Where(sku="22086"), BULK, True, id="a SKU of a bulk call"),
        pytest.param(Where(sku="22086", nth=4), BULK, True, id="a SKU's fourth attempt"),
        pytest.param(Where(sku="99999"), BULK, False, id="no SKU of a bulk call"),
        pytest.param(Where(client="sut-erp"), replace(CALL, client="sut-erp"), True, id="its client"),
        pytest.param(Where(client="sut-erp"), CALL, False, id="a caller without a token"),
        pytest.param(Where(match={"currency": "JPY"}), ORDER, True, id="its body"),
        pytest.param(Where(match={"currency": "EUR"}), ORDER, False, id="another body"),
        pytest.param(Where(match={"lines.sku": "22086"}), ORDER, True, id="an entry of a list in it"),
        pytest.param(Where(match={"lines.sku": 22086}), ORDER, True, id="a number that travels as text"),
        pytest.param(
            Where(match={"currency": "JPY", "priority": 9}), ORDER, False, id="all values must hold"
        ),
        pytest.param(Where(match={"gift": True}), ORDER, True, id="truth"),
        pytest.param(Where(match={"gift": 1}), ORDER, False, id="truth is no number"),
        pytest.param(Where(match={"ship_to": None}), ORDER, True, id="null"),
        pytest.param(Where(match={"coupon": None}), ORDER, False, id="what is missing is not null"),
        pytest.param(Where(match={"currency": "JPY"}), CALL, False, id="no body"),
    ],
)
def test_where(where: Where, call: Call, acts: bool) -> None:
    assert trigger(where).acts_on(call) is acts


def test_a_lost_reply_spares_reads_unless_told_otherwise() -> None:
    read = replace(CALL, changes=False)
    assert not Trigger(Injection("a", LostReply()), 0, seed=1).acts_on(read)
    assert Trigger(Injection("a", LostReply(), Where(changes_only=False)), 0, seed=1).acts_on(read)
    assert Trigger(Injection("a", Outage()), 0, seed=1).acts_on(read)


def test_every_third_match() -> None:
    every = trigger(when=When(every=3))
    assert [every.acts_on(CALL) for _ in range(7)] == [False, False, True, False, False, True, False]


def test_the_first_matches_may_pass() -> None:
    patient = trigger(when=When(after=2, limit=3))
    assert [patient.acts_on(CALL) for _ in range(6)] == [False, False, True, True, True, False]
    both = trigger(when=When(after=1, every=2))
    assert [both.acts_on(CALL) for _ in range(6)] == [False, False, True, False, True, False]


def test_only_what_matches_is_counted() -> None:
    patient = trigger(Where(operation="create_sales_order"), When(after=1))
    assert not patient.acts_on(replace(CALL, operation="create_invoice"))
    assert [patient.acts_on(CALL) for _ in range(2)] == [False, True]


def test_a_seed_of_its_own_outweighs_that_of_the_run() -> None:
    calls = [replace(CALL, subject=f"web-{n:06d}") for n in range(100)]

    def met(seed: int, own: int | None) -> list[str]:
        one = Trigger(Injection("a", Outage(), when=When(probability=0.5, seed=own)), 0, seed=seed)
        return [call.subject for call in calls if one.acts_on(call)]

    assert met(1, 7) == met(2, 7) == met(7, None)
    assert met(1, None) != met(1, 7)


def test_a_ramp_only_adds_calls_to_those_that_it_has_met() -> None:
    """The rolls are keyed and do not change; time moves the bar."""
    calls = [replace(CALL, subject=f"web-{n:06d}") for n in range(400)]
    met: list[set[str]] = []
    for armed_for_s in (0.0, 5.0, 10.0, 20.0, 30.0):
        ramp = trigger(when=When(probability=0.8, ramp_s=20))
        ramp.armed_for_s = armed_for_s
        met.append({call.subject for call in calls if ramp.acts_on(call)})
    assert [len(one) for one in met[:1]] == [0]
    assert met[0] < met[1] < met[2] < met[3] == met[4]
    assert 50 < len(met[1]) < 110
    steady = trigger(when=When(probability=0.8))
    assert met[4] == {call.subject for call in calls if steady.acts_on(call)}


def test_a_limit_ends_it() -> None:
    limited = trigger(when=When(limit=2))
    assert [limited.acts_on(CALL) for _ in range(4)] == [True, True, False, False]
    assert limited.fired == 2


@given(order=st.permutations(range(60)), seed=st.integers(0, 2**32))
def test_the_same_seed_picks_the_same_calls_in_whatever_order_they_arrive(
    order: list[int], seed: int
) -> None:
    calls = [replace(CALL, subject=f"web-{n:06d}", attempt=1 + n % 3, call_id=f"erp-{n}") for n in range(60)]
    straight = trigger(when=When(probability=0.3), seed=seed)
    shuffled = trigger(when=When(probability=0.3), seed=seed)
    expected = {call.call_id for call in calls if straight.acts_on(call)}
    assert {calls[n].call_id for n in order if shuffled.acts_on(calls[n])} == expected


@given(order=st.permutations(range(40)), wanted=st.sampled_from(["21731", "22086"]))
def test_whatever_a_call_is_about_decides_alone_in_whatever_order_calls_arrive(
    order: list[int], wanted: str
) -> None:
    calls = [
        replace(
            ORDER if n % 2 else CALL,
            subject=f"web-{n:06d}",
            call_id=f"erp-{n}",
            sku=("21731", "22086", None)[n % 3],
            client=("sut-erp", "shopper")[n % 5 == 0],
        )
        for n in range(40)
    ]
    where = Where(sku=wanted, client="sut-erp", match={"lines.sku": "22086"})
    when = When(probability=0.7)
    straight, shuffled = trigger(where, when), trigger(where, when)
    expected = {call.call_id for call in calls if straight.acts_on(call)}
    assert {calls[n].call_id for n in order if shuffled.acts_on(calls[n])} == expected


def test_another_seed_and_another_injection_pick_other_calls() -> None:
    calls = [replace(CALL, subject=f"web-{n:06d}") for n in range(200)]
    when = When(probability=0.3)

    def picked(injection_id: str, seed: int) -> list[str]:
        chooser = Trigger(Injection(injection_id, Outage(), when=when), 0, seed)
        return [call.subject for call in calls if chooser.acts_on(call)]

    assert 30 < len(picked("a", 1)) < 90
    assert picked("a", 1) == picked("a", 1)
    assert picked("a", 1) != picked("a", 2)
    assert picked("a", 1) != picked("b", 1)


def test_a_bulk_call_acts_when_one_item_alone_would() -> None:
    chooser = trigger(when=When(probability=0.3))
    skus = [f"sku-{n}" for n in range(100)]
    hit = {sku for sku in skus if chooser.acts_on(replace(BULK, subjects=((sku, 1),)))}
    assert 0 < len(hit) < 100
    random.Random(1).shuffle(skus)
    for start in range(0, 100, 4):
        batch = skus[start : start + 4]
        assert chooser.acts_on(replace(BULK, subjects=tuple((sku, 1) for sku in batch))) is bool(
            hit & set(batch)
        )


def test_each_attempt_is_rolled_afresh() -> None:
    chooser = trigger(when=When(probability=0.5))
    assert len({chooser.acts_on(replace(CALL, attempt=n)) for n in range(1, 20)}) == 2


def test_deliveries_are_told_apart_by_topic_subject_occurrence_and_attempt() -> None:
    dropper = Trigger(Injection("d", DropDelivery(), Where(operation="sales_order.posted")), 0, seed=1)
    assert dropper.acts_on_delivery(EVENT)
    assert not dropper.acts_on_delivery(replace(EVENT, topic="invoice.posted"))
    chancy = Trigger(Injection("d", DropDelivery(), when=When(probability=0.5)), 0, seed=1)
    assert len({chancy.acts_on_delivery(replace(EVENT, occurrence=n)) for n in range(1, 20)}) == 2
    assert len({chancy.acts_on_delivery(replace(EVENT, attempt=n)) for n in range(1, 20)}) == 2
    assert len({chancy.acts_on_delivery(replace(EVENT, event_id=f"erp-evt-{n}")) for n in range(20)}) == 1


def test_a_delivery_is_known_by_its_sku_and_its_body() -> None:
    stock = replace(EVENT, subject="22086", body=b'{"type":"stock.changed","data":{"location":"north"}}')

    def acts(where: Where) -> bool:
        return Trigger(Injection("d", DropDelivery(), where), 0, seed=1).acts_on_delivery(stock)

    assert acts(Where(sku="22086"))
    assert not acts(Where(sku="21731"))
    assert acts(Where(match={"data.location": "north"}))
    assert not acts(Where(match={"data.location": "south"}))


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Where(system=""), "where.system must name a system or be '*', got ''"),
        (lambda: Where(nth=0), "where.nth must be at least 1, got 0"),
        (lambda: When(start_s=-1), "when.start_s must be at least 0, got -1"),
        (lambda: When(start_s=5, stop_s=5), "when.stop_s must be after start_s (5), got 5"),
        (lambda: When(every=0), "when.every must be at least 1, got 0"),
        (lambda: When(probability=1.2), "when.probability must be above 0 and at most 1, got 1.2"),
        (lambda: When(probability=0), "when.probability must be above 0 and at most 1, got 0"),
        (lambda: When(limit=0), "when.limit must be at least 1, got 0"),
        (
            lambda: When(every=2, probability=0.5),
            "when.every (2) and when.probability (0.5) exclude each other: choose one",
        ),
        (lambda: When(after=-1), "when.after must be at least 0, got -1"),
        (lambda: When(seed=2**63), f"when.seed must fit in 64 bits, got {2**63}"),
        (lambda: When(ramp_s=0), "when.ramp_s must be above 0, got 0"),
        (lambda: When(ttl_s=-5), "when.ttl_s must be above 0, got -5"),
        (
            lambda: When(stop_s=5, ttl_s=5),
            "when.stop_s (5) and when.ttl_s (5) exclude each other: choose one",
        ),
        (
            lambda: When(every=2, ramp_s=5),
            "when.every (2) and when.ramp_s (5) exclude each other: choose one",
        ),
        (
            lambda: Where(match={"lines..sku": 1}),
            "where.match: must be a path of keys like lines.sku, got 'lines..sku'",
        ),
        (
            lambda: Where(match={"lines": []}),
            "where.match.lines must be a number, text, truth or null, got []",
        ),
        (
            lambda: Injection("d", DropDelivery(), Where(client="sut-erp")),
            "injection 'd': drop-delivery acts on no calls: where.client cannot match",
        ),
        (
            lambda: Injection("r", RejectedLater(), Where(match={"currency": "JPY"})),
            "injection 'r': rejected-later sees no body: where.match cannot match",
        ),
        (lambda: Injection("", Outage()), "an injection needs an id, got ''"),
        (
            lambda: Injection("cut", ThrottleCut(), Where("erp", operation="create_invoice")),
            (
                "injection 'cut': throttle-cut changes a system's throttle as a whole; "
                "only where.system, when.start_s, when.stop_s and when.ttl_s apply"
            ),
        ),
    ],
)
def test_what_cannot_be_is_refused(make: type, message: str) -> None:
    with pytest.raises(ChaosError, match=f"^{re.escape(message)}$"):
        make()
