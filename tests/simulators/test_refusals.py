"""Every refusal for good blames somebody: the order itself, or who asked. Only the first excuses a parked order."""

import importlib
import pkgutil
import re
from importlib.resources import files

from peakproof import simulators
from peakproof.simulators.kit.refusal import Refusal

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


def listed() -> set[str]:
    """The codes that blame the moment or the request; any other blames the order."""
    sql = files("peakproof.history").joinpath("views.sql").read_text("utf-8")
    _, _, rest = sql.partition("CREATE TABLE refusal_codes AS")
    return {
        word
        for told in re.findall(r"unnest\(\[(.*?)\]\)", rest.partition(";")[0], re.DOTALL)
        for word in re.findall(r"'(\w+)'", told)
    }


def test_every_refusal_for_good_excuses_a_parking_or_does_not() -> None:
    assert permanent() - listed() == set(THE_ORDERS_OWN)


def test_no_refusal_does_both() -> None:
    assert not listed() & set(THE_ORDERS_OWN)
