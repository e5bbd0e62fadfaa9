"""Causes before consequences: which finding accounts for which, and in what order a reader is told of them.

One mistake breaks several invariants. Of the findings about one thing (an order, else a subject) one is *primary*; the others
follow from it. First comes conduct that is known to lead to such an outcome (an unclear request that was neither repeated nor
looked up, a key that changed), then a wrong act before a missing one, then conduct that explains nothing, then the outcome as a
whole; among equals the earlier step of the flow. What decides is the record that each query calls guilty, never its words.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from enum import IntEnum

from ..history.reader import History
from .claim import MOST_EVIDENCE, SEVERITIES
from .result import Breach, Finding, InvariantResult

CONDUCT = ("retry", "timeliness", "traceability")
"""Classes of invariants that look at how something was asked, not at what came of it."""


class Tier(IntEnum):
    """How near a finding stands to the mistake itself; the lowest of those about one thing is primary."""

    CAUSE = 0
    ACT = 1
    OMISSION = 2
    CONDUCT = 3
    GENERAL = 4


Placed = tuple[InvariantResult, Finding]
Key = tuple[Tier, int, str]


def in_causal_order(history: History, results: Sequence[InvariantResult], most: int) -> list[InvariantResult]:
    """The same results, each finding with the one that accounts for it, those to be read first in front.

    The evidence of the first ``most`` findings of each also names the calls that made its effects.
    """
    systems = _systems(history, [f.guilty for r in results for f in r.findings if f.guilty is not None])
    linked = _linked(results, systems)
    ordered = sorted(linked, key=_reading_order(linked))
    return [
        _with_calls(result, calls, most)
        for calls in [_calls_behind(history, ordered, most)]
        for result in ordered
    ]


def _linked(results: Sequence[InvariantResult], systems: Mapping[str, str]) -> list[InvariantResult]:
    about: dict[str, list[Placed]] = {}
    for result in results:
        for finding in result.findings:
            for one in finding.abouts:
                about.setdefault(one, []).append((result, finding))
    return [
        replace(
            result,
            findings=_primary_first(_placed(result, finding, about, systems) for finding in result.findings),
        )
        for result in results
    ]


def _placed(
    result: InvariantResult,
    finding: Finding,
    about: Mapping[str, Sequence[Placed]],
    systems: Mapping[str, str],
) -> Finding:
    """The finding with its cause: the lowest of all that may account for it, itself among them."""
    led_to = {
        other.id
        for one in finding.abouts
        for other, later in about[one]
        if result.leads_to and _leads_to(result, finding, other, later, systems)
    }
    own = _key(result, finding)
    keys: list[Key] = [(Tier.CAUSE, result.step, result.id) if led_to else own]
    related = finding.abouts if result.is_general else (finding.about,)
    for other, cause in (placed for one in related for placed in about[one]):
        if other is result:
            continue
        if _leads_to(other, cause, result, finding, systems):
            keys.append((Tier.CAUSE, other.step, other.id))
        elif cause.about in related:
            keys.append(_key(other, cause))
    first = min(key for key in keys if key[2] not in led_to)[2]  # what it leads to cannot be what led to it
    return finding if first == result.id else replace(finding, consequence_of=first)


def _key(result: InvariantResult, finding: Finding) -> Key:
    if result.is_general:
        tier = Tier.GENERAL
    elif result.class_ in CONDUCT and result.severity != "critical":
        tier = Tier.CONDUCT
    elif finding.guilty is not None:
        tier = Tier.ACT
    else:
        tier = Tier.OMISSION
    return tier, result.step, result.id


def _leads_to(
    result: InvariantResult,
    cause: Finding,
    other: InvariantResult,
    later: Finding,
    systems: Mapping[str, str],
) -> bool:
    """Whether a finding about conduct accounts for another: an act only where both were at the same system.

    Of two that both lead to something the earlier step may account for the later one, never the other way round.
    """
    if later.about not in cause.abouts or (other.leads_to and other.step <= result.step):
        return False
    if later.guilty is None:
        return "omissions" in result.leads_to
    at = systems.get(cause.guilty or "")
    return "acts" in result.leads_to and (at is None or systems.get(later.guilty) in (at, None))


def _primary_first(findings: Iterable[Finding]) -> tuple[Finding, ...]:
    return tuple(sorted(findings, key=lambda finding: finding.consequence_of is not None))


def _reading_order(results: Sequence[InvariantResult]) -> "_Order":
    """The gravest first, as grave as the gravest of what follows from it; then the nearest to the mistake; then by step."""
    gravity = {result.id: _gravity(result) for result in results}
    tiers: dict[str, Tier] = {}
    for result in results:
        for finding in result.findings:
            cause = finding.consequence_of
            if cause is not None:
                if not result.is_general:
                    gravity[cause] = min(gravity[cause], _gravity(result))
                if any(one.id == cause and one.leads_to for one in results):
                    tiers[cause] = Tier.CAUSE
        if result.primary:
            own = min(_key(result, finding)[0] for finding in result.primary)
            tiers[result.id] = min(own, tiers.get(result.id, own))
    return _Order(gravity, tiers)


class _Order:
    """The key by which results are sorted: those with a primary finding, those that only follow, then the rest."""

    def __init__(self, gravity: Mapping[str, int], tiers: Mapping[str, Tier]) -> None:
        self._gravity = gravity
        self._tiers = tiers

    def __call__(self, result: InvariantResult) -> tuple[int, int, int, int, str]:
        if not result.findings:
            return 2, 0, 0, result.step, result.id
        if not result.primary:
            return 1, self._gravity[result.id], 0, result.step, result.id
        # over all orders conduct that led to something and a wrong act are alike near to a mistake: the earlier step decides
        return 0, self._gravity[result.id], max(self._tiers[result.id], Tier.ACT), result.step, result.id


def _gravity(result: InvariantResult) -> int:
    return SEVERITIES.index(result.severity)


def _systems(history: History, guilty: Sequence[str]) -> dict[str, str]:
    """At which system each of these calls and effects happened; what was delivered may lead to something at any."""
    if not guilty:
        return {}
    rows = history.rows(
        """
        WITH wanted AS (SELECT DISTINCT unnest($1::VARCHAR[]) AS id)
        SELECT effect_id AS id, system FROM effects SEMI JOIN wanted ON id = effect_id
        UNION  ALL SELECT call_id, system FROM calls SEMI JOIN wanted ON id = call_id
        """,
        [list(guilty)],
    )
    return {row["id"]: row["system"] for row in rows}


def _calls_behind(history: History, results: Sequence[InvariantResult], most: int) -> dict[str, str]:
    """The call that made each effect among the evidence, where the middleware made it."""
    wanted = [one for result in results for finding in result.findings[:most] for one in finding.evidence]
    if not wanted:
        return {}
    rows = history.rows(
        "SELECT effect_id, call_id FROM effects SEMI JOIN (SELECT DISTINCT unnest($1::VARCHAR[]) AS id) ON id = effect_id "
        "WHERE call_id IN (SELECT call_id FROM sut_calls)",
        [wanted],
    )
    return {row["effect_id"]: row["call_id"] for row in rows}


def _with_calls(result: InvariantResult, calls: Mapping[str, str], most: int) -> InvariantResult:
    findings = tuple(
        replace(finding, evidence=_evidence(finding, calls)) if place < most else finding
        for place, finding in enumerate(result.findings)
    )
    return replace(result, findings=findings)


def _evidence(finding: Finding, calls: Mapping[str, str]) -> tuple[str, ...]:
    """What proves it: the guilty row for certain, and before each effect the call that made it."""
    rows: list[str] = []
    for one in (*finding.evidence, finding.guilty):
        if one is not None:
            rows += [calls[one], one] if one in calls else [one]
    kept = list(dict.fromkeys(rows))
    if (
        len(kept) > MOST_EVIDENCE
        and finding.guilty is not None
        and finding.guilty not in kept[:MOST_EVIDENCE]
    ):
        kept[MOST_EVIDENCE - 1] = finding.guilty
    return tuple(kept[:MOST_EVIDENCE])


__all__ = ["Breach", "Tier", "in_causal_order"]
