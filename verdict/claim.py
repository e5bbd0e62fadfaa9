"""What every invariant says of itself, whether a query or a function looks for its counter-examples."""

import re
import threading
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, get_args

from ..history.reader import FLOWS
from .errors import HeaderError
from .header import one_of
from .result import Breach, Finding, InvariantResult, Status

CLASSES = ("idempotency", "retry", "consistency", "timeliness", "traceability", "security")
SEVERITIES = ("critical", "major", "minor")
REQUIRED = ("claim", "flow", "class", "severity", "remedy")
"""What a header must have."""

BREACHES: tuple[Breach, ...] = get_args(Breach)

LAST_STEP = 1000
"""The place in the flow of an invariant that names none: users' own come last."""

OWN_LIMIT_S = 30.0
"""So long an invariant of the user's own may look that says nothing of ``limit_s``."""

MOST_FINDINGS = 1000
"""The most findings of one invariant that are kept; all are counted."""

MOST_EXPLAINED = 2000
"""The most subjects that one finding may account for besides its own."""

MOST_EVIDENCE = 50
"""The most evidence rows that one finding names."""

_SECONDS = re.compile(r"[0-9]{1,9}(\.[0-9]{1,9})?")


@dataclass(frozen=True, slots=True)
class Claim:
    """A sentence that must hold, and what goes with it."""

    id: str
    claim: str
    flows: tuple[str, ...]
    """The flows that it speaks of; ``any`` for all of them."""
    class_: str
    severity: str
    remedy: str
    cause: str | None
    """What usually breaks it; null where the author does not say."""
    step: int
    """Place in the order of the flow: of several findings about one order the lowest is primary."""
    limit_s: float | None
    """So long it may look; null where its header does not say."""
    leads_to: tuple[Breach, ...]
    """What its findings account for in those of others (``-- leads_to: omissions``); nothing for most."""
    is_general: bool
    """Any other finding about the same thing accounts for its own (``-- general: yes``)."""

    def is_about(self, judged: Iterable[str]) -> bool:
        """Whether it speaks of any of these flows."""
        return "any" in self.flows or not set(self.flows).isdisjoint(judged)

    def not_asked(self, judged: Iterable[str]) -> InvariantResult:
        """The run is judged on other flows: nothing was examined."""
        reason = f"it speaks of {', '.join(self.flows)}, and the run is judged on {', '.join(judged)}"
        return self._result("not exercised", 0, 0, (), 0, reason)

    def took_too_long(self, limit_s: float, place: str) -> InvariantResult:
        """It was stopped; ``place`` is where it stands."""
        return self.unknown(
            f"{place} did not end within {limit_s:g} s and was stopped; if it has to take longer, "
            f"let its header say so, e.g. 'limit_s: {2 * limit_s:g}'"
        )

    def unknown(self, reason: str) -> InvariantResult:
        """It could not be asked: that is never a pass."""
        return self._result("unknown", 0, 0, (), 0, reason)

    def result(
        self, examined: int, findings_count: int, findings: Iterable[Finding], indeterminate: int
    ) -> InvariantResult:
        """What became of it."""
        status: Status = "holds"
        if findings_count:
            status = "violated"
        elif indeterminate:
            status = "indeterminate"
        elif not examined:
            status = "not exercised"
        return self._result(status, examined, findings_count, tuple(findings), indeterminate, None)

    def _result(
        self,
        status: Status,
        examined: int,
        findings_count: int,
        findings: tuple[Finding, ...],
        indeterminate: int,
        reason: str | None,
    ) -> InvariantResult:
        return InvariantResult(
            id=self.id,
            claim=self.claim,
            flow=", ".join(self.flows),
            class_=self.class_,
            severity=self.severity,
            remedy=self.remedy,
            step=self.step,
            status=status,
            examined=examined,
            findings_count=findings_count,
            findings=findings,
            indeterminate=indeterminate,
            reason=reason,
            leads_to=self.leads_to,
            is_general=self.is_general,
        )


def fields_of(header: Mapping[str, str], place: Path | str) -> dict[str, Any]:
    """The fields of a Claim, but its id, by the keys of a header; ``place`` is where it stands.

    HeaderError where one has an unknown value.
    """
    flows = tuple(flow.strip() for flow in header["flow"].split(","))
    for flow in flows:
        one_of(place, "flow", flow, ("any", *FLOWS))
    step = header.get("step", str(LAST_STEP))
    if not step.isdigit():
        raise HeaderError(f"{place}: step is {step!r}; expected a whole number, the place in the flow")
    return {
        "claim": header["claim"],
        "flows": flows,
        "class_": one_of(place, "class", header["class"], CLASSES),
        "severity": one_of(place, "severity", header["severity"], SEVERITIES),
        "remedy": header["remedy"],
        "cause": header.get("cause"),
        "step": int(step),
        "limit_s": _limit_s(header, place),
        "leads_to": _leads_to(header, place),
        "is_general": one_of(place, "general", header.get("general", "no"), ("yes", "no")) == "yes",
    }


def _leads_to(header: Mapping[str, str], place: Path | str) -> tuple[Breach, ...]:
    named = [one.strip() for one in header.get("leads_to", "").split(",") if one.strip()]
    for one in named:
        one_of(place, "leads_to", one, BREACHES)
    return tuple(one for one in BREACHES if one in named)


def _limit_s(header: Mapping[str, str], place: Path | str) -> float | None:
    text = header.get("limit_s")
    if text is None:
        return None
    if not _SECONDS.fullmatch(text) or not 0 < float(text) <= threading.TIMEOUT_MAX:
        raise HeaderError(f"{place}: limit_s is {text!r}; expected seconds, e.g. {OWN_LIMIT_S:g}")
    return float(text)


def evidence_of(ids: Iterable[str | None] | None, most: int = MOST_EVIDENCE) -> tuple[str, ...]:
    """Without nulls and repeats, in the order given; no more than ``most``."""
    return tuple(dict.fromkeys(str(one) for one in ids or () if one is not None))[:most]
