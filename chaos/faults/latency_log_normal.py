"""Every call takes longer, most a little and a few very much."""

from dataclasses import dataclass
from math import exp
from statistics import NormalDist
from typing import ClassVar, Literal

from ..checks import above, at_least, one_of
from ..commit import MOMENTS, Moment, waited
from ..fault import Call, FaultContext, Forward, Reply

SMALLEST_ROLL = 2.0**-64
NORMAL = NormalDist()


@dataclass(frozen=True, slots=True)
class LatencyLogNormal:
    """The shape of real response times: half of all waits are below ``median_s``; ``sigma`` is how long the tail is
    (with 0.5 one wait in a hundred is 3.2 medians, with 1.0 it is 10), cut off at ``max_s``.

    A timeout set by the average gives up on the tail, whose calls are carried out all the same. Keyed dice: the same
    attempt of the same call always waits as long. As WireMock's log-normal delay.
    """

    seam: ClassVar[Literal["call"]] = "call"

    median_s: float = 0.5
    sigma: float = 0.5
    max_s: float = 60.0
    when: Moment = "before"

    def __post_init__(self) -> None:
        above(0, median_s=self.median_s, sigma=self.sigma)
        at_least(self.median_s, max_s=self.max_s)
        one_of(MOMENTS, when=self.when)

    async def apply(self, call: Call, forward: Forward, ctx: FaultContext) -> Reply:
        roll = ctx.dice.roll(call.system, call.operation, call.subject, call.attempt)
        deviation = NORMAL.inv_cdf(max(roll, SMALLEST_ROLL))
        wait_s = min(self.max_s, self.median_s * exp(min(700.0, self.sigma * deviation)))
        return await waited(wait_s, call, forward, ctx, self.when)
