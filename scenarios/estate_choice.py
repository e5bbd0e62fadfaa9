"""Which systems stand in a scenario, and how each behaves: the usual six, changed by name."""

import re
from collections.abc import Mapping
from dataclasses import fields
from ipaddress import IPv4Address
from typing import Annotated, Any, Literal, Self

from pydantic import Field, TypeAdapter, ValidationError, field_validator, model_validator

from ..chaos.fault import Throttle
from ..chaos.plan import Plan
from ..chaos.registry import THROTTLES
from ..chaos.share import Shared
from ..simulators.estate import EVERYWHERE, SystemSettings
from ..simulators.registry import KINDS
from .errors import unknown
from .validation import Flag, Seconds, SomeSeconds, Value, Whole, Wrong, problem, shown

STRICT = ("strict_references", "strict_versions")


class ThrottleChoice(Value, extra="allow"):
    """A system's normal rate rule: of a kind (``peakproof list throttles``), or a vendor's plan (``peakproof list plans``).

    What else it takes: a kind its settings; a plan ``tier``, ``scale``, and changed settings by rule.
    """

    kind: str | None = None
    """``token-bucket`` unless said."""
    plan: str | None = None
    """A shipped plan's name, or the path of a TOML file."""
    tier: str | None = None
    scale: SomeSeconds = 1.0
    """Real seconds of one of the vendor's: 0.1 makes its windows ten times shorter and its rates ten times higher."""
    share: str | None = None
    """Systems that name the same share are counted together."""

    @model_validator(mode="after")
    def _can_be_built(self) -> Self:
        if self.plan is None:
            for name in ("tier", "scale"):
                if getattr(self, name) != type(self).model_fields[name].default:
                    raise Wrong((name,), f"belongs to a plan; name one of {', '.join(Plan.names())}")
        elif self.kind is not None:
            raise Wrong(("kind",), f"and plan ({self.plan}) exclude each other: choose one")
        self.build()
        return self

    def build(self) -> Throttle:
        """A new one, with no call counted yet."""
        if self.plan is None:
            return THROTTLES.build(self.kind or "token-bucket", self.model_extra or {})
        return Plan.load(self.plan).throttle(self.tier, self.scale, self.model_extra or {})


class SystemChoice(Value):
    """One system of the estate. Lifetimes and rules are in nominal seconds, shortened by ``time_scale``."""

    kind: str
    port: Annotated[Whole, Field(ge=0, le=65_535)] = 0
    """0 takes any free one."""
    idempotency: Literal["optional", "required", "ignored"] = "optional"
    key_lifetime_s: SomeSeconds = 86_400.0
    token_lifetime_s: SomeSeconds | None = None
    """An hour by default, but at least 600 real seconds, so that clients that fetch the next token early keep one for a while."""
    service_s: Seconds = 0.0
    """Real seconds that the system works on each call."""
    page_items: Annotated[Whole, Field(ge=1)] | None = None
    """A page of a list holds no more, however many are asked for; unlike ``small-pages`` this is nothing that heals."""
    strict_references: Flag = False
    """Refuse a second document with the same order reference and intent."""
    strict_versions: Flag = False
    """Refuse a stock, availability or price that is older than the present one."""
    throttle: ThrottleChoice | None = None
    rules: dict[str, Any] = Field(default_factory=dict)
    """Settings of its ledger, by their own names, e.g. ``posting_s``."""
    deprecation: str | None = None
    sunset: str | None = None
    """Values of the ``Deprecation`` and ``Sunset`` headers when this version of the API is set to go."""

    @model_validator(mode="after")
    def _fits_its_kind(self) -> Self:
        if self.kind not in KINDS:
            raise Wrong(("kind",), unknown("kind of system", self.kind, KINDS))
        known = self._known_rules()
        for name in STRICT:
            if getattr(self, name) and name not in known:
                raise Wrong((name,), f"a system of kind {self.kind} has no such rule; leave it out")
        for name, value in self.rules.items():
            if name in STRICT or name == "time_scale" or name not in known:
                raise Wrong(
                    ("rules", name), unknown(f"rule of a system of kind {self.kind}", name, known - {*STRICT})
                )
            _check_rule(name, value)
        self.checked_rules()
        return self

    def checked_rules(self) -> dict[str, Any]:
        """The rules as the ledger takes them: right types, lists made tuples, strictness among them."""
        wanted = dict(self.rules) | {name: True for name in STRICT if getattr(self, name)}
        try:
            settings = TypeAdapter(KINDS[self.kind].settings).validate_python(wanted)
        except ValidationError as error:
            loc, text = problem(error, Value, wanted)
            raise Wrong(("rules", *loc), text) from None
        return {name: getattr(settings, name) for name in wanted}

    def _known_rules(self) -> set[str]:
        return {field.name for field in fields(KINDS[self.kind].settings)} - {"time_scale"}

    def settings(self, throttle: Throttle | None) -> SystemSettings:
        """As the estate takes it, with its throttle."""
        headers = {"deprecation": self.deprecation, "sunset": self.sunset}
        return SystemSettings(
            kind=self.kind,
            port=self.port,
            idempotency=self.idempotency,
            key_lifetime_s=self.key_lifetime_s,
            token_lifetime_s=self.token_lifetime_s,
            service_s=self.service_s,
            page_items=self.page_items,
            throttle=throttle,
            rules=self.checked_rules(),
            deprecation={name: value for name, value in headers.items() if value is not None},
        )


USUAL_SYSTEMS: Mapping[str, Mapping[str, Any]] = {
    "web": {"kind": "marketplace", "rules": {"currencies": ["GBP", "JPY"]}},
    "bazaar": {"kind": "marketplace", "rules": {"currencies": ["EUR"]}},
    "oms": {"kind": "oms"},
    "erp": {"kind": "erp"},
    "wms": {"kind": "wms"},
    "payments": {"kind": "payments"},
}


class EstateChoice(Value):
    """Which systems stand: the usual six, changed or added to by name; a null takes one away."""

    systems: dict[str, SystemChoice | None] = Field(default_factory=dict, validate_default=True)
    host: str = "127.0.0.1"
    """The IPv4 address that all of them listen on; others than this machine reach them on another one only."""
    reached_at: str | None = None
    """The host name or address under which the SUT and load workers reach them; ``host`` unless said."""
    processes: Flag = False
    """Each system has a process of its own."""
    gather_at: str | None = None
    """``HOST:PORT`` of this machine, where the systems' processes of other machines come to; unless said they are
    started here."""

    @field_validator("host")
    @classmethod
    def _is_an_address(cls, host: str) -> str:
        try:
            IPv4Address(host)
        except ValueError:
            raise ValueError(
                f"must be an IPv4 address of this machine like 127.0.0.1, or {EVERYWHERE} for all of them, got {host!r}"
            ) from None
        return host

    @field_validator("reached_at")
    @classmethod
    def _is_a_name(cls, name: str | None) -> str | None:
        if name is not None and not re.fullmatch(r"[A-Za-z0-9]([A-Za-z0-9.-]{0,251}[A-Za-z0-9])?", name):
            raise ValueError(f"must be a host name or address without port, like estate.local, got {name!r}")
        return name

    @field_validator("gather_at")
    @classmethod
    def _is_a_place(cls, place: str | None) -> str | None:
        if place is None:
            return None
        host, _, port = place.rpartition(":")
        try:
            IPv4Address(host)
        except ValueError:
            host = ""
        if not host or not port.isdecimal() or not 0 < int(port) < 65_536:
            raise ValueError(
                f"must be an IPv4 address of this machine and a port like {EVERYWHERE}:5561, got {place!r}"
            )
        return place

    @model_validator(mode="after")
    def _can_stand_apart(self) -> Self:
        if self.gather_at is not None and not self.processes:
            raise Wrong(("gather_at",), "is for systems in processes of their own; say processes: true, too")
        shares = [throttle.share for throttle in self._throttles().values() if throttle.share is not None]
        for share in shares:
            if self.processes and shares.count(share) > 1:
                raise Wrong(
                    ("processes",),
                    f"throttles that share {share!r} count together, which systems in processes of their own cannot: "
                    "leave processes out, or the shares",
                )
        return self

    @model_validator(mode="after")
    def _can_be_reached(self) -> Self:
        if self.host == EVERYWHERE and self.reached_at is None and self.gather_at is None:
            raise Wrong(
                ("reached_at",),
                f"is missing; where the systems listen on {EVERYWHERE}, say under which name of this machine "
                "the middleware reaches them",
            )
        return self

    @field_validator("systems", mode="before")
    @classmethod
    def _with_the_usual(cls, given: object) -> object:
        if not isinstance(given, Mapping):
            return given
        named = {str(name): given[name] for name in given}
        whole = {name: dict(usual) for name, usual in USUAL_SYSTEMS.items()}
        for name, own in named.items():
            if name not in whole and isinstance(own, Mapping) and "kind" not in own:
                raise Wrong((name,), f"{unknown('system', name, whole)}; one of your own needs a kind")
            whole[name] = _over(whole.get(name, {}), own)
        return whole

    @model_validator(mode="after")
    def _is_an_estate(self) -> Self:
        for name in self.systems:
            if not re.fullmatch(r"[a-z][a-z0-9_-]{0,30}", name):
                raise Wrong(
                    ("systems", name),
                    "a system's name must be small letters, digits, - and _, got " + shown(name),
                )
        kinds = [system.kind for system in self.standing.values()]
        for kind in KINDS:
            if kind not in kinds:
                raise Wrong(
                    ("systems",),
                    f"has no system of kind {kind}; the flows need one of each of {', '.join(KINDS)}",
                )
            if kind != "marketplace" and kinds.count(kind) > 1:
                raise Wrong(
                    ("systems",),
                    f"has {kinds.count(kind)} systems of kind {kind}; only channels (marketplace) can be many",
                )
        ports = [system.port for system in self.standing.values() if system.port]
        for port in ports:
            if ports.count(port) > 1:
                raise Wrong(
                    ("systems",),
                    f"gives port {port} to {ports.count(port)} systems; each needs its own, or 0",
                )
        self._check_shares()
        return self

    def _check_shares(self) -> None:
        shares: dict[str, tuple[str, ThrottleChoice]] = {}
        for name, throttle in self._throttles().items():
            if throttle.share is None:
                continue
            first, agreed = shares.setdefault(throttle.share, (name, throttle))
            if throttle != agreed:
                raise Wrong(
                    ("systems", name, "throttle"),
                    f"shares {throttle.share!r} with {first}, so it must say the same as {first}'s",
                )

    def _throttles(self) -> "dict[str, ThrottleChoice]":
        return {
            name: system.throttle for name, system in self.standing.items() if system.throttle is not None
        }

    def settings(self) -> dict[str, SystemSettings]:
        """As the estate takes its systems, with throttles that have counted nothing yet; shared ones are one."""
        throttles: dict[str, Throttle] = {}
        shared: dict[str, Shared] = {}
        for name, choice in self._throttles().items():
            if choice.share is None:
                throttles[name] = choice.build()
            else:
                if choice.share not in shared:
                    shared[choice.share] = Shared(choice.share, choice.build())
                throttles[name] = shared[choice.share].part()
        return {name: system.settings(throttles.get(name)) for name, system in self.standing.items()}

    @property
    def standing(self) -> dict[str, SystemChoice]:
        """The systems without those taken away."""
        return {name: system for name, system in self.systems.items() if system is not None}

    @property
    def channels(self) -> dict[str, SystemChoice]:
        return {name: system for name, system in self.standing.items() if system.kind == "marketplace"}


def _over(usual: Mapping[str, Any], own: Any) -> Any:
    """A system as given, over the usual one of its name; rules one by one."""
    if not isinstance(own, Mapping):
        return own
    whole = {**usual, **own}
    if isinstance(own.get("rules"), Mapping):
        whole["rules"] = {**usual.get("rules", {}), **own["rules"]}
    return whole


def _check_rule(name: str, value: object) -> None:
    """What every rule's name promises: times are no less than nothing, shares are parts of one."""
    if not isinstance(value, int | float) or isinstance(value, bool):
        return
    if name.endswith("_s") and not 0 <= value < float("inf"):
        raise Wrong(("rules", name), f"must be at least 0, got {value!r}")
    if name.endswith("_share") and not 0 <= value <= 1:
        raise Wrong(("rules", name), f"must be from 0 to 1, got {value!r}")
