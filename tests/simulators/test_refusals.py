"""Every refusal for good blames somebody: the order itself, or who asked. Only the first excuses a parked order."""

import importlib
import pkgutil
import re

from peakproof import simulators
from peakproof.simulators.kit.refusal import Refusal
from peakproof.verdict.invariant import HOME

THE_ORDERS_OWN = {
    "unknown_item": "the article is new, and nobody told the system of it",
    "expired": "the payment was authorised too long ago",
    "order_invalid": "the system's own rules refuse the order for good, however often it is asked",
    "currency_not_sold": "shoppers are told, not the middleware",
}
"""Reasons in the data itself."""


def permanent() -> set[str]:
    found = set()
    for module in pkgutil.walk_packages(simulators.__path__, "peakproof.simulators."):
        for value in vars(importlib.import_module(module.name)).values():
            if isinstance(value, Refusal) and value.permanent:
                found.add(value.code)
    return found


def test_every_refusal_for_good_excuses_a_parking_or_does_not() -> None:
    sql = (HOME / "only_refused_orders_stay_parked.sql").read_text("utf-8")
    listed, _, _ = sql.partition("parked_orders AS")
    mistakes = set(re.findall(r"\('(\w+)'\)", listed))
    assert mistakes | set(THE_ORDERS_OWN) == permanent() | set(THE_ORDERS_OWN)
    assert not mistakes & set(THE_ORDERS_OWN)
