"""Every invariant is complete, and has been seen to find something."""

from pathlib import Path

import pytest

from peakproof.verdict.errors import HeaderError
from peakproof.verdict.invariant import HOME, Invariant, catalogue
from peakproof.verdict.own import with_own

from . import (
    test_invariants_after_sales,
    test_invariants_conduct,
    test_invariants_keys,
    test_invariants_manners,
    test_invariants_orders,
    test_invariants_promises,
    test_invariants_retries,
    test_invariants_shipping,
    test_invariants_statuses,
    test_invariants_stock,
    test_invariants_trust,
)

MODULES = (
    test_invariants_orders,
    test_invariants_promises,
    test_invariants_retries,
    test_invariants_shipping,
    test_invariants_after_sales,
    test_invariants_keys,
    test_invariants_stock,
    test_invariants_trust,
    test_invariants_statuses,
    test_invariants_manners,
    test_invariants_conduct,
)


def test_every_invariant_has_a_whole_header() -> None:
    for invariant in catalogue():
        assert invariant.claim.endswith("."), invariant.id
        assert invariant.remedy.endswith("."), invariant.id
        assert invariant.step < 1000, f"{invariant.id} has no place in the flow"


def test_every_invariant_has_been_seen_unexercised_held_and_violated() -> None:
    seen = {(case.invariant, case.expected) for module in MODULES for case in module.CASES}
    wanted = {
        (path.stem, status)
        for path in HOME.glob("*.sql")
        for status in ("not exercised", "holds", "violated")
    }
    assert wanted - seen == set()


def test_every_invariant_that_can_wait_has_been_seen_waiting() -> None:
    seen = {case.invariant for module in MODULES for case in module.CASES if case.expected == "indeterminate"}
    wanted = {
        path.stem
        for path in HOME.glob("*.sql")
        if any(word in path.read_text("utf-8") for word in (" eventually(", " due("))
    }
    assert wanted - seen == set()


@pytest.mark.parametrize(
    ("header", "complaint"),
    [
        pytest.param("-- clam: x", "no '-- claim:' line", id="a key is missing"),
        pytest.param(
            "-- claim: x\n-- flow: sell\n-- class: retry\n-- severity: major\n-- remedy: y",
            "flow is 'sell'",
            id="an unknown flow",
        ),
        pytest.param(
            "-- claim: x\n-- flow: any\n-- class: odd\n-- severity: major\n-- remedy: y",
            "class is 'odd'",
            id="an unknown class",
        ),
        pytest.param(
            "-- claim: x\n-- flow: any\n-- class: retry\n-- severity: major\n-- remedy: y\n-- step: last",
            "step is 'last'",
            id="no number",
        ),
    ],
)
def test_a_header_that_cannot_be_read_is_named(tmp_path: Path, header: str, complaint: str) -> None:
    path = tmp_path / "mine.sql"
    path.write_text(f"{header}\nSELECT 1")
    with pytest.raises(HeaderError, match=complaint):
        Invariant.of_file(path)


def test_a_users_invariant_may_not_take_a_known_name(tmp_path: Path) -> None:
    path = tmp_path / "no_order_lost.sql"
    path.write_text((HOME / "no_order_lost.sql").read_text())
    with pytest.raises(HeaderError, match="exists already"):
        with_own([str(path)])
