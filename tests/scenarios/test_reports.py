"""What one order felt of the faults of a stored run."""

from pathlib import Path

from peakproof.history.records import Call, FaultMark
from peakproof.history.writer import HistoryWriter
from peakproof.scenarios.reports import injections_felt_by


def test_an_order_felt_what_met_it_and_what_struck_a_whole_process(tmp_path: Path) -> None:
    writer = HistoryWriter(tmp_path / "history", "estate")
    for order in ("A", "B"):
        writer.call(
            Call(
                call_id=f"erp-{order}",
                system="erp",
                operation="create_sales_order",
                subject=order,
                order_ref=order,
                attempt=1,
                method="POST",
                path="/v1/sales-orders",
                at_ns=1,
                replied_ns=2,
                outcome="unknown",
                changes=True,
                committed=True,
                faults=[f"met-{order}"],
            )
        )
        writer.fault(
            FaultMark(
                at_ns=1,
                injection=f"rule-{order}",
                fault="short-pick",
                mark="fired",
                system="wms",
                detail=order,
            )
        )
    for mark in ("armed", "fired", "healed"):
        writer.fault(FaultMark(at_ns=3, injection="killed", fault="sut-kill", mark=mark, system="sut"))
    writer.fault(FaultMark(at_ns=3, injection="unfelt", fault="refused", mark="armed", system="erp"))
    writer.close()
    assert injections_felt_by("A", tmp_path) == {"met-A", "rule-A", "killed"}
    assert injections_felt_by("C", tmp_path) == {"killed"}
