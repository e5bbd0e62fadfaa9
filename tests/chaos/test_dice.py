"""Dice on content: the same words, the same number."""

from hypothesis import given
from hypothesis import strategies as st

from peakproof.chaos.dice import Dice


def test_the_same_seed_and_words_give_the_same_number_for_ever() -> None:
    assert Dice(1).roll("lost-reply", "erp", "create_sales_order", "web-000001", 1) == 0.647376373176903
    assert Dice(2).roll("a") != Dice(1).roll("a")


@given(seed=st.integers(-(2**100), 2**100), words=st.lists(st.text() | st.integers(), max_size=5))
def test_a_roll_is_from_zero_up_to_one(seed: int, words: list[str | int]) -> None:
    assert 0 <= Dice(seed).roll(*words) < 1


def test_a_chance_is_true_for_that_share() -> None:
    dice = Dice(3)
    assert 180 < sum(dice.chance(0.2, n) for n in range(1000)) < 220
