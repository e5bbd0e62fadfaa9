"""Which flows a run is judged on, and which calls belong to which flow."""

import pytest

from peakproof.history import reader
from peakproof.scenarios import catalogue
from peakproof.scenarios.errors import UsageError
from peakproof.scenarios.flows import _CHANGES, FLOWS, FULL, calls, judged_flows


def test_the_history_knows_the_same_flows() -> None:
    assert set(FLOWS) == set(reader.FLOWS)


@pytest.mark.parametrize(
    ("needed", "claimed", "judged"),
    [
        pytest.param(FULL, FULL, sorted(FULL), id="all of them"),
        pytest.param(FULL, ("cancel",), ["cancel"], id="only one is claimed"),
        pytest.param(FULL, ("order-to-erp",), ["order-to-erp"], id="the small form of a needed one"),
        pytest.param(("order-to-erp",), FULL, ["order-to-erp"], id="the small form of a claimed one"),
        pytest.param(("cancel",), ("cancel", "stock-sync"), ["cancel"], id="more is claimed than needed"),
    ],
)
def test_judged_is_what_is_needed_and_claimed(
    needed: tuple[str, ...], claimed: tuple[str, ...], judged: list[str]
) -> None:
    assert judged_flows(needed, claimed) == judged


def test_nothing_in_common_is_the_users_mistake() -> None:
    with pytest.raises(
        UsageError, match=r"nothing to judge: the scenario exercises cancel; .* serves stock-sync; set flows"
    ):
        judged_flows(("cancel",), ("stock-sync",))


def test_every_call_of_a_flow_is_an_operation_of_its_system() -> None:
    named = {(kind, name) for kinds in _CHANGES.values() for kind, names in kinds.items() for name in names}
    assert {(kind, name) for kind, name in named if name not in catalogue.operations(kind)} == set()


@pytest.mark.parametrize(
    ("flow", "kind", "operation", "expected"),
    [
        ("order-to-erp", "erp", "create_sales_order", True),
        ("order-to-erp", "erp", "create_invoice", False),
        ("order-to-erp", "erp", "list_sales_orders", True),
        ("order-to-erp", "erp", None, True),
        ("order-to-erp", "wms", None, False),
        ("stock-sync", "oms", "set_stock_batch", True),
        ("price-publish", "erp", None, False),
    ],
)
def test_a_flow_calls_what_it_needs(flow: str, kind: str, operation: str | None, expected: bool) -> None:
    assert calls(flow, kind, operation) is expected
