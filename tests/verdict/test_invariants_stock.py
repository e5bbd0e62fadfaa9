"""Stock, availability and prices: nothing vanishes, everyone agrees, and old news never wins."""

import pytest

from .cases import Case, cases, name_of
from .histories import (
    accepted,
    adjusted,
    before_run,
    book_moved,
    computed,
    final_stock,
    item_known,
    listed,
    moved,
    parked,
    price_listed,
    price_set,
    stock_set,
)

CASES = [
    *cases(
        "published_values_are_true",
        ("not exercised", "nothing passed on", [computed(5)]),
        ("holds", "the number of its version", [computed(5), listed(5)]),
        ("not exercised", "of before the run, or never stated", [listed(9, version=7)]),
        ("holds", "the same value twice", [moved(-1, 5), stock_set(5), stock_set(5)]),
        ("violated", "an availability that was never computed so", [computed(5), listed(7)]),
        (
            "violated",
            "made good by a newer one, and wrong all the same",
            [computed(5), listed(7), computed(4, version=2), listed(4, version=2)],
        ),
        ("violated", "a movement added twice", [moved(-1, 5), stock_set(5), stock_set(4)]),
    ),
    *cases(
        "stock_conserved",
        ("not exercised", "nothing moved", []),
        (
            "holds",
            "each movement follows the last",
            [moved(-2, 8), moved(5, 13, version=2), final_stock("wms", 13, location="north")],
        ),
        ("holds", "locations are counted apart", [moved(-2, 8), moved(-1, 4, location="south")]),
        ("holds", "the book by SKU", [book_moved(-2, 8), book_moved(1, 9), final_stock("erp", 9)]),
        ("violated", "a unit vanished between two movements", [moved(-2, 8), moved(-1, 6, version=2)]),
        (
            "violated",
            "the end is not what the movements say",
            [moved(-2, 8), final_stock("wms", 7, location="north")],
        ),
    ),
    *cases(
        "stock_adjusted_once",
        ("not exercised", "only shipments", [moved(-2, 8)]),
        ("holds", "a receipt booked once", [moved(5, 15, cause="receipt"), adjusted(5)]),
        (
            "holds",
            "the opening stock is no receipt",
            [
                before_run(moved(10, 10, cause="receipt")),
                moved(5, 15, cause="count", change="CHG-2"),
                adjusted(5, change="CHG-2"),
            ],
        ),
        (
            "not exercised",
            "an article that the ERP does not know",
            [item_known("tea"), moved(5, 15, cause="receipt")],
        ),
        ("violated", "booked twice", [moved(5, 15, cause="receipt"), adjusted(5), adjusted(5)]),
        ("violated", "booked with the absolute quantity", [moved(-5, 15, cause="damage"), adjusted(15)]),
        ("violated", "never booked", [moved(5, 15, cause="count")]),
        ("indeterminate", "not booked when the run was cut off", [moved(5, 15, cause="count")]),
    ),
    *cases(
        "older_version_never_overwrites",
        ("not exercised", "nothing was told", [moved(1, 1)]),
        (
            "holds",
            "versions only grow",
            [stock_set(8), stock_set(7, version=2), listed(7), listed(6, version=4)],
        ),
        ("holds", "the same version twice", [stock_set(8), stock_set(8)]),
        ("holds", "each channel for itself", [listed(7, version=5), listed(9, version=1, channel="bazaar")]),
        ("violated", "an older stock after a newer", [stock_set(7, version=2), stock_set(8)]),
        (
            "violated",
            "an older availability after a newer, put right later",
            [listed(7, version=2), listed(8), listed(6, version=3)],
        ),
        (
            "violated",
            "an older price after a newer",
            [price_listed("10.00", version=2), price_listed("9.00")],
        ),
    ),
    *cases(
        "stock_agrees_after_settling",
        ("not exercised", "no stock anywhere", []),
        (
            "holds",
            "all agree, over all locations",
            [
                final_stock("wms", 5, location="north"),
                final_stock("wms", 3, location="south"),
                final_stock("oms", 5, location="north"),
                final_stock("oms", 3, location="south"),
                final_stock("erp", 8),
            ],
        ),
        (
            "holds",
            "each channel lists the last computed",
            [computed(7), listed(7), computed(6, version=2), listed(6, version=2)],
        ),
        (
            "holds",
            "the book waits for a parked order",
            [
                accepted(),
                parked(),
                final_stock("wms", 3, location="north"),
                final_stock("oms", 3, location="north"),
                final_stock("erp", 5),
            ],
        ),
        (
            "violated",
            "the OMS believes in more",
            [final_stock("wms", 3, location="north"), final_stock("oms", 4, location="north")],
        ),
        (
            "violated",
            "the book was never told",
            [final_stock("wms", 3, location="north"), final_stock("erp", 5)],
        ),
        (
            "violated",
            "one channel lists something older",
            [
                computed(7),
                listed(7),
                listed(7, channel="bazaar"),
                computed(6, version=2),
                listed(6, version=2),
            ],
        ),
        ("violated", "a channel that was never told", [accepted(channel="bazaar"), computed(7), listed(7)]),
        (
            "indeterminate",
            "the OMS lags when the run was cut off",
            [final_stock("wms", 3, location="north"), final_stock("oms", 4, location="north")],
        ),
    ),
    *cases(
        "prices_published",
        ("not exercised", "no price changed", [price_listed("10.00")]),
        ("holds", "published as set", [price_set("9.00"), price_listed("9.00")]),
        (
            "holds",
            "a later one overtook it",
            [price_set("9.00"), price_set("8.00", version=2), price_listed("8.00", version=2)],
        ),
        (
            "holds",
            "one whose day has not come",
            [
                price_set("9.00"),
                price_listed("9.00"),
                price_set("8.00", version=2, valid_from="2030-01-01T00:00:00Z"),
            ],
        ),
        ("violated", "another amount", [price_set("9.00"), price_listed("900")]),
        (
            "violated",
            "before its day",
            [price_set("9.00", valid_from="2030-01-01T00:00:00Z"), price_listed("9.00")],
        ),
        (
            "violated",
            "one channel was never told",
            [price_set("9.00"), price_listed("9.00"), accepted(channel="bazaar")],
        ),
        ("indeterminate", "not published when the run was cut off", [price_set("9.00"), accepted()]),
    ),
]


@pytest.mark.parametrize("case", CASES, ids=name_of)
def test_stock(case: Case) -> None:
    case.check()
