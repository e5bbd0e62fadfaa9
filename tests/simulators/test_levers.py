"""What can be done to a simulator as a whole."""

from peakproof.chaos.faults.clock_skew import ClockSkew
from peakproof.simulators.kit.auth import Authenticator
from peakproof.simulators.levers import Port, SystemLevers

from .world import NOON_NS, make_world


def test_clocks_that_are_wrong_twice_are_wrong_by_the_sum_and_healing_one_leaves_the_other() -> None:
    world = make_world().world
    port = Port("127.0.0.1", 0)
    levers = SystemLevers("erp", port, world, Authenticator([], lambda: 0, 60.0))
    slow, fast = ClockSkew(-120.0), ClockSkew(0.5)
    told = []
    for pull in (slow.strike, fast.strike, slow.heal, fast.heal):
        pull(levers)
        told.append(world.told() - NOON_NS)
    port.close()
    assert told == [-120_000_000_000, -119_500_000_000, 500_000_000, 0]
