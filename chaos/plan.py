"""Throttle plans: a vendor's rules, headers and refusals, as data with their sources (``plans/*.toml``)."""

import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date
from fractions import Fraction
from functools import cache
from importlib.resources import files
from pathlib import Path
from string import Template
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from .errors import ChaosError, unknown
from .fault import Call, Decision, Figures, Reply, Throttle
from .meter import SECOND_NS
from .problem import whole_s
from .registry import THROTTLES

FOLDER = files(__package__).joinpath("plans")

NAMES = (
    "limit",
    "used",
    "left",
    "rate_per_s",
    "window_ms",
    "reset_ms",
    "wait_s",
    "wait_tenths_s",
    "cost",
    "actual_cost",
    "client",
    "operation",
    "system",
    "call_id",
)
"""What a plan's texts may name as ``${name}``; times are rounded up, so that who waits so long has waited enough."""


def _text(text: str) -> str:
    """A text of a plan; ValueError where it names what does not exist."""
    named = Template(text).get_identifiers()
    if not Template(text).is_valid():
        raise ValueError(f"must name values like ${{left}}, and write a dollar as $$, got {text!r}")
    for name in named:
        if name not in NAMES:
            raise unknown("value", name, NAMES)
    return text


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


class Source(_Part):
    """Where a fact comes from."""

    facts: str
    url: str | None = None
    read: date
    standing: Literal["documented", "second-hand", "unverified"] = "documented"

    @model_validator(mode="after")
    def _has_an_address(self) -> Self:
        if self.url is None and self.standing != "unverified":
            raise ValueError(f"a {self.standing} fact needs its url")
        return self


class Rule(_Part, extra="allow"):
    """One throttle of the plan; its settings stand beside its kind."""

    kind: str
    only: tuple[str, ...] = ()
    """It counts these operations; all of them where there are none."""

    @field_validator("only", mode="before")
    @classmethod
    def _of_a_list(cls, given: object) -> object:
        return tuple(given) if isinstance(given, list) else given

    @property
    def settings(self) -> dict[str, Any]:
        return dict(self.model_extra or {})


class Told(_Part):
    """What every admitted call is told."""

    rule: str | None = None
    """Whose figures; those of the rule that counted the call unless said."""
    headers: dict[str, str] = Field(default_factory=dict)
    extensions: str | None = None
    """A JSON text that joins the body as its member ``extensions``."""


class Refusal(_Part):
    """What a refused call gets."""

    status: Annotated[int, Field(ge=200, le=599)] = 429
    headers: dict[str, str] = Field(default_factory=dict)
    body: str = ""


class Plan(_Part):
    """A vendor's throttle plan, as its file says it."""

    summary: str
    asks: Literal["every", "first"] = "every"
    """A call must get past every rule that counts its operation, or past the first of them alone."""
    sources: tuple[Source, ...]
    rules: dict[str, Rule]
    tiers: dict[str, dict[str, dict[str, Any]]] = Field(default_factory=dict)
    """Settings of rules that a better contract changes: by tier, then by rule."""
    told: Told = Told()
    refusal: Refusal = Refusal()
    refusals: dict[str, dict[str, Any]] = Field(default_factory=dict)
    """What is different where a certain rule refuses."""

    @field_validator("sources", mode="before")
    @classmethod
    def _of_a_list(cls, given: object) -> object:
        return tuple(given) if isinstance(given, list) else given

    @model_validator(mode="after")
    def _makes_sense(self) -> Self:
        if not self.sources or not self.rules:
            raise ValueError("needs at least one rule and one source")
        refusals = [Refusal.model_validate(self._refusal_of(name)) for name in [*self.rules, ""]]
        for name in (*self.refusals, *([self.told.rule] if self.told.rule else []), *self._tiers_rules()):
            if name not in self.rules:
                raise unknown("rule", name, self.rules)
        for headers in (self.told.headers, *(refusal.headers for refusal in refusals)):
            for text in headers.values():
                _text(text)
        for text in (self.told.extensions or "", *(refusal.body for refusal in refusals)):
            _text(text)
        return self

    def _tiers_rules(self) -> list[str]:
        return [rule for tier in self.tiers.values() for rule in tier]

    def _refusal_of(self, rule: str) -> dict[str, Any]:
        return self.refusal.model_dump() | self.refusals.get(rule, {})

    # From somewhere

    @staticmethod
    def names() -> list[str]:
        """All shipped plans, sorted."""
        return sorted(
            one.name.removesuffix(".toml") for one in FOLDER.iterdir() if one.name.endswith(".toml")
        )

    @classmethod
    def load(cls, name: str) -> "Plan":
        """A shipped plan by name, or the user's own by the path of its TOML file. ChaosError."""
        return _own(Path(name)) if name.endswith(".toml") else _shipped(name)

    @classmethod
    def parse(cls, source: str, text: bytes) -> "Plan":
        """ChaosError, in one line with the source and the place in it."""
        try:
            return cls.model_validate(tomllib.loads(text.decode()))
        except (UnicodeDecodeError, tomllib.TOMLDecodeError) as failure:
            raise ChaosError(f"{source}: is not TOML: {failure}") from None
        except ValidationError as failure:
            first = failure.errors(include_url=False)[0]
            place = ".".join(map(str, first["loc"]))
            wrong = first.get("ctx", {}).get("error") or f"{first['msg']}, got {first['input']!r:.60}"
            raise ChaosError(f"{source}: {place}: {wrong}".replace(": : ", ": ")) from None

    def described(self, name: str) -> dict[str, Any]:
        """As ``peakproof list plans --json`` shows it: rules with their settings, tiers, sources."""
        return {"name": name} | self.model_dump(mode="json", include={"summary", "rules", "tiers", "sources"})

    # At work

    def throttle(
        self,
        tier: str | None = None,
        scale: float = 1.0,
        changes: Mapping[str, Mapping[str, Any]] | None = None,
    ) -> "Planned":
        """A new throttle by this plan, with no call counted yet. ChaosError.

        ``tier`` is one of the plan's; ``scale`` are the real seconds of one of the vendor's, for short runs;
        ``changes`` are settings by rule, or of its refusal.
        """
        if tier is not None and tier not in self.tiers:
            raise unknown("tier", tier, self.tiers)
        if not 0 < scale < float("inf"):
            raise ChaosError(f"scale must be above 0, got {scale!r}")
        changed = dict(changes or {})
        for name, settings in changed.items():
            if name not in self.rules and name != "refusal":
                raise unknown("key of this plan", name, [*self.rules, "refusal", "tier", "scale"])
            if not isinstance(settings, Mapping):
                raise ChaosError(f"{name} must be a table of settings, got {settings!r}")
        of_tier = self.tiers.get(tier, {}) if tier is not None else {}
        own_refusal = changed.pop("refusal", {})
        rules = []
        for name, rule in self.rules.items():
            settings = rule.settings | of_tier.get(name, {}) | dict(changed.get(name, {}))
            try:
                throttle = THROTTLES.build(rule.kind, settings)
                refusal = Refusal.model_validate(self._refusal_of(name) | dict(own_refusal))
                for text in (refusal.body, *refusal.headers.values()):
                    _text(text)
            except ValidationError as failure:
                first = failure.errors(include_url=False)[0]
                place = ".".join(map(str, first["loc"]))
                raise ChaosError(f"refusal.{place}: {first['msg']}, got {first['input']!r:.60}") from None
            except ChaosError as wrong:
                raise ChaosError(f"rule {name!r}: {wrong}") from None
            rules.append(_Rule(name, throttle, frozenset(rule.only), _Refused(refusal)))
        if sum(rule.throttle.waits for rule in rules) > 1:
            raise ChaosError("only one rule of a plan may let calls wait")
        return Planned(rules, self.told, Fraction(str(scale)), first_only=self.asks == "first")


@cache
def _shipped(name: str) -> Plan:
    if name not in Plan.names():
        raise unknown("throttle plan", name, Plan.names())
    return Plan.parse(f"{name}.toml", FOLDER.joinpath(f"{name}.toml").read_bytes())


def _own(path: Path) -> Plan:
    try:
        text = path.read_bytes()
    except OSError as failure:
        raise ChaosError(f"{path}: cannot be read: {failure.strerror}") from None
    return Plan.parse(str(path), text)


class _Headers:
    """Header templates, and which of them need to know the wait."""

    __slots__ = ("_lines",)

    def __init__(self, headers: Mapping[str, str]) -> None:
        self._lines = [(name.lower(), Template(text), "${wait" in text) for name, text in headers.items()]

    def __call__(self, values: Mapping[str, object], *, knows_wait: bool) -> list[tuple[str, str]]:
        return [
            (name, text.substitute(values))
            for name, text, of_wait in self._lines
            if knows_wait or not of_wait
        ]


class _Refused:
    """The vendor's refusal, ready to be filled in."""

    __slots__ = ("_body", "_headers", "_status")

    def __init__(self, refusal: Refusal) -> None:
        self._status = refusal.status
        self._headers = _Headers(refusal.headers)
        self._body = Template(refusal.body)

    def __call__(self, bucket: str, values: Mapping[str, object], *, knows_wait: bool) -> Reply:
        headers = self._headers(values, knows_wait=knows_wait)
        return Reply(
            self._status,
            self._body.substitute(values).encode(),
            headers,
            error="throttled",
            refused_by="throttle",
            retry_after_s=_seconds(dict(headers).get("retry-after")),
            bucket=bucket,
        )


@dataclass(frozen=True, slots=True)
class _Rule:
    name: str
    throttle: Throttle
    only: frozenset[str]
    refused: _Refused


class Planned:
    """The rules of a plan as one throttle, which speaks as the vendor does.

    Rules are asked in the plan's order; the first that refuses answers, and those before it have counted the call.
    Inside, time is the vendor's: ``scale`` real seconds are one of its own. Its clock is exact, and waits are rounded up.
    """

    __slots__ = (
        "_extensions",
        "_factor",
        "_first_only",
        "_headers",
        "_rules",
        "_scale",
        "_told_rule",
        "waits",
    )

    def __init__(self, rules: list[_Rule], told: Told, scale: Fraction, *, first_only: bool) -> None:
        self._rules = rules
        self._told_rule = told.rule
        self._headers = _Headers(told.headers)
        self._extensions = None if told.extensions is None else Template(told.extensions)
        self._scale = (scale.numerator, scale.denominator)
        self._first_only = first_only
        self._factor = 1.0
        self.waits = any(rule.throttle.waits for rule in rules)

    @property
    def factor(self) -> float:
        return self._factor

    @factor.setter
    def factor(self, factor: float) -> None:
        self._factor = factor
        for rule in self._rules:
            rule.throttle.factor = factor

    def admit(self, call: Call, now_ns: int) -> Decision:
        real, nominal = self._scale
        at_ns = now_ns * nominal // real
        counted: list[tuple[_Rule, Decision]] = []
        for rule in self._rules:
            if rule.only and call.operation not in rule.only:
                continue
            decision = rule.throttle.admit(call, at_ns)
            if decision.refusal is not None:
                for _, earlier in counted:
                    if earlier.release is not None:
                        earlier.release()
                return self._refuse(rule, decision.bucket, call, at_ns)
            counted.append((rule, decision))
            if self._first_only:
                break
        if not counted:
            return Decision(f"{call.system}/uncounted")
        return self._let_in(counted, call, at_ns)

    def figures(self, call: Call, now_ns: int) -> Figures:
        """Of the first rule that counts the call, in the vendor's time."""
        real, nominal = self._scale
        rule = next(
            (one for one in self._rules if not one.only or call.operation in one.only), self._rules[0]
        )
        return rule.throttle.figures(call, now_ns * nominal // real)

    def _let_in(self, counted: list[tuple[_Rule, Decision]], call: Call, at_ns: int) -> Decision:
        rule, decision = next((one for one in counted if one[0].name == self._told_rule), counted[0])
        headers: tuple[tuple[str, str], ...] = ()
        extensions = None
        if self._told_rule in (None, rule.name):
            values = self._values(rule.throttle.figures(call, at_ns), call, decision.refund)
            headers = tuple(self._headers(values, knows_wait=True))
            if self._extensions is not None:
                extensions = self._extensions.substitute(values).encode()
        real, nominal = self._scale
        return Decision(
            self._bucket(rule, decision.bucket),
            headers=headers,
            extensions=extensions,
            wait_s=max(one.wait_s for _, one in counted) * real / nominal,
            turn=next((one.turn for _, one in counted if one.turn is not None), None),
            release=_all_of([one.release for _, one in counted if one.release is not None]),
            refund=decision.refund,
        )

    def _refuse(self, rule: _Rule, bucket: str, call: Call, at_ns: int) -> Decision:
        figures = rule.throttle.figures(call, at_ns)
        bucket = self._bucket(rule, bucket)
        knows_wait = figures.wait_ns is not None
        return Decision(bucket, rule.refused(bucket, self._values(figures, call, 0), knows_wait=knows_wait))

    def _bucket(self, rule: _Rule, bucket: str) -> str:
        return bucket if len(self._rules) == 1 else f"{bucket}:{rule.name}"

    def _values(self, figures: Figures, call: Call, refund: int) -> dict[str, object]:
        left = min(figures.limit, figures.left + refund)
        wait_ns = self._real_ns(figures.wait_ns or 0)
        rate = figures.limit * SECOND_NS / figures.window_ns if figures.window_ns else 0.0
        return {
            "limit": figures.limit,
            "used": figures.limit - left,
            "left": left,
            "rate_per_s": f"{float(f'{rate:.6g}'):g}",
            "window_ms": _up(self._real_ns(figures.window_ns), 1_000_000),
            "reset_ms": _up(self._real_ns(figures.reset_ns), 1_000_000),
            "wait_s": whole_s(wait_ns),
            "wait_tenths_s": f"{_up(wait_ns, SECOND_NS // 10) / 10:.1f}",
            "cost": figures.cost,
            "actual_cost": figures.actual_cost,
            "client": call.client or "anonymous",
            "operation": call.operation,
            "system": call.system,
            "call_id": call.call_id,
        }

    def _real_ns(self, vendor_ns: int) -> int:
        real, nominal = self._scale
        return _up(vendor_ns * real, nominal)


def _seconds(retry_after: str | None) -> float | None:
    """As the record has it; None where the vendor says nothing that is a number of seconds."""
    try:
        return None if retry_after is None else float(retry_after)
    except ValueError:
        return None


def _up(value: int, unit: int) -> int:
    """In whole units, rounded up."""
    return -(-value // unit)


def _all_of(releases: list[Callable[[], None]]) -> Callable[[], None] | None:
    if len(releases) < 2:
        return releases[0] if releases else None

    def release() -> None:
        for one in releases:
            one()

    return release
