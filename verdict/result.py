"""What judging a run comes to: plain values, and the one JSON document that they make (``peakproof/verdict/1``)."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, Self

from .forensics import Forensics

SCHEMA = "peakproof/verdict/1"

Status = Literal["holds", "violated", "not exercised", "indeterminate", "unknown"]
"""``indeterminate``: the history does not say. ``unknown``: the query failed, so nothing was examined."""

Outcome = Literal["pass", "fail", "inconclusive"]

Breach = Literal["acts", "omissions"]
"""How an invariant is broken: by something that was done, or by something that was due and was not done."""

EXIT_CODES: Mapping[Outcome, int] = {"pass": 0, "fail": 1, "inconclusive": 3}


@dataclass(frozen=True, slots=True)
class Finding:
    """One counter-example in words, and the ids of the history rows that prove it."""

    subject: str
    finding: str
    evidence: tuple[str, ...]
    order_ref: str | None = None
    """The order that the subject is or belongs to; null where it is about something else."""
    consequence_of: str | None = None
    """The invariant whose finding accounts for this one; null for a primary finding."""
    guilty: str | None = None
    """The row of the history that broke the invariant; null where no single row did."""
    omission: bool = False
    """The query says that no row broke it: something that was due is missing."""
    remedy: str | None = None
    """What to do about this very finding, where the query knows better than the invariant's header."""
    explains: tuple[str, ...] = ()
    """Other orders and subjects whose findings this one accounts for."""

    @property
    def about(self) -> str:
        """What the findings of one mistake share: the order where there is one, else the subject."""
        return self.order_ref or self.subject

    @property
    def abouts(self) -> tuple[str, ...]:
        """Everything whose findings this one may account for."""
        return (self.about, *self.explains)

    def document(self) -> dict[str, Any]:
        return {
            "subject": self.subject,
            "finding": self.finding,
            "evidence": list(self.evidence),
            "order_ref": self.order_ref,
            "consequence_of": self.consequence_of,
            "guilty": self.guilty,
            "omission": self.omission,
            "remedy": self.remedy,
            "explains": list(self.explains),
        }

    @classmethod
    def of_document(cls, document: Mapping[str, Any]) -> Self:
        """The finding that made a document."""
        listed = {name: tuple(document.get(name, ())) for name in ("evidence", "explains")}
        return cls(**{**document, **listed})


@dataclass(frozen=True, slots=True)
class InvariantResult:
    """What became of one invariant."""

    id: str
    claim: str
    flow: str
    class_: str
    severity: str
    remedy: str
    step: int
    status: Status
    examined: int
    findings_count: int
    findings: tuple[Finding, ...] = ()
    """Primary ones first; at most as many as the judge keeps, ``findings_count`` has them all."""
    indeterminate: int = 0
    """Subjects of which the history does not say."""
    reason: str | None = None
    """Why the status is unknown, or why it was not asked."""
    leads_to: tuple[Breach, ...] = ()
    """What its findings account for in others about the same thing: it looks at conduct, they at what came of it."""
    is_general: bool = False
    """It looks at an outcome as a whole: any other finding about the same thing accounts for its own."""

    @property
    def primary(self) -> tuple[Finding, ...]:
        """The findings that no other one accounts for."""
        return tuple(finding for finding in self.findings if finding.consequence_of is None)

    def document(self) -> dict[str, Any]:
        return {
            "id": self.id,
            "claim": self.claim,
            "class": self.class_,
            "severity": self.severity,
            "flow": self.flow,
            "step": self.step,
            "remedy": self.remedy,
            "status": self.status,
            "examined": self.examined,
            "indeterminate": self.indeterminate,
            "findings_count": self.findings_count,
            "findings": [finding.document() for finding in self.findings],
            "reason": self.reason,
            "leads_to": list(self.leads_to),
            "is_general": self.is_general,
        }

    @classmethod
    def of_document(cls, document: Mapping[str, Any]) -> Self:
        """The result that made an entry of a document."""
        entry = {name: value for name, value in document.items() if name != "class"}
        return cls(
            **{
                **entry,
                "class_": document["class"],
                "findings": tuple(Finding.of_document(one) for one in document["findings"]),
                "leads_to": tuple(document.get("leads_to", ())),
            }
        )


@dataclass(frozen=True, slots=True)
class KpiValue:
    """One key figure; the value is null where there were too few samples to say it."""

    name: str
    value: float | None
    unit: str
    count: int
    better: str
    definition: str
    source: str
    by_channel: Mapping[str, tuple[float | None, int]] = field(default_factory=dict)
    """Value and count of each channel."""
    reason: str | None = None
    """Why there is no value, where its query failed."""
    parts: Mapping[str, Mapping[str, tuple[float | None, int]]] = field(default_factory=dict)
    """What it is split by besides channels, e.g. ``reason``: value and count of each."""
    measure: str = ""
    """How it is made of its samples: ``percentiles``, ``share``, ``total`` or ``longest``."""

    def of(self, part: str) -> tuple[float | None, int] | None:
        """Value and count of one channel, reason, injection, …; null where there is none of that name."""
        return next((split[part] for split in (self.by_channel, *self.parts.values()) if part in split), None)

    def document(self) -> dict[str, Any]:
        return {
            "value": self.value,
            "unit": self.unit,
            "count": self.count,
            "better": self.better,
            "definition": self.definition,
            "source": self.source,
            "measure": self.measure,
            **{
                f"by_{dimension}": {
                    name: {"value": value, "count": count} for name, (value, count) in split.items()
                }
                for dimension, split in {"channel": self.by_channel, **self.parts}.items()
            },
            "reason": self.reason,
        }

    @classmethod
    def of_document(cls, name: str, entry: Mapping[str, Any]) -> Self:
        """The figure that made an entry of a document."""
        plain = {key: value for key, value in entry.items() if not key.startswith("by_")}
        split = {
            key.removeprefix("by_"): {
                part: (one["value"], one.get("count", 1)) for part, one in value.items()
            }
            for key, value in entry.items()
            if key.startswith("by_")
        }
        return cls(**plain, name=name, by_channel=split.pop("channel", {}), parts=split)


@dataclass(frozen=True, slots=True)
class ObjectiveResult:
    """Whether a threshold of the user's own on a key figure was met; null where the figure could not be said."""

    objective: str
    kpi: str
    value: float | None
    met: bool | None
    by_channel: Mapping[str, bool] = field(default_factory=dict)
    """Whether each channel alone meets it; those of which the figure cannot be said are left out."""
    reason: str | None = None
    """Why the figure could not be said."""
    unit: str = ""
    aborted: str | None = None
    """Why it could not be met any more, where the run ended early for that."""

    @property
    def said(self) -> str:
        """What the figure was, or why it could not be said, as half a sentence."""
        if self.value is None:
            return self.reason or "there were too few samples"
        shown = f"{self.value * 100:.6g} %" if self.unit == "ratio" else f"{self.value:g} {self.unit}"
        return f"it was {shown.strip()}"

    def document(self) -> dict[str, Any]:
        return {
            "objective": self.objective,
            "kpi": self.kpi,
            "value": self.value,
            "met": self.met,
            "by_channel": dict(self.by_channel),
            "reason": self.reason,
            "unit": self.unit,
            "aborted": self.aborted,
        }


@dataclass(frozen=True, slots=True)
class InjectionResult:
    """What became of one injection."""

    id: str
    fault: str
    where: str
    armed: int
    fired: int
    by_hand: bool = False
    """From the command line in mid-run: it may stay without effect."""
    left_out: str | None = None
    """Why this system under test need not meet it."""
    missed: str | None = None
    """What it could have met and when that came, where it never fired and the record shows it."""

    @property
    def outcome(self) -> str:
        """How often it fired, or why it did not, in a few words."""
        if self.fired:
            return f"{self.fired:,}"
        return f"left out: {self.left_out}" if self.left_out else "never"

    def document(self) -> dict[str, Any]:
        return {
            "id": self.id,
            "fault": self.fault,
            "where": self.where,
            "armed": self.armed,
            "fired": self.fired,
            "by_hand": self.by_hand,
            "left_out": self.left_out,
            "missed": self.missed,
        }


Concern = Literal[
    "run",
    "early",
    "sut",
    "peakproof",
    "workers",
    "generator",
    "workload",
    "estate",
    "flow",
    "fault",
    "scenario",
    "replay",
    "settling",
    "history",
]
"""What a reason against a run is about."""


@dataclass(frozen=True, slots=True)
class Validity:
    """Whether the run has earned a verdict; with any reason against it, a pass becomes inconclusive."""

    reasons: tuple[str, ...] = ()
    at_limit: tuple[str, ...] = ()
    """Of a run under load: who could do no more, of `generator`, `estate` and `sut`."""
    about: tuple[Concern, ...] = ()
    """What each of the reasons is about, in the same order; nothing in a verdict that was stored before this was."""

    void: bool = False
    """A part of the estate was lost: not even a finding says anything of the system under test."""

    def reasons_about(self, *concerns: str) -> tuple[str, ...]:
        """The reasons that are about any of these."""
        return tuple(one for one, about in zip(self.reasons, self.about, strict=False) if about in concerns)

    @property
    def verdict(self) -> Literal["valid", "inconclusive"]:
        return "inconclusive" if self.reasons else "valid"

    @property
    def not_the_sut(self) -> tuple[str, ...]:
        """Those of them that are peakproof's own: what was slow then says nothing of the system under test."""
        return tuple(who for who in self.at_limit if who != "sut")

    def document(self) -> dict[str, Any]:
        return {
            "verdict": self.verdict,
            "reasons": list(self.reasons),
            "at_limit": list(self.at_limit),
            "about": list(self.about),
            "void": self.void,
        }


@dataclass(frozen=True, slots=True)
class RunFacts:
    """Which run was judged."""

    id: str
    scenario: str | None
    seed: int | None
    sut: str | None
    started_at: str | None
    duration_s: float | None
    flows: tuple[str, ...] = ()

    def document(self) -> dict[str, Any]:
        return {
            "id": self.id,
            "scenario": self.scenario,
            "seed": self.seed,
            "sut": self.sut,
            "started_at": self.started_at,
            "duration_s": self.duration_s,
            "flows": list(self.flows),
        }


@dataclass(frozen=True, slots=True)
class Verdict:
    """The judgement of one run."""

    run: RunFacts
    verdict: Outcome
    reasons: tuple[str, ...]
    validity: Validity
    invariants: tuple[InvariantResult, ...]
    kpis: tuple[KpiValue, ...]
    objectives: tuple[ObjectiveResult, ...]
    faults: tuple[InjectionResult, ...]
    counts: Mapping[str, int]
    evidence: Mapping[str, str] = field(default_factory=dict)
    """The history rows that the findings name, a line each."""
    forensics: Forensics = field(default_factory=Forensics)
    """How the middleware tries again, and what it does so that nothing is done twice."""

    @property
    def exit_code(self) -> int:
        return EXIT_CODES[self.verdict]

    @property
    def worst(self) -> tuple[tuple[InvariantResult, Finding], ...]:
        """Primary findings in the order of the invariants, causes first; one of each before the second of any."""
        found = [
            (place, result, finding)
            for result in self.invariants
            for place, finding in enumerate(result.primary)
        ]
        found.sort(key=lambda entry: entry[0])
        return tuple((result, finding) for _, result, finding in found)

    def consequences_of(
        self, result: InvariantResult, finding: Finding
    ) -> tuple[tuple[InvariantResult, Finding], ...]:
        """The findings that this one accounts for."""
        return tuple(
            (other, later)
            for other in self.invariants
            for later in other.findings
            if later.consequence_of == result.id and later.about in finding.abouts
        )

    def about(self, subject: str) -> tuple[tuple[InvariantResult, Finding], ...]:
        """What was found about an order, or another subject, or accounts for it: primary findings first."""
        found = [
            (finding.consequence_of is not None, result, finding)
            for result in self.invariants
            for finding in result.findings
            if subject in finding.abouts
        ]
        found.sort(key=lambda entry: entry[0])
        return tuple((result, finding) for _, result, finding in found)

    @property
    def is_exercised(self) -> bool:
        """Something of its scenario was there for the system under test to get through; false where that alone is missing."""
        if self.verdict != "inconclusive" or self.reasons != self.validity.reasons:
            return True
        return {*self.validity.about} != {"scenario"}

    def document(self) -> dict[str, Any]:
        """The content of ``verdict.json``."""
        return {
            "schema": SCHEMA,
            "run": self.run.document(),
            "verdict": self.verdict,
            "reasons": list(self.reasons),
            "validity": self.validity.document(),
            "invariants": [result.document() for result in self.invariants],
            "kpis": {kpi.name: kpi.document() for kpi in self.kpis},
            "objectives": [objective.document() for objective in self.objectives],
            "faults": [fault.document() for fault in self.faults],
            "counts": dict(self.counts),
            "evidence": dict(self.evidence),
            "forensics": self.forensics.document(),
        }

    @classmethod
    def of_document(cls, document: Mapping[str, Any]) -> "Verdict":
        """The verdict that made a document; for showing a stored ``verdict.json`` again. KeyError where it is none."""
        run = document["run"]
        return cls(
            run=RunFacts(**{**run, "flows": tuple(run.get("flows", ()))}),
            verdict=document["verdict"],
            reasons=tuple(document["reasons"]),
            validity=Validity(
                tuple(document["validity"]["reasons"]),
                tuple(document["validity"].get("at_limit", ())),
                about=tuple(document["validity"].get("about", ())),
                void=bool(document["validity"].get("void")),
            ),
            invariants=tuple(map(InvariantResult.of_document, document["invariants"])),
            kpis=tuple(KpiValue.of_document(name, entry) for name, entry in document["kpis"].items()),
            objectives=tuple(ObjectiveResult(**entry) for entry in document["objectives"]),
            faults=tuple(InjectionResult(**entry) for entry in document["faults"]),
            counts=document["counts"],
            evidence=document["evidence"],
            forensics=Forensics.of_document(document.get("forensics", {})),
        )
