"""Two invariants guard the estate's own bookkeeping: no middleware can break them, so here a warehouse does."""

from peakproof.history.reader import History
from peakproof.simulators.wms.documents import Fulfilment, StockMovement
from peakproof.simulators.wms.ledger import WmsLedger, WmsSettings
from peakproof.verdict.invariant import HOME as INVARIANTS
from peakproof.verdict.invariant import Invariant
from peakproof.verdict.result import InvariantResult

from .orders import HOME, parts
from .world import make_world

SETTINGS = WmsSettings(split_share=0.0)


class Leaky(WmsLedger):
    """A unit vanishes with every movement, and no movement says so."""

    def _move_stock(
        self, sku: str, location: str, change: int, cause: str, at: str, **about: str | None
    ) -> StockMovement:
        moved = super()._move_stock(sku, location, change, cause, at, **about)
        self._levels[location][sku].on_hand -= 1
        return moved


class Muddled(WmsLedger):
    """What is shipped is shown as requested again."""

    def _move(self, fulfilment: Fulfilment, step: str) -> None:
        super()._move(fulfilment, step)
        if fulfilment.status == "shipped":
            fulfilment.status = "requested"


def judged(kind: type[WmsLedger], invariant: str) -> InvariantResult:
    """What an invariant says of a warehouse of this kind that takes a delivery and ships one order."""
    made = make_world()
    wms = kind(made.world, SETTINGS)
    wms.seed_stock([("mug", "north", 5)])
    wms.receive("mug", "north", 3)
    wms.request(
        order_ref="web-000001",
        part_id="OMS-000001-1",
        location="north",
        lines=parts(("1", "mug", 2)),
        priority=5,
        ship_by="2026-11-28T12:00:00Z",
        service_level="standard",
        ship_to=HOME,
    )
    made.advance(3600)
    assert "shipment_confirmed" in made.kinds()
    with History.of_records(made.effects) as history:
        return Invariant.of_file(INVARIANTS / f"{invariant}.sql").ask(history)


def test_a_unit_that_vanishes_without_a_movement_is_found() -> None:
    assert judged(WmsLedger, "stock_conserved").status == "holds"
    result = judged(Leaky, "stock_conserved")
    assert result.status == "violated"
    assert all(finding.evidence for finding in result.findings)


def test_a_status_that_goes_back_is_found() -> None:
    assert judged(WmsLedger, "status_never_regresses").status == "holds"
    (finding,) = judged(Muddled, "status_never_regresses").findings
    assert finding.finding == "requested after picking"
