"""An order's story as a sequence chart: lanes for the systems, a step a row, the guilty step marked, the calls spelt out."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any, Literal

from ...history.printable import printable
from ...history.reader import History
from ..result import Finding, Verdict
from ..timeline import Moment, moments_of, order_timeline
from .masking import masked

MOST_STEPS = 110
"""So many rows of each story, its evidence first."""
WORDS_SHOWN = 300
ALIKE = 3
"""So many effects of one kind and moment in a row are told as one: the lines of one shipment."""
BODY_SHOWN = 1_500
"""So many characters of each body."""
BODIES_SHOWN = 350_000
"""So many characters of all bodies of a page, the worst findings' first."""

SUT, SHOPPER = "middleware", "shopper"
Mark = Literal["", "evidence", "cause", "guilty"]
"""``cause`` is the call that made the guilty effect."""


@dataclass(frozen=True, slots=True)
class Exchange:
    """What is recorded of one call or delivery, secrets masked."""

    asked: tuple[str, ...]
    """The request line and its headers."""
    answered: tuple[str, ...]
    request: str | None
    response: str | None


@dataclass(frozen=True, slots=True)
class Step:
    """One row of a sequence chart."""

    at_s: float
    what: str
    system: str
    words: str
    start: float
    """Where the arrow begins, in percent of the lanes; equal to ``end`` for what happens inside one system."""
    end: float
    tone: Literal["ok", "refused", "unknown"]
    mark: Mark
    exchange: Exchange | None
    more: tuple[str, ...] = ()
    """The single lines of a row that tells several."""


@dataclass(frozen=True, slots=True)
class Story:
    """What happened to one order, or around one finding that is of no order."""

    subject: str
    lanes: tuple[str, ...]
    steps: tuple[Step, ...]
    left_out: int
    missing: str | None
    """What should have come and did not; null where a step was wrong."""


def stories_of(history: History, verdict: Verdict, most: int) -> dict[str, Story]:
    """The stories of the worst findings, by what they are about."""
    told: dict[str, Finding] = {}
    for _, finding in verdict.worst:
        if len(told) < most:
            told.setdefault(finding.about, finding)
    moments = {
        about: order_timeline(history, about) or moments_of(history, finding.evidence)
        for about, finding in told.items()
    }
    ids = [moment.id for story in moments.values() for moment in story]
    exchanges = _exchanges(history, ids)
    causes = _causes(history, [finding.guilty for finding in told.values() if finding.guilty])
    return {
        about: _story(about, finding, moments[about], exchanges, causes)
        for about, finding in told.items()
        if moments[about]
    }


def _causes(history: History, effects: Sequence[str]) -> dict[str, str]:
    """The call that made each of these effects, where one is known."""
    rows = history.rows(
        "SELECT effect_id, call_id FROM effects SEMI JOIN (SELECT unnest($1::VARCHAR[]) AS id) ON id = effect_id "
        "WHERE call_id IS NOT NULL",
        [list(effects)],
    )
    return {row["effect_id"]: row["call_id"] for row in rows}


def _story(
    about: str,
    finding: Finding,
    moments: Sequence[Moment],
    exchanges: Mapping[str, Exchange],
    causes: Mapping[str, str],
) -> Story:
    marks: dict[str, Mark] = {one: "evidence" for one in finding.evidence}
    if finding.guilty is not None:
        marks[finding.guilty] = "guilty"
        if finding.guilty in causes:
            marks[causes[finding.guilty]] = "cause"
    kept = _kept(moments, marks)
    lanes = _lanes(kept)
    steps: list[Step] = []
    for _, group in groupby(enumerate(kept), key=lambda entry: _likeness(entry, marks)):
        alike = [moment for _, moment in group]
        first = alike[0]
        if len(alike) >= ALIKE:
            words = f"{first.words.split(' ', 1)[0]}, {len(alike)} times"
            steps.append(_step(first, words, lanes, "", None, tuple(map(_words, alike))))
        else:
            steps += [
                _step(one, _words(one), lanes, marks.get(one.id, ""), exchanges.get(one.id)) for one in alike
            ]
    return Story(
        about, lanes, tuple(steps), len(moments) - len(kept), finding.finding if finding.omission else None
    )


def _words(moment: Moment) -> str:
    words = printable(moment.words)
    return words if len(words) <= WORDS_SHOWN else f"{words[:WORDS_SHOWN]}…"


def _kept(moments: Sequence[Moment], marks: Mapping[str, Mark]) -> list[Moment]:
    """The evidence of a long story wherever it stands, then its first rows."""
    if len(moments) <= MOST_STEPS:
        return list(moments)
    proof = {place for place, moment in enumerate(moments) if moment.id in marks}
    places = [*sorted(proof), *(place for place in range(len(moments)) if place not in proof)]
    return [moments[place] for place in sorted(places[:MOST_STEPS])]


def _likeness(entry: tuple[int, Moment], marks: Mapping[str, Mark]) -> tuple[object, ...]:
    """Equal for neighbours that are told as one row; unlike all others where a row has a meaning of its own."""
    place, moment = entry
    if moment.what != "effect" or moment.id in marks:
        return (place,)
    return (moment.system, moment.words.split(" ", 1)[0])


def _lanes(moments: Sequence[Moment]) -> tuple[str, ...]:
    """The shopper, the channels as far as shoppers meet them, the middleware, then the others as they come in."""
    channels = dict.fromkeys(
        moment.system for moment in moments if moment.what == "shopper" and moment.system
    )
    channels |= dict.fromkeys(
        moment.system
        for moment in moments
        if moment.what == "effect" and moment.words.startswith("order_placed ")
    )
    others = dict.fromkeys(
        moment.system for moment in moments if moment.system not in channels and moment.system
    )
    shoppers = (SHOPPER,) if any(moment.what == "shopper" for moment in moments) else ()
    return (*shoppers, *channels, SUT, *(name for name in others if name not in ("*", SUT)))


def _step(
    moment: Moment,
    words: str,
    lanes: Sequence[str],
    mark: Mark,
    exchange: Exchange | None,
    more: tuple[str, ...] = (),
) -> Step:
    def center(lane: str) -> float:
        return (
            100 * (lanes.index(lane) + 0.5) / len(lanes)
            if lane in lanes
            else 100 * (lanes.index(SUT) + 0.5) / len(lanes)
        )

    own, middleware = center(moment.system), center(SUT)
    start = end = own
    if moment.what == "call":
        by_shopper = exchange is not None and any("shopper" in line for line in exchange.asked)
        start = center(SHOPPER) if by_shopper and SHOPPER in lanes else middleware
    elif moment.what == "delivery":
        end = middleware
    elif moment.what == "shopper":
        start = center(SHOPPER)
    tone: Literal["ok", "refused", "unknown"] = "ok"
    if moment.what == "call":
        said = moment.words.partition("→")[2]
        tone = "unknown" if " unknown" in said else "refused" if " refused" in said else "ok"
    elif moment.what == "delivery" and " acknowledged" not in moment.words:
        tone = "unknown"
    return Step(moment.at_s, moment.what, moment.system, words, start, end, tone, mark, exchange, more)


def _exchanges(history: History, ids: Sequence[str]) -> dict[str, Exchange]:
    """What the record has of each call and delivery."""
    rows = history.rows(
        """
        WITH wanted AS (SELECT unnest($1::VARCHAR[]) AS id)
        SELECT call_id AS id, 'call' AS what, method, path, client, idempotency_key, trace_id, status, retry_after_s, replayed,
               (replied_ns - at_ns) / 1e6 AS took_ms, outcome, request_body, response_body, NULL AS event_id, NULL AS error
        FROM   calls SEMI JOIN wanted ON id = call_id
        UNION ALL
        SELECT delivery_id, 'delivery', 'POST', topic, NULL, NULL, NULL, status, NULL, false, (replied_ns - at_ns) / 1e6,
               NULL, body, NULL, event_id, error
        FROM   deliveries SEMI JOIN wanted ON id = delivery_id
        """,
        [list(dict.fromkeys(ids))],
    )
    found = {row["id"]: row for row in rows}
    hashes = {row[side] for row in rows for side in ("request_body", "response_body") if row[side]}
    texts = _bodies(history, hashes)
    budget = BODIES_SHOWN
    exchanges: dict[str, Exchange] = {}
    for one in dict.fromkeys(ids):
        row = found.get(one)
        if row is None:
            continue
        bodies: list[str | None] = []
        for side in ("request_body", "response_body"):
            text = None if row[side] is None else texts.get(row[side], f"not in the record: body {row[side]}")
            if text is not None and budget < len(text):
                text = f"left out to keep this page small: body {row[side]} in the run's folder history/"
            budget -= len(text or "")
            bodies.append(text)
        exchanges[one] = Exchange(_asked(row), _answered(row), *bodies)
    return exchanges


def _bodies(history: History, hashes: set[str]) -> dict[str, str]:
    """Bodies by hash, masked and cut to what is shown; searches the files once."""
    rows = history.connection.execute(
        "SELECT hash, any_value(text) FROM bodies SEMI JOIN (SELECT unnest($1::VARCHAR[]) AS wanted) ON wanted = hash "
        "GROUP BY hash",
        [sorted(hashes)],
    ).fetchall()
    return {str(name): _shown(masked(text)) for name, text in rows if text is not None}


def _shown(text: str) -> str:
    lines = "\n".join(printable(line) for line in text.split("\n"))
    if len(lines) <= BODY_SHOWN:
        return lines
    return f"{lines[:BODY_SHOWN]}\n… {len(lines) - BODY_SHOWN:,} more characters"


def _asked(row: Mapping[str, Any]) -> tuple[str, ...]:
    lines = (
        [f"{row['method']} {row['path']}"]
        if row["what"] == "call"
        else [f"event {row['path']}", f"webhook-id: {row['event_id']}"]
    )
    if row["client"]:
        lines.append(f"Authorization: ••• (client {row['client']})")
    if row["idempotency_key"]:
        lines.append(f"Idempotency-Key: {row['idempotency_key']}")
    if row["trace_id"]:
        lines.append(f"traceparent: trace {row['trace_id']}")
    return tuple(printable(line) for line in lines)


def _answered(row: Mapping[str, Any]) -> tuple[str, ...]:
    status = (
        row["status"]
        if row["status"] is not None
        else f"no reply{': ' + row['error'] if row['error'] else ''}"
    )
    lines = [f"{status} after {row['took_ms']:.1f} ms"]
    if row["retry_after_s"] is not None:
        lines.append(f"Retry-After: {row['retry_after_s']:g}")
    if row["replayed"]:
        lines.append("the stored first answer to this key")
    return tuple(printable(line) for line in lines)
