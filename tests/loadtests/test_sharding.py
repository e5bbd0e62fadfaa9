"""A plan dealt out to workers: all of it, nothing twice, and whoever sells an order takes it back."""

from functools import cache

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from peakproof.loadtests.generator.job import Act, acts_of
from peakproof.loadtests.generator.sharding import digest, shards
from peakproof.loadtests.plan import RequestReturn
from peakproof.loadtests.profile import Profile
from peakproof.loadtests.shoppers import plan
from peakproof.loadtests.trace import Trace

REFS = st.sampled_from("ABCDEFGH")
WISHES = st.builds(
    lambda kind, ref: (kind, ref), st.sampled_from(["cancellation_request", "return_request"]), REFS
)
"""Wishes about orders of the plan, and about those of before."""


@cache
def planned() -> tuple[Act, ...]:
    return tuple(acts_of(plan(Trace.shipped(1), Profile.shipped("soak"), duration_s=10, seed=1, volume=0.3)))


def act(number: int, kind: str, order_ref: str) -> Act:
    return Act(number, kind, msgspec.Raw(msgspec.json.encode({"order_ref": order_ref})))


@given(
    ordered=st.lists(REFS, unique=True),
    wishes=st.lists(WISHES),
    workers=st.integers(1, 5),
)
def test_the_parts_are_the_plan_and_no_order_is_in_two(
    ordered: list[str], wishes: list[tuple[str, str]], workers: int
) -> None:
    told = [("order", ref) for ref in ordered] + wishes
    acts = [act(number, kind, ref) for number, (kind, ref) in enumerate(told)]
    dealt = shards(acts, workers)
    assert len(dealt) == workers
    assert sorted(one.number for part in dealt for one in part) == list(range(len(acts)))
    seen = [{told[one.number][1] for one in part} for part in dealt]
    assert sum(map(len, seen)) == len(set().union(*seen)), "an order and all wishes about it are one worker's"
    placed = [sum(one.kind == "order" for one in part) for part in dealt]
    assert max(placed) - min(placed) <= 1
    for part in dealt:
        assert part == sorted(part, key=lambda one: one.number), "in the plan's sequence"


@given(workers=st.integers(1, 6))
def test_whatever_the_number_of_workers_the_orders_are_the_same_at_the_same_times(workers: int) -> None:
    dealt = shards(planned(), workers)
    together = sorted((one for part in dealt for one in part), key=lambda one: one.number)
    assert together == list(planned())


def test_a_return_of_an_order_of_this_run_is_with_whoever_placed_it() -> None:
    for part in shards(planned(), 3):
        placed = {one.wanted.order_ref for one in part if one.kind == "order"}
        elsewhere = {one.wanted.order_ref for one in planned() if one.kind == "order"} - placed
        assert not {one.wanted.order_ref for one in part if isinstance(one.wanted, RequestReturn)} & elsewhere


def test_both_sides_read_the_same_plan_from_the_same_bytes_and_a_changed_one_is_another() -> None:
    sent = list(planned()[:40])
    heard = msgspec.json.decode(msgspec.json.encode(sent), type=list[Act])
    assert digest(heard) == digest(sent)
    assert digest(sent[1:]) != digest(sent)
    assert len({digest(part) for part in shards(sent, 4)}) == 4
