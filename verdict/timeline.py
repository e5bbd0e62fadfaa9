"""The story of an order, or of any rows of the history: what was asked, what happened, what was told, in time order."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from ..history.reader import History

# One line a row of the history: the columns that say most, whatever its table. Rows are chosen before they are worded.
_LINES = """
    SELECT call_id AS id, at_ns, 'call' AS what, system, order_ref, sku, subject,
           concat_ws(' ', operation, CASE WHEN turn > 1 THEN format('(attempt {{}})', turn) END, '→',
                     coalesce(status::VARCHAR, 'no reply'), outcome, error,
                     CASE WHEN committed AND outcome <> 'ok' THEN 'but carried out' END,
                     CASE WHEN replayed THEN 'replayed' END,
                     CASE WHEN retry_after_s IS NOT NULL
                          THEN format('wait {{:.1f}} s{{}}', retry_after_s, CASE retry_after_form WHEN 'date' THEN ' (as a date)' ELSE '' END) END,
                     CASE WHEN if_match IS NOT NULL THEN format('if-match {{}}', if_match) END,
                     CASE WHEN idempotency_key IS NOT NULL THEN format('key {{}}', idempotency_key) END,
                     CASE WHEN len(faults) > 0 THEN format('fault {{}}', array_to_string(faults, ', ')) END) AS words
    FROM   calls LEFT JOIN (SELECT call_id, turn FROM repeated_calls) USING (call_id) WHERE {calls}
    UNION  ALL
    SELECT effect_id, at_ns, 'effect', system, order_ref, sku, order_ref,
           concat_ws(' ', kind, document_id, ref, sku, location,
                     CASE WHEN quantity IS NOT NULL THEN format('{{}} units', quantity) END,
                     CASE WHEN on_hand IS NOT NULL THEN format('now {{}}', on_hand) END,
                     CASE WHEN version IS NOT NULL THEN format('version {{}}', version) END,
                     amount_text, currency, CASE WHEN status IS NOT NULL THEN format('[{{}}]', status) END,
                     CASE WHEN cause IS NOT NULL THEN format('because {{}}', cause) END,
                     CASE WHEN actor IS NOT NULL THEN format('by {{}}', actor) END)
    FROM   effects WHERE {effects}
    UNION  ALL
    SELECT delivery_id, at_ns, 'delivery', system, order_ref, sku, subject,
           concat_ws(' ', topic, event_id, CASE WHEN attempt > 1 THEN format('(attempt {{}})', attempt) END, '→',
                     coalesce(status::VARCHAR, error, 'no reply'),
                     CASE WHEN acknowledged THEN 'acknowledged' END,
                     CASE WHEN forgery IS NOT NULL THEN format('({{}} signature)', forgery) END,
                     CASE WHEN len(faults) > 0 THEN format('fault {{}}', array_to_string(faults, ', ')) END)
    FROM   deliveries WHERE {deliveries}
"""


@dataclass(frozen=True, slots=True)
class Moment:
    """One row of the history in words."""

    id: str
    at_s: float
    """Seconds since the run's first record."""
    what: str
    """``call``, ``effect``, ``delivery``, ``fault`` or ``shopper``."""
    system: str
    words: str

    def __str__(self) -> str:
        return self.line(8)

    def line(self, width: int) -> str:
        """The moment in a line, with so much room for the name of its system."""
        return f"{self.at_s:9.3f} s  {self.what:<8}  {self.system:<{width}}  {self.words}"


def order_timeline(history: History, order_ref: str) -> list[Moment]:
    """Everything that concerns an order: its calls, effects and deliveries, the faults they felt, and the shopper."""
    lines = _LINES.format(
        calls="order_ref = $1 OR subject = $1 OR list_contains(subjects, $1)",
        effects="order_ref = $1",
        deliveries="order_ref = $1 OR subject = $1",
    )
    rows = history.rows(
        f"""
        WITH own AS ({lines})
        SELECT id, at_ns, what, system, words FROM own
        UNION ALL
        SELECT f.injection, f.at_ns, 'fault', f.system, concat_ws(' ', f.fault, f.mark, f.operation, f.call_id, f.detail)
        FROM   faults AS f SEMI JOIN own ON own.id = f.call_id
        UNION ALL
        SELECT 'workload', at_ns, 'shopper', coalesce(channel, ''), concat_ws(' ', kind, status, detail)
        FROM   workload WHERE order_ref = $1
        ORDER  BY at_ns, id
        """,
        [order_ref],
    )
    return _moments(history, rows)


def describe(history: History, ids: Sequence[str]) -> dict[str, str]:
    """A line for each of these calls, effects and deliveries; ids of nothing that is known are left out."""
    return {moment.id: str(moment) for moment in moments_of(history, ids)}


def moments_of(history: History, ids: Sequence[str]) -> list[Moment]:
    """These calls, effects and deliveries in time order; ids of nothing that is known are left out."""
    if not ids:
        return []
    wanted = "{} IN (SELECT unnest($1::VARCHAR[]))"
    lines = _LINES.format(
        calls=wanted.format("call_id"),
        effects=wanted.format("effect_id"),
        deliveries=wanted.format("delivery_id"),
    )
    rows = history.rows(lines, [list(ids)])
    return sorted(_moments(history, rows), key=lambda m: m.at_s)


def start_of(history: History) -> int | None:
    """When the run's first record was made, in nanoseconds; null where there is none."""
    first: int | None = history.one(
        "SELECT min(at_ns) FROM (SELECT min(at_ns) AS at_ns FROM effects WHERE actor IS DISTINCT FROM 'before-run' "
        "UNION ALL SELECT min(at_ns) FROM calls UNION ALL SELECT min(at_ns) FROM workload)"
    )
    return first


def _moments(history: History, rows: Sequence[dict[str, Any]]) -> list[Moment]:
    start_ns = start_of(history) or 0
    return [
        Moment(str(r["id"]), (r["at_ns"] - start_ns) / 1e9, r["what"], r["system"], r["words"]) for r in rows
    ]
