"""How the middleware retried, and what it did with idempotency keys: one line an operation that was repeated."""

from dataclasses import dataclass

from ...history.reader import History

MOST = 40


@dataclass(frozen=True, slots=True)
class Manners:
    """What was seen of one operation's calls that change something."""

    operation: str
    intents: int
    calls: int
    repeated: int
    """Intents that were asked for more than once."""
    most: int
    """The most calls for one intent."""
    first_wait_s: float | None
    """The median wait before the first repetition."""
    longest_wait_s: float | None
    keyed: int
    """Calls with an idempotency key."""
    key_changed: int
    """Repetitions under another key than the call before, of which nobody could know whether it was done."""
    after_success: int
    """Repetitions of what had already been answered with success."""
    after_refusal: int
    """Repetitions of what had been refused for good."""
    unanswered: int
    """Calls that got no reply, or an answer from which nobody can know."""


def manners_of(history: History) -> list[Manners]:
    """The operations with the most repetitions first; those never repeated are left out."""
    rows = history.rows(
        """
        WITH asked AS (
            SELECT system, operation, count(*) AS calls, count(idempotency_key) AS keyed,
                   count(*) FILTER (WHERE outcome = 'unknown')                  AS unanswered
            FROM   sut_calls WHERE changes
            GROUP  BY system, operation
        ), again AS (
            SELECT *,
                   lag(at_ns) OVER turns                                        AS before_ns,
                   lag(idempotency_key) OVER turns                              AS key_before,
                   lag(outcome) OVER turns                                      AS outcome_before,
                   lag((outcome = 'unknown' OR coalesce(status >= 500, false))
                       AND NOT coalesce(replayed AND status >= 500, false)) OVER turns AS open_before,
                   lag(permanent) OVER turns                                    AS refused_before
            FROM   repeated_calls
            WINDOW turns AS (PARTITION BY intent ORDER BY turn)
        ), repeated AS (
            SELECT system, operation,
                   count(*) FILTER (WHERE turn > 1)                             AS repetitions,
                   count(*) FILTER (WHERE turn = 2)                             AS intents,
                   max(turn)                                                    AS most,
                   median((at_ns - before_ns) / 1e9) FILTER (WHERE turn = 2)    AS first_wait_s,
                   max((at_ns - before_ns) / 1e9)                               AS longest_wait_s,
                   count(*) FILTER (WHERE open_before AND key_before IS NOT NULL
                                          AND idempotency_key IS DISTINCT FROM key_before) AS key_changed,
                   count(*) FILTER (WHERE outcome_before = 'ok')                AS after_success,
                   count(*) FILTER (WHERE refused_before)                       AS after_refusal
            FROM   again
            GROUP  BY system, operation
        )
        SELECT concat_ws(' ', system, operation) AS operation, a.calls - r.repetitions AS intents, a.calls, r.intents AS repeated,
               r.most, r.first_wait_s, r.longest_wait_s, a.keyed, r.key_changed, r.after_success, r.after_refusal, a.unanswered
        FROM   asked AS a JOIN repeated AS r USING (system, operation)
        ORDER  BY r.repetitions DESC, 1
        LIMIT  $1
        """,
        [MOST],
    )
    return [Manners(**row) for row in rows]
