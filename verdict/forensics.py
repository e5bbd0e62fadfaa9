"""What the calls alone say of the middleware's manners: how it tries again, and what it does so that nothing is done twice.

Nothing here decides a verdict. Each statement comes with the number of observations that it rests on, and with a
confidence: ``high`` from thirty on, ``fair`` from ten, ``low`` below.
"""

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import pairwise
from statistics import geometric_mean
from typing import Any, Literal

from ..history.reader import History

Curve = Literal["at once", "fixed", "linear", "exponential", "irregular"]
Jitter = Literal["none", "some", "full"]
Confidence = Literal["low", "fair", "high"]

HIGH, FAIR = 30, 10
"""Observations from which a statement has this confidence."""
FEWEST_WAITS = 3
"""Waits after the k-th failure of which the median is taken."""
FURTHEST_WAIT = 9
"""Later waits are left out: hardly anybody tries so often."""
AT_ONCE_S = 0.05
KEYS_READ = 200
"""So many keys of each system are looked at."""

_UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}", re.IGNORECASE)
_DIGEST = re.compile(r"[0-9a-f]{32,128}", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """How one system is asked again after a failure that may pass."""

    system: str
    requests: int
    """Requests of which at least one attempt failed so."""
    most_attempts: int
    waits: int
    """Waits between attempts that the system had not asked for: what curve and jitter are judged by."""
    medians_s: tuple[float, ...]
    """The median wait before the second attempt, the third, and so on."""
    curve: Curve | None
    """Null where there are too few waits to say."""
    base_s: float | None
    factor: float | None
    """By how much each wait is longer than the one before, where the curve is exponential."""
    cap_s: float | None
    """Where the curve stops growing, if it was seen to."""
    jitter: Jitter | None
    told_to_wait: int
    """How often the system said how long to wait."""
    waited: int
    """And how often the same request did wait so long."""
    retried: Mapping[str, int]
    """Answers after which the same request came again, each with how often."""
    given_up: Mapping[str, int]
    """Answers after which it did not: what is treated as permanent."""
    confidence: Confidence

    @property
    def sentence(self) -> str:
        parts = [f"{self.requests} requests, at most {self.most_attempts} attempts"]
        if self.curve is not None:
            shape = f"{self.curve} waits from {_seconds(self.base_s)}"
            shape += f", {self.factor:.1f} times longer each time" if self.factor else ""
            shape += f", up to {_seconds(self.cap_s)}" if self.cap_s else ""
            parts.append(f"{shape}, {self.jitter} jitter" if self.jitter != "none" else f"{shape}, no jitter")
        if self.told_to_wait:
            parts.append(f"waited as told {self.waited} of {self.told_to_wait} times")
        if self.given_up:
            parts.append("not asked again after " + ", ".join(self.given_up))
        return f"{self.system}: {'; '.join(parts)} ({self.confidence} confidence)"


@dataclass(frozen=True, slots=True)
class IdempotencyPolicy:
    """How one system is kept from doing a thing twice."""

    system: str
    changes: int
    keyed: int
    """Changes that were asked for with an Idempotency-Key."""
    without_key: tuple[str, ...]
    """Operations that never had one."""
    made_of: tuple[str, ...]
    """What its keys hold: ``order reference``, ``UUID``, ``digest``, ``something else``; most frequent first."""
    repeats: int
    """Attempts after a failure that may pass, of requests that had a key."""
    same_key: int
    """And how many of them had the key of before."""
    longest_s: float | None
    """The longest time after which a key came again."""
    unclear: int
    """Attempts after an answer that left open whether it was done."""
    looked_up: int
    """And before how many of them the system was asked about the order."""
    confidence: Confidence

    @property
    def sentence(self) -> str:
        if not self.keyed:
            keys = "no keys"
        else:
            keys = f"keys with {self.keyed} of {self.changes} changes, made of {', '.join(self.made_of)}"
        parts = [keys]
        if self.keyed and self.without_key:
            parts.append(f"none with {', '.join(self.without_key)}")
        if self.repeats:
            parts.append(f"the same key over {self.same_key} of {self.repeats} retries")
        if self.longest_s:
            parts.append(f"kept for {_seconds(self.longest_s)} at least")
        if self.unclear:
            parts.append(
                f"looked up before {self.looked_up} of {self.unclear} repetitions of something unclear"
            )
        return f"{self.system}: {'; '.join(parts)} ({self.confidence} confidence)"


@dataclass(frozen=True, slots=True)
class Forensics:
    """Both policies, system by system."""

    retry: tuple[RetryPolicy, ...] = ()
    idempotency: tuple[IdempotencyPolicy, ...] = ()

    @property
    def sentences(self) -> list[str]:
        """What can be said with some confidence, a line each."""
        retries = [one.sentence for one in self.retry if one.confidence != "low"]
        return retries + [one.sentence for one in self.idempotency if one.confidence != "low"]

    def document(self) -> dict[str, Any]:
        return {
            "retry": [asdict(one) | {"sentence": one.sentence} for one in self.retry],
            "idempotency": [asdict(one) | {"sentence": one.sentence} for one in self.idempotency],
        }

    @classmethod
    def of_document(cls, document: Mapping[str, Any]) -> "Forensics":
        """The values that made a document."""
        return cls(
            tuple(RetryPolicy(**_values(one, ("medians_s",))) for one in document.get("retry", ())),
            tuple(
                IdempotencyPolicy(**_values(one, ("without_key", "made_of")))
                for one in document.get("idempotency", ())
            ),
        )


def examine(history: History) -> Forensics:
    """Name the policies of the system under test; systems of which nothing can be said are left out."""
    return Forensics(tuple(_retries(history)), tuple(_keys(history)))


def _retries(history: History) -> Iterable[RetryPolicy]:
    waits: defaultdict[str, dict[int, tuple[int, float, float]]] = defaultdict(dict)
    for row in history.rows(
        f"""
        WITH troubled_calls AS ({OF_ITS_OWN})
        SELECT system, turn, count(*) AS waits, median(wait_s) AS median_s,
               quantile_cont(wait_s, 0.9) - quantile_cont(wait_s, 0.1) AS spread_s
        FROM  (SELECT system, turn, (at_ns - replied_before_ns) / 1e9 AS wait_s
               FROM   troubled_calls WHERE passing_before AND asked_to_wait_s IS NULL AND turn <= $1)
        GROUP  BY system, turn ORDER BY system, turn
        """,
        [FURTHEST_WAIT],
    ):
        waits[row["system"]][row["turn"]] = (row["waits"], row["median_s"], row["spread_s"])
    answers: dict[str, tuple[dict[str, int], dict[str, int]]] = defaultdict(lambda: ({}, {}))
    for row in history.rows(
        """
        SELECT system, coalesce(status::VARCHAR, 'no reply') AS answer, count(*) FILTER (WHERE again) AS retried,
               count(*) FILTER (WHERE NOT again) AS given_up
        FROM  (SELECT system, status, outcome, committed, lead(call_id) OVER (PARTITION BY intent ORDER BY turn) IS NOT NULL AS again
               FROM   troubled_calls)
        WHERE  outcome <> 'ok' AND (again OR NOT committed) GROUP BY system, answer ORDER BY system, count(*) DESC, answer
        """
    ):
        retried, given_up = answers[row["system"]]
        if row["retried"]:
            retried[row["answer"]] = row["retried"]
        else:
            given_up[row["answer"]] = row["given_up"]
    for row in history.rows(
        """
        SELECT system, count(DISTINCT intent) FILTER (WHERE passing) AS requests, max(turn) AS most_attempts,
               count(*) FILTER (WHERE asked_to_wait_s IS NOT NULL) AS told_to_wait,
               count(*) FILTER (WHERE (at_ns - replied_before_ns) / 1e9 >= asked_to_wait_s - 0.05) AS waited
        FROM   troubled_calls GROUP BY system HAVING requests > 0 ORDER BY system
        """
    ):
        system = row["system"]
        known = {turn: wait for turn, wait in waits[system].items() if wait[0] >= FEWEST_WAITS}
        medians = _in_a_row(known)
        count = sum(wait[0] for wait in waits[system].values())
        curve, factor, cap_s = curve_of(medians)
        retried, given_up = answers[system]
        yield RetryPolicy(
            **row,
            waits=count,
            medians_s=tuple(round(one, 4) for one in medians),
            curve=curve,
            base_s=round(medians[0], 4) if medians else None,
            factor=factor,
            cap_s=cap_s,
            jitter=_jitter_of(known[2]) if medians else None,
            retried=retried,
            given_up=given_up,
            confidence=_confidence(count + row["told_to_wait"]),
        )


OF_ITS_OWN = """
    SELECT t.* FROM troubled_calls AS t
    ASOF   LEFT JOIN (SELECT order_ref, at_ns, replied_ns, attempt FROM deliveries WHERE order_ref IS NOT NULL) AS d
           ON d.order_ref = t.order_ref AND d.at_ns <= t.at_ns
    WHERE  NOT coalesce(d.attempt > 1 AND d.replied_ns >= t.at_ns, false)
"""
"""Attempts without those made while a redelivered webhook waits for its answer: their waits are the sender's ladder."""


def _in_a_row(known: Mapping[int, tuple[int, float, float]]) -> list[float]:
    """The medians from the second attempt on, to the first of which too little is known."""
    medians = []
    for turn in range(2, FURTHEST_WAIT + 1):
        if turn not in known:
            break
        medians.append(known[turn][1])
    return medians


def curve_of(medians_s: Sequence[float]) -> tuple[Curve | None, float | None, float | None]:
    """Curve, factor and cap of the median waits before the second attempt, the third, and so on.

    Two waits are needed to tell a curve. Where the last two are about the same and longer than the first, they are the cap.
    """
    if len(medians_s) < 2:
        return None, None, None
    if max(medians_s) < AT_ONCE_S:
        return "at once", None, None
    if max(medians_s) <= 1.3 * min(medians_s):
        return "fixed", None, None
    growing = list(medians_s)
    cap_s = None
    while len(growing) > 2 and abs(growing[-1] - growing[-2]) <= 0.15 * growing[-2]:
        cap_s = round(growing.pop(), 4)
    ratios = [after / max(before, 1e-6) for before, after in pairwise(growing)]
    if min(ratios) < 1.0:
        return "irregular", None, None
    steps = [after - before for before, after in pairwise(growing)]
    if len(steps) > 1 and max(steps) <= 1.25 * min(steps):
        return "linear", None, cap_s
    factor = geometric_mean(ratios)
    return ("exponential", round(factor, 2), cap_s) if factor >= 1.3 else ("irregular", None, None)


def _jitter_of(wait: tuple[int, float, float]) -> Jitter:
    """From the spread of the middle 80 % of the first waits, as a share of their median."""
    _, median_s, spread_s = wait
    share = spread_s / max(median_s, 1e-6)
    return "none" if share < 0.1 else "some" if share < 0.6 else "full"


def _keys(history: History) -> Iterable[IdempotencyPolicy]:
    repeats = {
        row["system"]: row
        for row in history.rows(
            """
            WITH attempts AS (
                SELECT *, lag(idempotency_key) OVER turns AS key_before, lag(status) OVER turns AS status_before,
                       lag(replayed) OVER turns AS replayed_before
                FROM   troubled_calls WINDOW turns AS (PARTITION BY intent ORDER BY turn)
            ), looks AS (
                SELECT system, order_ref, at_ns FROM sut_calls WHERE NOT changes AND order_ref IS NOT NULL
            ), unclear AS (
                SELECT system, order_ref, at_ns, replied_before_ns FROM attempts
                WHERE  passing_before AND order_ref IS NOT NULL AND coalesce(status_before >= 500, true)
            ), looked AS (
                SELECT u.system, count(*) AS unclear, count(*) FILTER (WHERE l.at_ns >= u.replied_before_ns) AS looked_up
                FROM   unclear AS u ASOF LEFT JOIN looks AS l
                       ON l.system = u.system AND l.order_ref = u.order_ref AND l.at_ns <= u.at_ns
                GROUP  BY u.system
            ), kept AS (
                SELECT system, count(*) FILTER (WHERE passing_before AND key_before IS NOT NULL) AS repeats,
                       count(*) FILTER (WHERE passing_before AND idempotency_key = key_before) AS same_key,
                       max(at_ns - replied_before_ns) FILTER (WHERE idempotency_key = key_before) / 1e9 AS longest_s
                FROM   attempts GROUP BY system
            )
            SELECT k.*, coalesce(l.unclear, 0) AS unclear, coalesce(l.looked_up, 0) AS looked_up
            FROM   kept AS k LEFT JOIN looked AS l USING (system)
            """
        )
    }
    none: Mapping[str, Any] = {"repeats": 0, "same_key": 0, "longest_s": None, "unclear": 0, "looked_up": 0}
    for row in history.rows(
        """
        SELECT system, sum(changes)::BIGINT AS changes, sum(keyed)::BIGINT AS keyed,
               list(operation ORDER BY operation) FILTER (WHERE keyed = 0) AS without_key
        FROM  (SELECT system, operation, count(*) AS changes, count(idempotency_key) AS keyed
               FROM sut_calls WHERE changes GROUP BY system, operation)
        GROUP  BY system ORDER BY system
        """
    ):
        seen = {name: value for name, value in repeats.get(row["system"], none).items() if name != "system"}
        yield IdempotencyPolicy(
            system=row["system"],
            changes=row["changes"],
            keyed=row["keyed"],
            without_key=tuple(row["without_key"] or ()),
            made_of=_made_of(history, row["system"]) if row["keyed"] else (),
            **seen,
            confidence=_confidence(seen["repeats"] + seen["unclear"]),
        )


def _made_of(history: History, system: str) -> tuple[str, ...]:
    counts: defaultdict[str, int] = defaultdict(int)
    for row in history.rows(
        "SELECT idempotency_key, order_ref FROM sut_calls WHERE system = $1 AND idempotency_key IS NOT NULL "
        "ORDER BY call_id LIMIT $2",
        [system, KEYS_READ],
    ):
        counts[material_of(row["idempotency_key"], row["order_ref"])] += 1
    return tuple(sorted(counts, key=lambda material: (-counts[material], material)))


def material_of(key: str, order_ref: str | None) -> str:
    """What one key is made of."""
    if order_ref is not None and key == order_ref:
        return "order reference alone"
    if order_ref is not None and order_ref in key:
        return "order reference and more"
    if _UUID.search(key):
        return "UUID"
    return "digest" if _DIGEST.search(key) else "something else"


def _confidence(observations: int) -> Confidence:
    return "high" if observations >= HIGH else "fair" if observations >= FAIR else "low"


def _seconds(value: float | None) -> str:
    return f"{value or 0:.2g} s" if (value or 0) < 10 else f"{value:.0f} s"


def _values(document: Mapping[str, Any], listed: Sequence[str]) -> dict[str, Any]:
    values = {name: value for name, value in document.items() if name != "sentence"}
    return values | {name: tuple(values[name]) for name in listed}
