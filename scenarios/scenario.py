"""The scenario: one value that says which estate stands, what shoppers do, what breaks when, and which flows count.

It comes from a YAML file, from the library, from Python, or from a stored run; however it came, it is checked whole
when it is made, so that a run never finds out half-way.
"""

import re
from collections.abc import Collection, Mapping
from dataclasses import replace
from difflib import get_close_matches
from functools import cached_property
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, Self

from pydantic import Field, ValidationError, field_validator, model_validator

from ..chaos.injection import Injection
from ..chaos.schedule import counts_together
from ..history.facts import run_facts
from ..loadtests.back_office import REPRICED_BETWEEN
from ..loadtests.plan import (
    Channel,
    Count,
    Damage,
    Item,
    PlaceOrder,
    Plan,
    PriceChange,
    Receipt,
    RequestCancellation,
    RequestReturn,
)
from ..loadtests.profile import Profile, ProfileError
from ..loadtests.shoppers import DEFAULT_LOCATIONS, Habits, plan
from ..loadtests.trace import Trace
from ..loadtests.window import Window
from ..simulators.estate import EstateSettings
from ..simulators.kit.events import LADDER_S, DeliverySettings
from ..simulators.kit.subscriptions import LOOPBACK
from ..verdict.errors import VerdictError
from ..verdict.objective import Objective
from .errors import ScenarioError, unknown
from .estate_choice import EstateChoice
from .flows import FLOWS, FULL
from .schedule_entry import ScheduleEntry
from .validation import (
    Flag,
    Number,
    Seconds,
    SomeSeconds,
    Value,
    Whole,
    Wrong,
    path_of,
    problem,
    shown,
)
from .yaml_document import Document, YamlError, read_yaml

if TYPE_CHECKING:
    from .config import SutConfig

LIBRARY = files(__package__).joinpath("library")


MOST_REPLAYS = 10
LONGEST_S = 7 * 86_400
"""No phase of a run takes longer than a week."""


Part = Annotated[Number, Field(ge=0, le=1)]


class Workload(Value):
    """What shoppers and the back office do."""

    trace: str = "shipped"
    """``shipped`` (17 November 2011), or the path of a CSV of orders in the same columns."""
    day: str | None = None
    """Only this day of the trace, e.g. ``2011-12-05``."""
    profile: str = "black-friday"
    """How the rate moves over the day: a shipped profile or the path of a TOML file."""
    volume: Annotated[Number, Field(gt=0)] = 1.0
    """How many times the trace's orders."""
    orders: Annotated[Whole, Field(ge=1)] | None = None
    """At most so many, drawn evenly from the day."""
    peak_per_min: Annotated[Number, Field(gt=0)] | None = None
    """So many orders a minute at the profile's peak: they come by chance (a Poisson process), with baskets drawn from
    the trace, in place of the trace's own sequence."""
    window: str | None = None
    """Only this part of the profile's time, e.g. ``13:00+1h``, ``26s+2m`` or ``peak+1h``; its peak is still the whole's."""
    shares: dict[str, Annotated[Number, Field(ge=0)]] | None = None
    """Each channel's part of the orders; equal parts unless said."""
    cancellations: Flag = True
    returns: Flag = True
    back_office: Flag = True
    """Receipts, counts, damages and price changes."""
    cancelled_share: Annotated[Number, Field(ge=0, le=1)] | None = None
    """Part of the orders that shoppers wish to cancel, half of them just when picking begins; else as measured."""
    returned_share: Annotated[Number, Field(ge=0, le=1)] | None = None
    """Part of the orders of which something comes back; else as measured."""
    repriced: Annotated[Whole, Field(ge=0)] | None = None
    """So many articles change their price; else one for ten orders."""
    repriced_between: tuple[Part, Part] = REPRICED_BETWEEN
    """From which part of the workload to which prices change."""
    counted: Annotated[Whole, Field(ge=0)] = 0
    """So many articles are counted in one sweep late in the day, each with a difference that nothing supersedes."""
    rush_share: Annotated[Number, Field(ge=0, le=1)] = 0.0
    """Part of the orders that also want one unit of the day's most wanted article, on every channel."""
    stock_cover: Annotated[Number, Field(gt=0)] | None = None
    """So many times the day's demand stands in the warehouse of every article; else 1.2, and too little of the most wanted."""
    unknown_items: Annotated[Whole, Field(ge=0)] = 0
    """So many SKUs that are missing from the ERP's item master: each costs one order a rejection for good."""
    only: tuple[str, ...] = ()
    """Only these orders, at their own times, and nothing of the back office: to replay what broke one of them. What
    the systems hold as the run begins is still made for the whole day."""
    sold_out: dict[str, tuple[str, ...]] = Field(default_factory=dict)
    """SKUs that an order's shopper leaves out, by order reference: in a replay, what others had bought before."""

    @model_validator(mode="after")
    def _can_be_read(self) -> Self:
        if self.trace != "shipped" and not Path(self.trace).is_file():
            raise Wrong(
                ("trace",),
                f"no such file {self.trace!r}; give 'shipped' or the path of a CSV or CSV.gz of orders",
            )
        if self.profile.endswith(".toml"):
            if not Path(self.profile).is_file():
                raise Wrong(
                    ("profile",),
                    f"no such file {self.profile!r}; give a profile's name or the path of a TOML file",
                )
        elif self.profile not in Profile.names():
            raise Wrong(("profile",), unknown("profile", self.profile, Profile.names()))
        if self.peak_per_min is not None:
            for key in ("orders", "volume"):
                if getattr(self, key) != type(self).model_fields[key].default:
                    raise Wrong(
                        ("peak_per_min",), f"and {key} exclude each other: both say how many orders come"
                    )
        self._check_window()
        first, last = self.repriced_between
        if first >= last:
            raise Wrong(("repriced_between",), f"must end after it begins, got [{first:g}, {last:g}]")
        if self.day is not None and not re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", self.day):
            raise Wrong(("day",), f"must be a day like '2011-12-05', got {self.day!r}")
        return self

    def _check_window(self) -> None:
        if self.window is None:
            return
        if self.peak_per_min is None:
            raise Wrong(("window",), "needs peak_per_min: without it a whole day of the trace comes")
        try:
            self.shape()
        except ProfileError:
            return  # said where the plan is made
        except ValueError as error:
            raise Wrong(("window",), str(error)) from None

    def shape(self) -> Profile:
        """How the rate moves: the profile, or the part of it that is wanted. ProfileError; ValueError for a part that cannot be."""
        profile = Profile.named(self.profile)
        return profile if self.window is None else Window.of(self.window).of_profile(profile)


class Settle(Value):
    """When a run counts as over."""

    quiet_s: Annotated[SomeSeconds, Field(le=LONGEST_S)] = 2.0
    """So long without a state-changing call or an effect."""
    max_s: Annotated[SomeSeconds, Field(le=LONGEST_S)] = 30.0
    """The deadline."""

    @model_validator(mode="after")
    def _can_be_reached(self) -> Self:
        if self.max_s < self.quiet_s:
            raise Wrong(("max_s",), f"must be at least quiet_s ({self.quiet_s:g}), got {self.max_s:g}")
        return self


class Deliveries(Value):
    """How patient the senders of webhooks are."""

    ladder_s: Annotated[tuple[Seconds, ...], Field(min_length=1)] = LADDER_S
    """Nominal waits before each attempt; shortened by ``time_scale``."""
    timeout_s: SomeSeconds = 5.0
    """Real seconds that a receiver may take."""
    in_flight: Annotated[Whole, Field(ge=1)] = 16
    """Deliveries of one system to one address under way at once."""


class Scenario(Value):
    """Estate, workload, schedule and flows. pydantic's ValidationError when made in Python, ScenarioError when read."""

    name: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]*$")]
    title: str = ""
    description: str = ""
    flows: Annotated[tuple[str, ...], Field(min_length=1)] = FULL
    duration_s: Annotated[SomeSeconds, Field(le=LONGEST_S)] = 45.0
    """Real seconds of the workload, at most a week."""
    warm_up_s: Annotated[Seconds, Field(le=LONGEST_S)] = 0.5
    time_scale: Annotated[Number, Field(gt=0)] = 0.01
    """Real seconds of a nominal second: shortens all that the estate itself waits for."""
    estate: EstateChoice = Field(default_factory=EstateChoice)
    workload: Workload = Field(default_factory=Workload)
    schedule: tuple[ScheduleEntry, ...] = ()
    settle: Settle = Field(default_factory=Settle)
    deliveries: Deliveries = Field(default_factory=Deliveries)
    suites: tuple[Literal["standard"], ...] = ()
    """The suites that it belongs to, besides ``full``, which every scenario of the library does."""
    replay_parked: Annotated[Whole, Field(ge=0, le=MOST_REPLAYS)] = 0
    """So many times at once the SUT is asked to try each parked order again, after settling; then it settles anew."""
    objectives: tuple[str, ...] = ()
    """Thresholds on key figures, e.g. ``order_sync_latency_p95 <= 5``; a run that misses one fails."""

    # From somewhere

    @classmethod
    def load(cls, name_or_path: str | Path) -> Self:
        """A scenario of the library by its name, or a YAML or JSON file. ScenarioError."""
        text = str(name_or_path)
        if text.endswith((".yaml", ".yml", ".json")) or "/" in text or "\\" in text:
            return cls.read(Path(text))
        if text not in cls.names():
            raise ScenarioError(unknown("scenario", text, cls.names()) + "; or give the path of a .yaml file")
        file = LIBRARY.joinpath(f"{text}.yaml")
        return cls._of_text(file.read_text("utf-8"), f"{text}.yaml", Path())

    @classmethod
    def read(cls, path: Path) -> Self:
        """A scenario from a file; paths in it are relative to the file's folder. ScenarioError."""
        try:
            text = path.read_text("utf-8")
        except FileNotFoundError:
            raise ScenarioError(
                f"{path}: no such file; give a .yaml file or one of {', '.join(cls.names())}"
            ) from None
        except (OSError, UnicodeDecodeError) as error:
            raise ScenarioError(
                f"{path}: cannot be read: {getattr(error, 'strerror', None) or error}"
            ) from None
        return cls._of_text(text, str(path), path.parent)

    @classmethod
    def of_run(cls, folder: Path) -> tuple[Self, int]:
        """The scenario and the seed of a stored run. ScenarioError."""
        path = folder / "run.json"
        if not path.exists():
            raise ScenarioError(f"{path}: cannot be read: no such file; give a run's folder, e.g. runs/<id>")
        try:
            stored = run_facts(folder)
            scenario, seed = stored["scenario"], int(stored["seed"])
        except ValueError as error:
            raise ScenarioError(str(error)) from None
        except (TypeError, KeyError) as error:
            raise ScenarioError(
                f"{path}: is not what a run writes: {type(error).__name__}: {error}"
            ) from None
        return cls.of_document(scenario, f"{path}: scenario"), seed

    @classmethod
    def of_document(cls, document: object, source: str, lines: Document | None = None) -> Self:
        """A scenario from keys and values; ``source`` is where they came from, for the ScenarioError."""
        if not isinstance(document, Mapping):
            raise ScenarioError(
                f"{source}: must be a table of keys like name, workload and schedule, got {shown(document)}"
            )
        try:
            return cls.model_validate(document)
        except ValidationError as error:
            loc, text = problem(error, cls, document)
            line = lines.line_of(loc) if lines else None
            at = f"{source}:{line}" if line else source
            raise ScenarioError(
                ": ".join(part for part in (at, path_of(loc, document), text) if part)
            ) from None

    @classmethod
    def _of_text(cls, text: str, source: str, folder: Path) -> Self:
        try:
            read = read_yaml(text)
        except YamlError as error:
            at = f"{source}:{error.line}" if error.line else source
            raise ScenarioError(f"{at}: {error}") from None
        return cls.of_document(_beside(read.value, folder), source, read)

    @staticmethod
    def names() -> list[str]:
        """The library, sorted."""
        return sorted(
            one.name.removesuffix(".yaml") for one in LIBRARY.iterdir() if one.name.endswith(".yaml")
        )

    # Checked whole

    @field_validator("flows")
    @classmethod
    def _known_flows(cls, flows: tuple[str, ...]) -> tuple[str, ...]:
        for flow in flows:
            if flow not in FLOWS:
                raise ValueError(unknown("flow", flow, FLOWS))
        if len(set(flows)) < len(flows):
            raise ValueError(f"names a flow twice: {', '.join(flows)}")
        return flows

    @field_validator("objectives")
    @classmethod
    def _readable_objectives(cls, objectives: tuple[str, ...]) -> tuple[str, ...]:
        for text in objectives:
            try:
                Objective.of_text(text)
            except VerdictError as error:
                raise ValueError(str(error)) from None
        return objectives

    @model_validator(mode="after")
    def _goes_together(self) -> Self:
        self._check_shares()
        seen: dict[str, int] = {}
        for number, entry in enumerate(self.schedule):
            if entry.id in seen:
                raise Wrong(
                    ("schedule", number, "id"), f"{entry.id!r} is used twice; each injection needs its own"
                )
            seen[entry.id] = number
            try:
                entry.check(self.estate.standing, self.duration_s)
            except Wrong as wrong:
                raise Wrong(("schedule", number, *wrong.loc), str(wrong)) from None
            if (
                self.estate.processes
                and (why := counts_together(entry.injection(self.duration_s))) is not None
            ):
                raise Wrong(("schedule", number, "on"), why)
        return self

    def _check_shares(self) -> None:
        shares = self.workload.shares
        if shares is None:
            return
        for name in shares:
            if name not in self.estate.channels:
                raise Wrong(("workload", "shares", name), unknown("channel", name, self.estate.channels))
        if abs(sum(shares.values()) - 1) > 0.001:
            raise Wrong(("workload", "shares"), f"must add up to 1, got {sum(shares.values()):g}")

    # Made into others

    def with_duration(self, seconds: float) -> Self:
        """The same in another time: arrivals and windows in per cent move along. ScenarioError."""
        return self.with_overrides({"duration_s": seconds}, source="--duration")

    def with_overrides(self, overrides: Mapping[str, Any], *, source: str = "--set") -> Self:
        """The same with some keys changed, each named by its path: ``settle.max_s``, ``schedule.erp-outage.at``,
        ``estate.systems.erp.rules.posting_s``. ScenarioError."""
        document = self.document()
        for key, value in overrides.items():
            _put(document, key, value, source)
        return self.of_document(document, source)

    def fit_for(self, sut: "SutConfig") -> tuple[Self, list[str]]:
        """The same with those injections left out that this system under test can never meet, and their ids.

        What stand-ins perform needs no calls, so a fault on those calls would wait for ever, and a run with a fault
        that never fired proves nothing. Where no injection is left, nothing is parked that could be replayed.
        """
        schedule = tuple(
            entry.model_copy(
                update={"left_out": entry.why_never_met(self.estate.standing, sut.flows, sut.webhooks)}
            )
            for entry in self.schedule
        )
        left_out = [entry.id for entry in schedule if entry.left_out is not None]
        replays = self.replay_parked if len(left_out) < len(schedule) or not schedule else 0
        return self.model_copy(update={"schedule": schedule, "replay_parked": replays}), left_out

    def impossible_with(self, sut: "SutConfig | None") -> str | None:
        """Why it cannot be run with this system under test, or with none; None where it can."""
        for entry in self.kept:
            if entry.strikes_sut and (sut is None or sut.url is not None):
                missing = "none is started" if sut is None else f"this one runs at {sut.url} (sut.url)"
                return (
                    f"schedule.{entry.id}: {entry.fault} needs a system under test that peakproof starts itself "
                    f"(sut.command), and {missing}; leave the injection out or give the command"
                )
        place = self.estate.gather_at
        if place is not None and not place.startswith("127.") and sut is not None and sut.url is None:
            return (
                f"estate.gather_at: systems of other machines come to {place}, and cannot reach a system under test that is "
                "started here, at 127.0.0.1; start it yourself and say in sut.url where they reach it"
            )
        left = set(self.flows) - set(sut.flows) - {"order-to-erp"} if sut is not None else set()
        if self.estate.processes and sut is not None and left:
            return (
                f"estate.processes: {sut.name} does not claim {', '.join(sorted(left))} (sut.flows); stand-ins would do it, "
                "and they need all systems in one process: leave --processes out"
            )
        if self.replay_parked:
            for key in ("exceptions_url", "replay_url"):
                if sut is None or getattr(sut, key) is None:
                    missing = "there is none" if sut is None else f"{sut.name} names none"
                    return (
                        f"replay_parked: needs sut.{key}, to have parked orders tried again, and {missing}; "
                        "give it, or set replay_parked=0"
                    )
        return None

    def document(self) -> dict[str, Any]:
        """As JSON says it; ``of_document`` makes an equal scenario of it."""
        return self.model_dump(mode="json", by_alias=True)

    # What a run needs

    @property
    def kept(self) -> tuple[ScheduleEntry, ...]:
        """The schedule without what is left out."""
        return tuple(entry for entry in self.schedule if entry.left_out is None)

    def injections(self) -> list[Injection]:
        """The schedule, outermost first, in real seconds from the start of the workload."""
        return [entry.injection(self.duration_s) for entry in self.kept]

    def estate_settings(
        self, seed: int, sut_key: str | None = None, sut_host: str | None = None
    ) -> EstateSettings:
        """The estate to stand up, with throttles that have counted nothing yet; ``sut_key`` is secret.

        Events are sent to ``sut_host``, too, where the SUT asks for that by API.
        """
        return EstateSettings(
            systems=self.estate.settings(),
            time_scale=self.time_scale,
            seed=seed,
            deliveries=DeliverySettings(
                self.deliveries.ladder_s, self.deliveries.timeout_s, self.deliveries.in_flight
            ),
            sut_key=sut_key,
            allowed_hosts=LOOPBACK | ({sut_host} if sut_host else frozenset()),
            host=self.estate.host,
            reached_at=self.estate.reached_at,
        )

    def plan(self, seed: int) -> Plan:
        """What shoppers and the back office will do. TraceError, ProfileError, ScenarioError."""
        workload = self.workload
        trace = self._trace(seed)
        volume = workload.volume
        if workload.orders is not None:
            if workload.orders > (most := int(len(trace.orders) * max(1.0, volume))):
                raise ScenarioError(
                    f"workload.orders: must be at most {most}, for the trace has no more, got {workload.orders}; "
                    "workload.volume=2 places them twice"
                )
            volume = min(volume, workload.orders / len(trace.orders))
        peak_per_min = workload.peak_per_min
        try:
            whole = plan(
                trace,
                workload.shape(),
                duration_s=self.duration_s,
                seed=seed,
                volume=volume,
                peak_per_s=None if peak_per_min is None else peak_per_min / 60,
                channels=self.channels,
                locations=self._locations,
                habits=Habits(
                    workload.cancelled_share,
                    workload.returned_share,
                    workload.repriced,
                    workload.rush_share,
                    workload.repriced_between,
                    workload.stock_cover,
                    workload.counted,
                ),
            )
        except ValueError as error:
            raise ScenarioError(f"workload: {error}") from None
        unwanted = tuple(
            kind
            for wanted, kinds in (
                (workload.cancellations, (RequestCancellation,)),
                (workload.returns, (RequestReturn,)),
                (workload.back_office, (Receipt, Count, Damage, PriceChange)),
            )
            if not wanted
            for kind in kinds
        )
        day = tuple(item for item in whole.items if not isinstance(item, unwanted))
        if not workload.only and not workload.sold_out:
            return replace(whole, items=day)
        items = tuple(kept for item in day if (kept := self._kept(item)) is not None)
        if workload.only:
            items = tuple(item for item in items if getattr(item, "order_ref", None) in workload.only)
            if not items:
                raise ScenarioError(
                    f"workload.only: seed {seed} places no order {', '.join(workload.only)}; "
                    "give an order reference of that run, e.g. one that a finding names"
                )
        return replace(whole, items=items, whole_day=day)

    def _kept(self, item: Item) -> Item | None:
        """What a shopper still wants of an order; None where everything in it is sold out."""
        if isinstance(item, PlaceOrder):
            return item.without(self.workload.sold_out.get(item.order_ref, ()))
        return item

    def replaying(
        self, order_ref: str, seed: int, injections: Collection[str], bought: Collection[str]
    ) -> Self:
        """The same for one order alone: its own wishes, the injections that it felt, and the flows that it takes.

        ``bought`` are the SKUs that the order held in the end; what else its shopper wanted was sold out.
        """
        workload = self.workload.model_copy(update={"only": (order_ref,)})
        planned = self.model_copy(update={"workload": workload}).plan(seed)
        sold_out = {line.sku for order in planned.orders for line in order.lines} - set(bought)
        if sold_out:
            gone = {order_ref: (*workload.sold_out.get(order_ref, ()), *sorted(sold_out))}
            workload = workload.model_copy(update={"sold_out": gone})
        alone = self.model_copy(
            update={
                "workload": workload,
                "schedule": tuple(entry for entry in self.schedule if entry.id in injections),
                "objectives": (),
            }
        )
        wishes = {type(item) for item in alone.plan(seed).items}
        taken = {"order-to-ship", "order-to-erp"}
        taken |= {"cancel"} if RequestCancellation in wishes else set()
        taken |= {"return-to-refund"} if RequestReturn in wishes else set()
        return alone.model_copy(update={"flows": tuple(flow for flow in self.flows if flow in taken)})

    @property
    def channels(self) -> list[Channel]:
        """The channels with their part of the orders; the first currency is the usual one, the second the rarer."""
        found = self.estate.channels
        shares = self.workload.shares or dict.fromkeys(found, 1 / len(found))
        channels = []
        for name, system in found.items():
            currencies = system.checked_rules().get("currencies", ("GBP",))
            also = currencies[1] if len(currencies) > 1 else None
            channels.append(Channel(name, currencies[0], shares.get(name, 0.0), also))
        return channels

    @cached_property
    def _locations(self) -> tuple[str, ...]:
        for system in self.estate.standing.values():
            if system.kind == "wms" and "locations" in system.rules:
                return tuple(system.rules["locations"])
        return DEFAULT_LOCATIONS

    def _trace(self, seed: int) -> Trace:
        if self.workload.trace == "shipped":
            return Trace.shipped(seed)
        return Trace.from_path(self.workload.trace, self.workload.day, seed)


def _beside(document: Any, folder: Path) -> Any:
    """The document with the paths in it taken from the folder of its file."""
    if not isinstance(document, dict) or not isinstance(document.get("workload"), dict):
        return document
    workload = dict(document["workload"])
    for key in ("trace", "profile"):
        text = workload.get(key)
        if isinstance(text, str) and text.endswith((".toml", ".csv", ".gz")):
            workload[key] = str((folder / text).resolve())
    return {**document, "workload": workload}


def _put(document: dict[str, Any], key: str, value: Any, source: str) -> None:
    """Set one value, named by its path; what is not there yet is made, so that the check can name what is wrong."""
    parts = key.split(".")
    if not all(parts):
        raise ScenarioError(f"{source} {key!r}: must be a path of keys like settle.max_s")
    here: Any = document
    for number, part in enumerate(parts):
        last = number == len(parts) - 1
        if isinstance(here, list):
            index = _entry(here, part, ".".join(parts[:number]), source)
            if last:
                here[index] = value
            else:
                here = here[index]
        elif isinstance(here, dict):
            if last:
                here[part] = value
            else:
                if here.get(part) is None:
                    here[part] = {}
                here = here[part]
        else:
            raise ScenarioError(
                f"{source} {key}: {'.'.join(parts[:number])} is {shown(here)} and has no keys"
            )


def _entry(entries: list[Any], name: str, path: str, source: str) -> int:
    ids = [
        str(entry.get("id", number)) if isinstance(entry, dict) else str(number)
        for number, entry in enumerate(entries)
    ]
    if name in ids:
        return ids.index(name)
    if name.isdecimal() and int(name) < len(entries):
        return int(name)
    near = get_close_matches(name, ids, n=1)
    hint = f"; did you mean {near[0]!r}?" if near else ""
    raise ScenarioError(
        f"{source} {path}.{name}: unknown entry {name!r} of {path}{hint} (valid: {', '.join(ids) or 'none'})"
    )
