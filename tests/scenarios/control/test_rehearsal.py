"""What an injection would meet, told from literal records."""

from pathlib import Path
from typing import Any

from peakproof.chaos.faults.drop_delivery import DropDelivery
from peakproof.chaos.faults.lost_reply import LostReply
from peakproof.chaos.faults.outage import Outage
from peakproof.chaos.faults.rejected_later import RejectedLater
from peakproof.chaos.injection import Injection, When, Where
from peakproof.history.records import Call, Delivery
from peakproof.history.writer import HistoryWriter
from peakproof.scenarios.control.rehearsal import calls_so_far, would_have_met

KINDS = {"erp": "erp", "wms": "wms"}


def call(number: int, system: str = "erp", operation: str = "create_sales_order", **fields: Any) -> Call:
    given = {
        "subject": f"web-{number:06d}",
        "attempt": 1,
        "changes": operation.startswith("create"),
        **fields,
    }
    return Call(
        call_id=f"{system}-c{number:07d}",
        system=system,
        operation=operation,
        method="POST",
        path="/",
        at_ns=number,
        replied_ns=number,
        outcome="ok",
        **given,
    )


def delivery(number: int, event: str, attempt: int = 1) -> Delivery:
    return Delivery(
        delivery_id=f"d{number}",
        event_id=event,
        system="erp",
        topic="invoice.posted",
        subject="web-000001",
        attempt=attempt,
        at_ns=number,
        emitted_ns=number,
        replied_ns=number,
        acknowledged=True,
    )


def recorded(folder: Path, *records: Call | Delivery) -> Path:
    writer = HistoryWriter(folder / "history", "estate")
    for record in records:
        if isinstance(record, Call):
            writer.call(record)
        else:
            writer.delivery(record)
    writer.close()
    return folder


def met(injection: Injection, folder: Path) -> dict[str, Any]:
    return would_have_met(injection, 1, folder, KINDS)


def test_nothing_recorded_is_nothing_met(tmp_path: Path) -> None:
    found = met(Injection("a", Outage(), Where("erp")), recorded(tmp_path))
    assert (found["seen"], found["met"], found["by_name"]) == (0, 0, [])


def test_calls_of_the_system_and_the_operation_are_met(tmp_path: Path) -> None:
    folder = recorded(tmp_path, call(1), call(2, operation="get_sales_order"), call(3), call(4, system="wms"))
    found = met(Injection("a", Outage(), Where("erp", "create_sales_order")), folder)
    assert found["names"] == ["create_sales_order"]
    assert (found["seen"], found["met"]) == (3, 2)
    assert found["by_name"] == [{"system": "erp", "name": "create_sales_order", "seen": 2, "met": 2}]
    assert found["subjects"] == ["web-000001", "web-000003"]


def test_a_throttled_call_never_came_as_far(tmp_path: Path) -> None:
    folder = recorded(tmp_path, call(1, refused_by="throttle"), call(2))
    assert met(Injection("a", Outage(), Where("erp")), folder)["met"] == 1


def test_a_fault_on_changes_names_and_meets_no_reads(tmp_path: Path) -> None:
    folder = recorded(tmp_path, call(1), call(2, operation="get_sales_order"))
    found = met(Injection("a", LostReply(), Where("erp")), folder)
    assert (found["seen"], found["met"]) == (2, 1)
    assert "create_sales_order" in found["names"]
    assert "get_sales_order" not in found["names"]


def test_keyed_dice_fall_as_they_would_have(tmp_path: Path) -> None:
    folder = recorded(tmp_path, *(call(number) for number in range(1, 201)))
    half = met(Injection("a", Outage(), Where("erp"), When(probability=0.5)), folder)
    again = met(Injection("a", Outage(), Where("erp"), When(probability=0.5)), folder)
    assert 70 < half["met"] < 130
    assert half == again


def test_an_item_of_a_bulk_call_is_counted_as_the_door_counts(tmp_path: Path) -> None:
    first, second = (
        call(
            attempt,
            operation="create_stock_adjustment_batch",
            attempt=attempt,
            subject="sut",
            subjects=["22086"],
        )
        for attempt in (1, 2)
    )
    folder = recorded(tmp_path, first, second)
    assert met(Injection("a", Outage(), Where("erp", sku="22086", nth=2)), folder)["met"] == 1


def test_a_body_is_looked_into(tmp_path: Path) -> None:
    writer = HistoryWriter(tmp_path / "history", "estate")
    for number, currency in enumerate(("JPY", "EUR"), 1):
        writer.call(call(number, request_body=writer.body(f'{{"currency":"{currency}"}}'.encode())))
    writer.close()
    found = met(Injection("a", Outage(), Where("erp", match={"currency": "JPY"})), tmp_path)
    assert (found["met"], found["subjects"]) == (1, ["web-000001"])


def test_copies_of_an_event_count_once(tmp_path: Path) -> None:
    folder = recorded(
        tmp_path, delivery(1, "e1"), delivery(2, "e1"), delivery(3, "e1", attempt=2), delivery(4, "e2")
    )
    found = met(Injection("a", DropDelivery(), Where("erp")), folder)
    assert (found["what"], found["seen"], found["met"]) == ("topic", 3, 3)
    assert "sales_order.posted" in found["names"]


def test_what_the_record_cannot_tell_is_said(tmp_path: Path) -> None:
    found = met(Injection("a", RejectedLater(), Where("erp")), recorded(tmp_path, call(1)))
    assert (found["seen"], found["met"]) == (None, None)
    assert found["note"] == "decisions are not recorded, so nobody can say how many it would have met"


def test_what_was_seen_so_far_is_counted(tmp_path: Path) -> None:
    folder = recorded(tmp_path, call(1), call(2), call(3, system="wms"), delivery(1, "e1"))
    with (folder / "history" / "calls-estate.jsonl").open("a") as file:
        file.write('{"call_id": "cut o')
    assert calls_so_far(folder) == {
        "calls": [
            {"system": "erp", "name": "create_sales_order", "count": 2},
            {"system": "wms", "name": "create_sales_order", "count": 1},
        ],
        "events": [{"system": "erp", "name": "invoice.posted", "count": 1}],
    }
