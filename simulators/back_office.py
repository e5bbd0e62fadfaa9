"""What people in the warehouse and in accounting do on the ledgers themselves: they need no API."""

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Literal, Protocol

from .kit.refusal import Refused

ACTOR = "back-office"


@dataclass(frozen=True, slots=True)
class DeskAct:
    """One thing that they do; its effects carry the actor ``back-office``."""

    kind: Literal["receipt", "count", "damage", "price_change"]
    sku: str
    location: str = ""
    quantity: int = 0
    """Units: received, lost, or by which a count differs from what stands there."""
    currency: str = ""
    amount: Decimal = Decimal(0)
    valid_from: str = ""
    """RFC 3339."""

    @property
    def where(self) -> str:
        """The kind of system at which it is done."""
        return "erp" if self.kind == "price_change" else "wms"


class Office(Protocol):
    """What they need of an estate."""

    def of_kind(self, kind: str) -> Iterator[Any]: ...


def carry_out(act: DeskAct, office: Office) -> bool:
    """Do it in every system that it is for; False where there was nothing to be done: nothing is left to be damaged."""
    done = True
    for system in office.of_kind(act.where):
        ledger = system.ledger
        with ledger.world.acting(ACTOR), suppress(Refused):
            match act.kind:
                case "receipt":
                    ledger.receive(act.sku, act.location, act.quantity)
                case "count":
                    stands = ledger.on_hand(act.sku, act.location)
                    ledger.count(act.sku, act.location, max(0, stands + act.quantity))
                case "damage":
                    stands = ledger.on_hand(act.sku, act.location)
                    done = stands > 0
                    if done:
                        ledger.damage(act.sku, act.location, min(stands, act.quantity))
                case "price_change":
                    ledger.set_price(act.sku, act.currency, act.amount, act.valid_from)
    return done
