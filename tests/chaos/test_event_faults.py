"""What each fault of events makes of one delivery: no gate, no dispatcher, no clock."""

import json
import re
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from peakproof.chaos.dice import Dice
from peakproof.chaos.fault import HIDDEN, DeliveryFault, Document, FaultContext, Hidden, Leaving, Outgoing
from peakproof.chaos.faults.corrupt_signature import CorruptSignature
from peakproof.chaos.faults.delay_delivery import DelayDelivery
from peakproof.chaos.faults.duplicate_under_new_id import DuplicateUnderNewId
from peakproof.chaos.faults.early_event import EarlyEvent
from peakproof.chaos.faults.expired_signature import ExpiredSignature
from peakproof.chaos.faults.forged_signature import ForgedSignature
from peakproof.chaos.faults.held_deliveries import HeldDeliveries
from peakproof.chaos.faults.mutated_payload import MutatedPayload
from peakproof.chaos.faults.overlapping_delivery import OverlappingDelivery
from peakproof.chaos.faults.unknown_event_type import UnknownEventType
from peakproof.chaos.faults.unsubscribed import Unsubscribed

SECOND_NS = 1_000_000_000


async def no_sleep(seconds: float) -> None:
    raise AssertionError("nothing sleeps here")


CONTEXT = FaultContext(sleep=no_sleep, dice=Dice(7), now=lambda: 100 * SECOND_NS)
"""One minute and forty seconds past midnight, on the first of January 1970."""


def told(data: dict[str, Any], topic: str = "stock.changed", subject: str = "22423") -> Outgoing:
    body = {"id": "wms-evt-1", "type": topic, "subject": subject, "data": data}
    return Outgoing("wms", topic, "wms-evt-1", subject, attempt=1, body=json.dumps(body).encode())


STOCK = told({"change_id": "CH-1", "sku": "22423", "on_hand": 5, "version": 3})
ORDER = told(
    {"order_ref": "web-000001", "ship_to": {"line1": "1 High Street"}, "total": "11.19"},
    "order.placed",
    "web-000001",
)


def data_of(outgoing: Outgoing) -> dict[str, Any]:
    data: dict[str, Any] = json.loads(outgoing.body)["data"]
    return data


def test_a_duplicate_under_a_new_id_says_the_same_under_another_id() -> None:
    first, again = DuplicateUnderNewId(gap_s=0.5).apply(STOCK, CONTEXT)
    assert first == STOCK
    assert (again.event_id, json.loads(again.body)["id"]) == ("wms-evt-1-again", "wms-evt-1-again")
    assert (data_of(again), again.topic, again.subject) == (data_of(STOCK), STOCK.topic, STOCK.subject)
    assert (again.wait_s, again.extra, again.signature) == (0.5, False, "valid")


def test_a_delay_is_the_same_for_the_same_event_and_differs_between_events() -> None:
    fault = DelayDelivery(seconds=2, jitter_s=1)
    waits = [
        fault.apply(replace(STOCK, occurrence=occurrence), CONTEXT)[0].wait_s for occurrence in (1, 1, 2)
    ]
    assert waits[0] == waits[1] != waits[2]
    assert all(2 <= wait < 3 for wait in waits)


def test_a_held_delivery_is_as_it_was() -> None:
    assert HeldDeliveries().apply(STOCK, CONTEXT) == [replace(STOCK, held=True)]


def test_an_overlapping_delivery_follows_the_first() -> None:
    assert OverlappingDelivery().apply(STOCK, CONTEXT) == [STOCK, replace(STOCK, overlaps=True)]


def test_a_forged_order_is_another_order_to_another_address() -> None:
    forged, real = ForgedSignature().apply(ORDER, CONTEXT)
    assert real == ORDER
    assert (forged.signature, forged.extra, forged.invented) == ("forged", True, True)
    assert forged.event_id == json.loads(forged.body)["id"] == "wms-evt-1-forged"
    assert forged.subject == data_of(forged)["order_ref"] == "forged-web-000001"
    assert data_of(forged)["ship_to"] == {"line1": "1 Forger's Yard"}
    assert data_of(forged)["total"] == "11.19"


def test_forged_stock_is_another_change_that_makes_the_true_ones_look_old() -> None:
    forged, _ = ForgedSignature().apply(STOCK, CONTEXT)
    assert forged.subject == "22423"
    assert data_of(forged) == {
        "change_id": "forged-CH-1",
        "sku": "22423",
        "on_hand": 17,
        "version": 1_000_003,
    }


def test_a_corrupt_one_comes_first_and_under_the_real_ones_id() -> None:
    corrupt, real = CorruptSignature().apply(STOCK, CONTEXT)
    assert real == STOCK
    assert (corrupt.event_id, corrupt.signature, corrupt.extra) == ("wms-evt-1", "corrupt", True)
    assert not corrupt.invented
    assert (data_of(corrupt)["on_hand"], data_of(corrupt)["change_id"]) == (17, "CH-1")


def test_an_expired_one_is_the_same_event_once_more() -> None:
    real, expired = ExpiredSignature().apply(STOCK, CONTEXT)
    assert (real, expired) == (STOCK, replace(STOCK, signature="expired", extra=True))


@pytest.mark.parametrize(
    ("data", "altered"),
    [
        (
            {"ship_to": {"line1": "x", "city": "Leeds"}},
            {"ship_to": {"line1": "1 Forger's Yard", "city": "Leeds"}},
        ),
        ({"lines": [{"sku": "1", "quantity": 2}]}, {"lines": [{"sku": "1", "quantity": 11}]}),
        ({"total": "4.16", "currency": "GBP"}, {"total": "94.16", "currency": "GBP"}),
        (
            {"sales_order_id": "SO-1", "order_ref": "web-1"},
            {"sales_order_id": "SO-1-x", "order_ref": "web-1"},
        ),
    ],
)
def test_a_mutated_payload_is_altered_where_it_matters(data: dict[str, Any], altered: dict[str, Any]) -> None:
    [mutated] = MutatedPayload().apply(told(data), CONTEXT)
    assert data_of(mutated) == altered
    assert (mutated.signature, mutated.extra, mutated.event_id) == ("mutated", False, "wms-evt-1")


@pytest.mark.parametrize("fault", [ForgedSignature(), CorruptSignature(), MutatedPayload()])
def test_a_forger_takes_what_other_faults_have_left(fault: DeliveryFault) -> None:
    odd = told({"change_id": 7, "on_hand": "5", "version": None, "total": 4.16, "shipment_id": None})
    assert len(fault.apply(odd, CONTEXT)) in (1, 2)


def test_an_unknown_event_stands_beside_the_real_one_and_is_rightly_signed() -> None:
    real, news = UnknownEventType().apply(STOCK, CONTEXT)
    assert real == STOCK
    assert news.topic == json.loads(news.body)["type"] == "loyalty_points.expired"
    assert (news.event_id, news.signature) == ("wms-evt-1-news", "valid")
    assert (news.extra, news.invented) == (True, True)


@pytest.mark.parametrize(("failures", "ends"), [(0, False), (2, False), (3, True), (4, True)])
def test_a_subscription_ends_after_so_many_failures(failures: int, ends: bool) -> None:
    [left] = Unsubscribed(after=3).apply(replace(STOCK, failures=failures), CONTEXT)
    assert left.unsubscribes == ends


@pytest.mark.parametrize(
    "fault",
    [
        DuplicateUnderNewId(),
        OverlappingDelivery(),
        ForgedSignature(),
        CorruptSignature(),
        ExpiredSignature(),
        MutatedPayload(),
        UnknownEventType(),
        Unsubscribed(after=1),
    ],
)
def test_extras_do_not_breed(fault: DeliveryFault) -> None:
    extra = replace(STOCK, extra=True, failures=9)
    assert fault.apply(extra, CONTEXT) == [extra]


NEW = {"version": 0, "updated_at": "1970-01-01T00:01:39.700000Z"}
OLDER = {"version": 0, "updated_at": "1970-01-01T00:01:39.500000Z"}
CHANGED = {"version": 1, "updated_at": "1970-01-01T00:01:39.900000Z"}
READ = Leaving("erp", "get_order", "web-000001", attempt=1, is_event=False)


@pytest.mark.parametrize(
    ("document", "seen"),
    [
        pytest.param(NEW, HIDDEN, id="new"),
        pytest.param({**NEW, "updated_at": "1970-01-01T00:01:39.700000"}, HIDDEN, id="new, without a zone"),
        pytest.param(OLDER, None, id="old enough"),
        pytest.param(CHANGED, None, id="changed since it was made"),
        pytest.param({"status": "ok"}, None, id="no record"),
        pytest.param({"version": 0}, None, id="without a time"),
        pytest.param({"version": 0, "updated_at": "soon"}, None, id="with a time that is none"),
        pytest.param({"items": [NEW, OLDER]}, {"items": [OLDER]}, id="a page"),
        pytest.param({"items": [OLDER, CHANGED]}, None, id="a page of old ones"),
    ],
)
def test_a_new_record_cannot_be_read_yet(document: Document, seen: Document | Hidden | None) -> None:
    assert EarlyEvent(lag_s=0.5).change(document, READ, CONTEXT) == seen


@pytest.mark.parametrize("leaving", [replace(READ, is_event=True), replace(READ, changes=True)])
def test_the_event_itself_and_the_answer_to_who_made_the_record_are_seen(leaving: Leaving) -> None:
    assert EarlyEvent().change(NEW, leaving, CONTEXT) is None


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: DuplicateUnderNewId(gap_s=-1), "gap_s must be at least 0, got -1"),
        (lambda: DelayDelivery(seconds=0), "seconds must be above 0, got 0"),
        (lambda: DelayDelivery(jitter_s=float("nan")), "jitter_s must be at least 0, got nan"),
        (lambda: UnknownEventType(""), "topic must not be empty, got ''"),
        (lambda: Unsubscribed(0), "after must be at least 1, got 0"),
        (lambda: EarlyEvent(0), "lag_s must be above 0, got 0"),
    ],
)
def test_impossible_settings_are_refused(make: Callable[[], object], message: str) -> None:
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        make()
