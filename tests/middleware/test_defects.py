"""The planted defects: each swaps policies of the reference, and names invariants that exist."""

from pathlib import Path

import pytest

from peakproof.middleware.decoys import DECOYS
from peakproof.middleware.defects import DEFECTS, policies_of, swapped_in
from peakproof.middleware.policies import Policies

INVARIANTS = Path(__file__).parents[2] / "verdict" / "invariants"


@pytest.mark.parametrize("name", DEFECTS)
def test_a_defect_swaps_at_least_one_policy(name: str) -> None:
    assert swapped_in(DEFECTS[name].policies())


@pytest.mark.parametrize("name", DECOYS)
def test_a_decoy_swaps_at_least_one_policy_and_is_no_defect(name: str) -> None:
    assert swapped_in(DECOYS[name].policies())
    assert name not in DEFECTS


def test_the_honest_service_swaps_none() -> None:
    assert swapped_in(Policies()) == {}


def test_several_defects_can_be_had_at_once() -> None:
    whole = policies_of("logs-secrets+webhooks-only+token-storm")
    assert set(swapped_in(whole)) == {"log", "reconciles", "tokens"}


def test_two_defects_of_the_same_policy_cannot() -> None:
    with pytest.raises(ValueError, match="naive and new-keys cannot be had at once: both swap idempotency"):
        policies_of("naive+new-keys")


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
