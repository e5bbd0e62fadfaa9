"""What goes between a run and its load generator: one JSON document a line, both ways. Nothing here knows Locust."""

from collections.abc import Sequence
from itertools import pairwise
from typing import Literal

import msgspec

from ..plan import PlaceOrder, Plan, RequestCancellation, RequestReturn
from ..profile import Profile

Wanted = PlaceOrder | RequestCancellation | RequestReturn
KINDS: dict[str, type[Wanted]] = {
    "order": PlaceOrder,
    "cancellation_request": RequestCancellation,
    "return_request": RequestReturn,
}
"""What shoppers do, by the name that the history has for it."""


class Act(msgspec.Struct, frozen=True):
    """One thing that one shopper does."""

    number: int
    """Its place in the plan: by this the run says that an act's moment has come."""
    kind: str
    item: msgspec.Raw

    @property
    def wanted(self) -> Wanted:
        return msgspec.json.decode(self.item, type=KINDS[self.kind])


class Door(msgspec.Struct, frozen=True):
    """Where shoppers find a channel, and with what."""

    url: str
    api_key: str


class Creed(msgspec.Struct, frozen=True):
    """What master and workers must agree on before they begin."""

    version: str
    """Of peakproof."""
    profile: str
    seed: int


DONE, NOT_TAKEN, ALONE, MORE_TO_COME = 0, 2, 3, 4
"""Exit codes of a worker: it is over · refused · there is no master, or none any more · this run is over, and another may come."""


class Distribution(msgspec.Struct, frozen=True, kw_only=True):
    """Where a master waits for its workers; it holds a secret."""

    creed: Creed
    host: str
    port: int
    """0 for any that is free; the first status says which."""
    workers: int
    token: str
    wait_s: float
    """So long for all of them to come."""
    more_to_come: bool = False
    """There may be another run after this one, for the same workers."""


class Enlistment(msgspec.Struct, frozen=True, kw_only=True):
    """The one line that a worker reads; it holds a secret. When its standard input ends, so does the worker."""

    creed: Creed
    host: str
    port: int
    """The master's."""
    token: str
    wait_s: float
    runs: int = 0
    """That this worker has served already: where no master comes any more, that was all."""


class Job(msgspec.Struct, frozen=True, kw_only=True):
    """The first line that a generator reads; it holds secrets."""

    folder: str
    """The run's, where the generator writes a history of its own."""
    seed: int
    duration_s: float
    channels: dict[str, Door]
    acts: list[Act]
    shape: list[tuple[float, float]]
    """Seconds of the run, and how many shoppers look at prices then; straight lines between."""
    skus: list[str]
    """What they look at."""
    ui_port: int | None = None
    """Where Locust's web page is served, if it is."""
    part: int = 0
    """Which worker's it is, from 1; 0 where one generator does it all."""
    distribution: Distribution | None = None
    """A master's: it sends nothing itself."""


class Cue(msgspec.Struct, frozen=True, omit_defaults=True, tag_field="says", tag="cue"):
    """Every later line to the generator."""

    what: Literal["go", "now", "give_up", "stop", "gone"]
    """Begin · this act's moment has come · begin nothing more · end · to a master: this worker's process has ended."""
    at_ns: int = 0
    """``go``: when the workload begins, on the run's clock."""
    number: int = 0
    """``now``: of the act; ``gone``: of the process."""


class WorkerClock(msgspec.Struct, frozen=True):
    """How far a worker's clock was from the master's when it came, and how wrong that can be."""

    worker: str
    off_ns: int
    uncertainty_ns: int


class Status(msgspec.Struct, frozen=True):
    """What a generator says of itself a few times a second, for the first time when it is ready."""

    placed: int = 0
    sent: int = 0
    """Orders that somebody has set out to place."""
    under_way: int = 0
    """Acts that have begun and not ended."""
    last_act_ns: int = 0
    cpu_s: float = 0.0
    """Processor seconds that it has used."""
    error: str | None = None
    """A failure of the generator's own."""
    is_ready: bool = True
    """False while a master waits for its workers."""
    port: int | None = None
    """Where a master listens."""
    workers: int | None = None
    """So many a master has; null for a generator without."""
    clocks: tuple[WorkerClock, ...] = ()
    lost: tuple[str, ...] = ()
    """Workers that a master has lost in mid-run, each with a word on when and how."""
    news: tuple[str, ...] = ()
    """What has happened since the last status, in words for the user."""


def acts_of(plan: Plan) -> list[Act]:
    """What shoppers do in a plan; the back office is not the generator's business."""
    names = {of: name for name, of in KINDS.items()}
    return [
        Act(number, names[type(item)], msgspec.Raw(msgspec.json.encode(item)))  # type: ignore[index]  # only these
        for number, item in enumerate(plan.items)
        if type(item) in names
    ]


def shape_of(profile: Profile, duration_s: float, at_peak: float) -> list[tuple[float, float]]:
    """The profile's curve in the run's seconds, ``at_peak`` where it is highest."""
    return [
        (at_s * duration_s / profile.span_s, rate / profile.peak * at_peak) for at_s, rate in profile.points
    ]


def height(shape: Sequence[tuple[float, float]], at_s: float) -> float:
    """The curve's height at a second of the run; where it jumps, what it jumps to."""
    for (start_s, first), (stop_s, last) in pairwise(shape):
        if at_s < stop_s:
            return first + (last - first) * (at_s - start_s) / (stop_s - start_s)
    return shape[-1][1]
