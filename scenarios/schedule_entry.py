"""One entry of a scenario's schedule: a fault with where, when and how often, checked against the estate it is for."""

import re
from collections.abc import Collection, Mapping
from typing import Annotated, Any, Self

from pydantic import Field, PlainValidator, model_validator

from ..chaos.errors import ChaosError
from ..chaos.fault import Fault
from ..chaos.injection import Injection, When, Where
from ..chaos.registry import FAULTS
from ..chaos.schedule import misplaced, strikes_sut
from ..simulators.registry import KINDS
from . import catalogue
from .errors import unknown
from .estate_choice import SystemChoice
from .flows import calls
from .validation import Flag, Number, SomeSeconds, Value, Whole, Wrong, shown

WHOLE_SYSTEMS = {
    "throttle": "a system's throttle",
    "connection": "a system's connections",
    "process": "a process",
}
"""Seams that know no single operation, and what they act on."""

FIRED = re.compile(r"[1-9][0-9]{0,5} fired")
PERCENT = re.compile(r"([0-9]+(?:\.[0-9]+)?)\s*%")


def _moment(value: object) -> float | str:
    """Seconds, or a part of the workload in per cent."""
    if isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value < float("inf"):
        return float(value)
    if isinstance(value, str) and (match := PERCENT.fullmatch(value.strip())) is not None:
        if float(match[1]) <= 100:
            return value.strip()
        raise ValueError(f"must be at most 100%, got {value!r}")
    raise ValueError(f"must be seconds from 0 up or a part of the workload like '30%', got {shown(value)}")


Moment = Annotated[float | str, PlainValidator(_moment)]
"""Seconds from the start of the workload, or a part of its duration (``30%``), which keeps its place in a shorter run."""


class ScheduleEntry(Value):
    """One injection: a fault with where, when and how often."""

    id: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_-]*$")]
    fault: str
    on: str
    """A system, ``*`` for all, or one operation or topic of it: ``erp``, ``erp.create_sales_order``."""
    at: Moment = 0.0
    lasts: Moment | None = Field(default=None, alias="for")
    """None: until everything is healed."""
    probability: Annotated[Number, Field(gt=0, le=1)] = 1.0
    every: Annotated[Whole, Field(ge=1)] | None = None
    limit: Annotated[Whole, Field(ge=1)] | None = None
    until: str | None = None
    """``5 fired``: armed until it has fired so often, after the workload as well, so that it follows a flow that comes late.
    With ``for``: for so long at least, and longer only until it has fired so often."""
    optional: Annotated[str, Field(min_length=1, max_length=200)] | None = None
    """The habit that it needs and a correct middleware may do without, in words: where it never fired, it is left out."""
    needs: str | None = None
    """With ``optional``: the operation that the habit shows in; a middleware that calls it must meet the fault after all."""
    nth: Annotated[Whole, Field(ge=1)] | None = None
    order_ref: str | None = None
    changes_only: Flag | None = None
    """Only operations that change state; unless said, as the fault prefers."""
    sku: str | None = None
    client: str | None = None
    match: dict[str, Any] = Field(default_factory=dict)
    """Values in the JSON body, by their paths: ``{ currency: JPY, lines.sku: 22086 }``."""
    after: Annotated[Whole, Field(ge=0)] = 0
    """Let so many matches pass first."""
    ramp_s: SomeSeconds | None = None
    """The probability grows from 0 over so long."""
    seed: Whole | None = None
    """Of its own dice; the run's unless said."""
    settings: dict[str, Any] = Field(default_factory=dict, alias="set")
    """The fault's own settings (``peakproof list faults``)."""
    left_out: str | None = None
    """Why this run does not make it; found anew for each system under test."""

    @model_validator(mode="after")
    def _can_be_built(self) -> Self:
        if self.fault not in FAULTS.names():
            raise Wrong(("fault",), unknown("fault", self.fault, FAULTS.names()))
        try:
            self.build()
        except ChaosError as error:
            raise Wrong(("set",) if self.settings else ("fault",), str(error)) from None
        return self

    @model_validator(mode="after")
    def _says_why(self) -> Self:
        if self.needs is not None and self.optional is None:
            raise Wrong(
                ("needs",), "goes with 'optional', which says in words what a middleware may do without"
            )
        return self

    @model_validator(mode="after")
    def _ends_one_way(self) -> Self:
        if self.until is None:
            return self
        if FIRED.fullmatch(self.until) is None:
            raise Wrong(
                ("until",), f"must be how often it has fired, like '5 fired', got {shown(self.until)}"
            )
        if self.limit is not None:
            raise Wrong(("until",), f"and limit ({self.limit}) exclude each other: choose one")
        return self

    @property
    def least(self) -> int | None:
        """So often it should fire before it is healed."""
        return None if self.until is None else int(self.until.split()[0])

    @property
    def system(self) -> str:
        return self.on.partition(".")[0]

    @property
    def operation(self) -> str | None:
        return self.on.partition(".")[2] or None

    def build(self) -> Fault:
        return FAULTS.build(self.fault, self.settings)

    def window_s(self, duration_s: float) -> tuple[float, float | None]:
        """Start and end in real seconds from the start of a workload that lasts ``duration_s``."""
        start_s = _seconds(self.at, duration_s)
        return start_s, None if self.lasts is None else start_s + _seconds(self.lasts, duration_s)

    def check(self, systems: Mapping[str, SystemChoice], duration_s: float) -> None:
        """Raises Wrong where it does not fit these systems or this workload."""
        self._check_place(systems)
        self._check_window(duration_s)
        try:
            self.injection(duration_s)
        except ChaosError as error:
            raise Wrong((), str(error)) from None

    @property
    def strikes_sut(self) -> bool:
        """It is about the system under test itself."""
        return strikes_sut(self.build())

    def _check_place(self, systems: Mapping[str, SystemChoice]) -> None:
        if (why := misplaced(self.build(), self.system)) is not None:
            raise Wrong(("on",), f"{self.fault}: {why}")
        if self.strikes_sut:
            if self.operation is not None:
                raise Wrong(
                    ("on",), f"{self.fault} acts on a process as a whole; write 'sut', got {self.on!r}"
                )
            return
        if self.system != "*" and self.system not in systems:
            raise Wrong(("on",), unknown("system", self.system, [*systems, "*"]))
        aimed = self._aimed(systems)
        self._check_rule({system.kind for system in aimed})
        if self.operation is not None:
            self._check_operation({system.kind for system in aimed})
        if self.build().seam == "throttle" and not any(system.throttle for system in aimed):
            where = f"estate.systems.{self.on}.throttle" if self.on in systems else "estate.systems"
            raise Wrong(("on",), f"{self.on} has no throttle to cut; give it one in {where}")

    def why_never_met(
        self, systems: Mapping[str, SystemChoice], flows: Collection[str], webhooks: Collection[str]
    ) -> str | None:
        """Why a middleware that serves these flows and takes these topics cannot meet it, in words; None where it can."""
        if self.strikes_sut:
            return None
        kinds = {system.kind for system in self._aimed(systems)}
        told = {topic for kind in kinds for topic in catalogue.topics(kind)}
        taken = told if "*" in webhooks else told & set(webhooks)
        is_told = bool(taken) if self.operation is None else self.operation in taken
        is_called = any(calls(flow, kind, self.operation) for flow in flows for kind in kinds)
        untold = f"the middleware takes no event of {self.on} (sut.webhooks)"
        uncalled = f"the middleware's flows never call {self.on} (sut.flows)"
        match self.build().seam:
            case "rule":
                return None
            case "delivery":
                return None if is_told else untold
            case "document":
                return None if is_told or is_called else uncalled
            case _:
                return None if is_called else uncalled

    def injection(self, duration_s: float) -> Injection:
        """Raises ChaosError where the parts do not go together."""
        start_s, stop_s = self.window_s(duration_s)
        return self._injection(When(start_s=start_s, stop_s=stop_s, **self._how_often))

    def by_hand(self, systems: Mapping[str, SystemChoice]) -> Injection:
        """As one that starts now, in mid-run, and heals after ``for`` seconds. Raises Wrong."""
        if self.at != 0.0:
            raise Wrong(("at",), f"an injection by hand starts now; leave it out, got {shown(self.at)}")
        if self.until is not None:
            raise Wrong(("until",), "is for a schedule; by hand, give 'for' or heal it yourself")
        if isinstance(self.lasts, str) or self.lasts == 0:
            raise Wrong(("for",), f"must be seconds above 0, got {shown(self.lasts)}")
        self._check_place(systems)
        try:
            return self._injection(When(ttl_s=self.lasts, **self._how_often))
        except ChaosError as error:
            raise Wrong((), str(error)) from None

    @property
    def acts_on_changes_only(self) -> bool:
        """As it says itself, else as its fault prefers."""
        return self._injection(When()).changes_only

    @property
    def _how_often(self) -> dict[str, Any]:
        return {
            "every": self.every,
            "probability": self.probability,
            "limit": self.least if self.lasts is None and self.until is not None else self.limit,
            "until_fired": self.least,
            "after": self.after,
            "ramp_s": self.ramp_s,
            "seed": self.seed,
        }

    def _injection(self, when: When) -> Injection:
        where = Where(
            self.system,
            self.operation,
            self.order_ref,
            self.nth,
            self.changes_only,
            sku=self.sku,
            client=self.client,
            match=self.match,
        )
        return Injection(self.id, self.build(), where, when)

    def _aimed(self, systems: Mapping[str, SystemChoice]) -> list[SystemChoice]:
        return list(systems.values()) if self.system == "*" else [systems[self.system]]

    def _check_rule(self, kinds: Collection[str]) -> None:
        fault = self.build()
        if fault.seam == "rule" and not any(fault.rule in catalogue.rules(kind) for kind in kinds):
            ask = [kind for kind in KINDS if fault.rule in catalogue.rules(kind)]
            raise Wrong(
                ("on",),
                f"{self.fault} decides what only systems of these kinds ask: {', '.join(ask)}; got {self.system!r}",
            )

    def _check_operation(self, kinds: Collection[str]) -> None:
        """The name after the dot: an operation, a topic or a rule, as the fault's seam has it."""
        fault = self.build()
        if fault.seam in WHOLE_SYSTEMS:
            raise Wrong(
                ("on",),
                f"{self.fault} acts on {WHOLE_SYSTEMS[fault.seam]} as a whole; write {self.system!r}, got {self.on!r}",
            )
        what, valid = names_for(fault, kinds)
        if self.operation not in valid:
            where = "any system" if self.system == "*" else self.system
            raise Wrong(("on",), unknown(f"{what} of {where}", self.operation, valid))

    def _check_window(self, duration_s: float) -> None:
        start_s, stop_s = self.window_s(duration_s)
        if start_s >= duration_s:
            raise Wrong(
                ("at",), f"must be before the end of the workload ({duration_s:g} s), got {shown(self.at)}"
            )
        if stop_s is None:
            return
        if stop_s <= start_s:
            raise Wrong(("for",), f"must be above 0, got {shown(self.lasts)}")
        if stop_s > duration_s * (1 + 1e-9):
            raise Wrong(
                ("for",),
                f"ends at {stop_s:g} s, after the workload ({duration_s:g} s), got {shown(self.lasts)}; "
                "leave it out to last until everything is healed",
            )


def names_for(fault: Fault | type[Fault], kinds: Collection[str]) -> tuple[str, Collection[str]]:
    """What a fault's place can be narrowed to, in a word, and its names in systems of these kinds."""
    match fault.seam:
        case "rule":
            return "rule", {fault.rule}
        case "delivery":
            return "topic", {topic for kind in kinds for topic in catalogue.topics(kind)}
        case "document":
            operations = {name for kind in kinds for name in catalogue.operations(kind)}
            return "operation or topic", operations | {
                topic for kind in kinds for topic in catalogue.topics(kind)
            }
        case "call":
            return "operation", {name for kind in kinds for name in catalogue.operations(kind)}
        case _:
            return "operation", set()


def _seconds(moment: float | str, duration_s: float) -> float:
    return float(moment.rstrip("% ")) / 100 * duration_s if isinstance(moment, str) else moment
