"""What became of each injection: how often it fired, and if it never did, why not."""

from collections.abc import Mapping
from typing import Any

from ..history.reader import History
from .render.wording import counted
from .result import InjectionResult

MARKS = """
SELECT injection, any_value(fault) AS fault, any_value(system) AS system,
       count(*) FILTER (WHERE mark = 'armed') AS armed, count(*) FILTER (WHERE mark = 'fired') AS fired,
       bool_or(by_hand) AS by_hand, any_value(operation) FILTER (WHERE mark = 'armed') AS operation,
       min(at_ns) FILTER (WHERE mark = 'armed') AS armed_ns, max(at_ns) FILTER (WHERE mark = 'healed') AS healed_ns
FROM   faults GROUP BY injection ORDER BY injection
"""

CAME = """
WITH came AS (
    SELECT at_ns FROM sut_calls
    WHERE  $of_calls AND ($system = '*' OR system = $system) AND ($name IS NULL OR operation = $name)
      AND  (changes OR NOT $changes_only)
    UNION  ALL
    SELECT at_ns FROM deliveries
    WHERE  $of_deliveries AND ($system = '*' OR system = $system) AND ($name IS NULL OR topic = $name)
), began AS (
    SELECT coalesce(min(at_ns), $armed_ns) AS at_ns FROM workload WHERE kind = 'phase' AND detail = 'workload'
)
SELECT count(*) AS came, count(*) FILTER (WHERE at_ns < $armed_ns) AS before,
       count(*) FILTER (WHERE at_ns >= $healed_ns) AS after,
       ($armed_ns - (SELECT at_ns FROM began)) / 1e9 AS armed_s, ($healed_ns - (SELECT at_ns FROM began)) / 1e9 AS healed_s
FROM   came
"""
"""What an injection could have met by its place, and how much of it came outside of its window; seconds of the workload."""

SEEN = {"call": (True, False), "document": (True, True), "delivery": (False, True)}
"""Of which seams the record shows what an injection could have met: in calls, in deliveries."""

WHAT = {"call": "call", "document": "message", "delivery": "event"}


def of_run(history: History) -> tuple[InjectionResult, ...]:
    """Planned injections, and any that only the fault log knows (from the command line, in mid-run)."""
    marks = {row["injection"]: row for row in history.rows(MARKS)}
    planned: dict[str, dict[str, Any]] = {str(one["id"]): one for one in history.run.get("injections") or ()}
    names = (*planned, *(name for name in marks if name not in planned))
    return tuple(_result(history, name, planned.get(name, {}), marks.get(name, {})) for name in names)


def _result(history: History, name: str, plan: Mapping[str, Any], log: Mapping[str, Any]) -> InjectionResult:
    armed, fired = int(log.get("armed", 0)), int(log.get("fired", 0))
    left_out, missed = plan.get("left_out"), None
    if not fired and left_out is None:
        missed = _missed(history, plan, log) if armed else None
        left_out = _habit(history, plan) if armed else None
    return InjectionResult(
        id=name,
        fault=str(plan.get("fault") or log.get("fault")),
        where=_where(plan.get("where") or _place(log)),
        armed=armed,
        fired=fired,
        by_hand=bool(log.get("by_hand", False)),
        left_out=left_out,
        missed=missed,
    )


def _habit(history: History, plan: Mapping[str, Any]) -> str | None:
    """What a correct middleware may do without, and this one did: the ``optional`` reason, unless what it ``needs`` was called."""
    reason, needs = plan.get("optional"), plan.get("needs")
    called = "SELECT count(*) FROM sut_calls WHERE operation = $1"
    if not isinstance(reason, str) or (isinstance(needs, str) and history.one(called, [needs])):
        return None
    return reason


def _missed(history: History, plan: Mapping[str, Any], log: Mapping[str, Any]) -> str | None:
    """What came that it could have met by its place, and when; None where the record does not show that."""
    seam, where = plan.get("seam"), plan.get("where")
    if seam not in SEEN or not isinstance(where, str) or log.get("healed_ns") is None:
        return None
    of_calls, of_deliveries = SEEN[seam]
    system, _, name = where.partition(".")
    (row,) = history.rows(
        CAME,
        {
            "of_calls": of_calls,
            "of_deliveries": of_deliveries,
            "system": system,
            "name": name or None,
            "changes_only": bool(plan.get("changes_only")),
            "armed_ns": log["armed_ns"],
            "healed_ns": log["healed_ns"],
        },
    )
    return _sentence(f"matching {WHAT[seam]}", **row)


def _sentence(what: str, came: int, before: int, after: int, armed_s: float, healed_s: float) -> str:
    if not came:
        return f"no {what} came"
    number, within = counted(came, what), came - before - after
    since, until = f"{armed_s:.1f} s", f"{healed_s:.1f} s"
    if within:
        return f"{number} came, {within} of them while it was armed ({since} to {until}), and none met its condition"
    if not before:
        return f"{number} came, all after {until}, when it had healed"
    if not after:
        return f"{number} came, all before {since}, when it was armed"
    return (
        f"{number} came, {before} before it was armed at {since} and {after} after it had healed at {until}"
    )


def _place(log: Mapping[str, Any]) -> str:
    """Where an injection acts that only the fault log knows."""
    return ".".join(part for part in (log.get("system"), log.get("operation")) if part)


def _where(where: Any) -> str:
    if isinstance(where, Mapping):
        return " ".join(str(value) for value in where.values() if value is not None) or "*"
    return str(where or "*")
