"""The planted defects: each swaps policies of the reference, and names invariants that exist."""

from dataclasses import fields
from pathlib import Path

import pytest

from peakproof.middleware.defects import DEFECTS
from peakproof.middleware.policies import Policies

INVARIANTS = Path(__file__).parents[2] / "verdict" / "invariants"


@pytest.mark.parametrize("name", DEFECTS)
def test_a_defect_swaps_at_least_one_policy(name: str) -> None:
    made, sound = DEFECTS[name].policies(), Policies()
    swapped = [
        each.name
        for each in fields(Policies)
        if type(getattr(made, each.name)) is not type(getattr(sound, each.name))
        or getattr(made, each.name) is False
    ]
    assert swapped


ESTATE_LAWS = {"stock_conserved", "status_never_regresses"}
"""Laws that the systems keep whatever they are asked: tests/simulators/test_broken_laws.py breaks a system for them."""


def test_every_invariant_is_broken_by_a_planted_defect() -> None:
    found = {invariant for defect in DEFECTS.values() for invariant in defect.found_by}
    assert found | ESTATE_LAWS == {path.stem for path in INVARIANTS.glob("*.sql")}
    assert not found & ESTATE_LAWS


@pytest.mark.parametrize("name", DEFECTS)
def test_a_defect_names_invariants_that_exist(name: str) -> None:
    for invariant in DEFECTS[name].found_by:
        assert (INVARIANTS / f"{invariant}.sql").is_file(), invariant
