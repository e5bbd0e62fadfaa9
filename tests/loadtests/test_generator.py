"""What a load generator is told: what shoppers do, and how many look around when."""

import pytest

from peakproof.loadtests.generator.job import acts_of, height, shape_of
from peakproof.loadtests.plan import PlaceOrder, PriceChange, Receipt, RequestCancellation, RequestReturn
from peakproof.loadtests.profile import Profile
from peakproof.loadtests.shoppers import plan
from peakproof.loadtests.trace import Trace


def test_a_generator_is_told_all_that_shoppers_do_as_it_was_planned_and_nothing_of_the_back_office() -> None:
    planned = plan(Trace.shipped(1), Profile.shipped("soak"), duration_s=10, seed=1, volume=0.3)
    told = {act.number: act.wanted for act in acts_of(planned)}
    assert {type(item) for item in told.values()} == {PlaceOrder, RequestCancellation, RequestReturn}
    assert all(planned.items[number] == item for number, item in told.items())
    left = {type(item) for number, item in enumerate(planned.items) if number not in told}
    assert {Receipt, PriceChange} <= left


def test_as_many_look_around_as_the_profile_says_at_every_second_of_the_run() -> None:
    shape = shape_of(Profile.shipped("black-friday"), 48, 10)
    assert height(shape, 27) == pytest.approx(10), "the top hour, from 26 to 28 s"
    assert height(shape, 26) == pytest.approx(10), "where it jumps, it has jumped"
    assert height(shape, 28) == pytest.approx(6.6)
    assert height(shape, 48) == pytest.approx(1.6)


def test_between_two_points_of_a_curve_the_number_rises_in_a_straight_line() -> None:
    shape = shape_of(Profile.shipped("flash-sale"), 1_800, 72)
    assert [height(shape, at_s) for at_s in (0, 22.5, 45, 600)] == pytest.approx([0, 36, 72, 72])
