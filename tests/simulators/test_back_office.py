"""People at their desks need no API: what they do is done on the ledgers, by their actor."""

from decimal import Decimal
from types import SimpleNamespace
from typing import Any

import pytest

from peakproof.chaos.dice import Dice
from peakproof.history.records import Effect
from peakproof.simulators.back_office import DeskAct, carry_out
from peakproof.simulators.erp.ledger import ErpLedger
from peakproof.simulators.kit.ledger import World
from peakproof.simulators.wms.ledger import WmsLedger


def office(effects: list[Effect]) -> Any:
    def world() -> World:
        return World(lambda: 0, lambda delay_s, action, /: None, Dice(1), effects.append, lambda event: None)

    warehouse = WmsLedger(world())
    warehouse.seed_stock([("A", "north", 10)])
    effects.clear()
    ledgers = {"wms": warehouse, "erp": ErpLedger(world())}
    return SimpleNamespace(of_kind=lambda kind: iter([SimpleNamespace(ledger=ledgers[kind])]))


@pytest.mark.parametrize(
    ("act", "moved"),
    [
        (DeskAct("receipt", "A", "north", 3), [3]),
        (DeskAct("count", "A", "north", -4), [-4]),
        (DeskAct("count", "A", "north", -40), [-10]),
        (DeskAct("damage", "A", "north", 2), [-2]),
        (DeskAct("damage", "A", "north", 20), [-10]),
    ],
)
def test_stock_moves_and_never_below_nothing(act: DeskAct, moved: list[int]) -> None:
    effects: list[Effect] = []
    assert carry_out(act, office(effects))
    assert [one.quantity for one in effects if one.kind == "stock_moved"] == moved
    assert {one.actor for one in effects} == {"back-office"}


def test_of_nothing_nothing_can_be_damaged() -> None:
    effects: list[Effect] = []
    assert not carry_out(DeskAct("damage", "B", "north", 1), office(effects))
    assert effects == []


def test_a_price_is_set_in_the_erp() -> None:
    effects: list[Effect] = []
    act = DeskAct(
        "price_change", "A", currency="GBP", amount=Decimal("9.99"), valid_from="2026-11-27T12:00:00.000000Z"
    )
    assert carry_out(act, office(effects))
    assert [(one.kind, one.amount, one.actor) for one in effects] == [("price_set", "9.99", "back-office")]
