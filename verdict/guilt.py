"""Which step broke an invariant: told from a finding's evidence, so that every rendering can point at it."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace

from ..history.reader import History
from .result import Finding, InvariantResult

BEGINNINGS = {
    "order_placed",
    "cancellation_requested",
    "return_requested",
    "stock_moved",
    "price_set",
    "shipment_confirmed",
}
"""Effects after which the middleware had something to do: alone they are no mistake, what is missing after them is."""
OMISSION = re.compile(r"\b(not|never|no|without|lost)\b")

Identity = tuple[str, ...]
"""What a row is: equal for the same thing done twice."""


def with_guilty(history: History, results: Sequence[InvariantResult], most: int) -> list[InvariantResult]:
    """The same results; the first ``most`` findings of each name the step that broke them, where it is one."""
    wanted = [one for result in results for finding in result.findings[:most] for one in finding.evidence]
    identities = _identities(history, wanted)
    return [
        replace(
            result,
            findings=tuple(
                replace(finding, guilty=_guilty(result, finding, identities)) if place < most else finding
                for place, finding in enumerate(result.findings)
            ),
        )
        for result in results
    ]


def guilty_step(class_: str, finding: str, steps: Sequence[tuple[str, Identity]]) -> str | None:
    """The id of the step that broke the invariant; null where something was left undone, which is nobody's step.

    ``steps`` are the rows of evidence in time order: the id, and what it is. The first effect that comes a second time is
    the guilty one; where the finding tells of something left undone none is; else the last is.
    """
    seen: set[Identity] = set()
    for name, identity in steps:
        if identity in seen and identity[0] == "effect":
            return name
        seen.add(identity)
    left_undone = "0 times" in finding or (
        class_ not in ("idempotency", "retry") and OMISSION.search(finding) is not None
    )
    alone = len(steps) == 1 and (steps[0][1][0] == "delivery" or steps[0][1][2] in BEGINNINGS)
    return None if not steps or left_undone or alone else steps[-1][0]


def _guilty(
    result: InvariantResult, finding: Finding, identities: Mapping[str, tuple[int, Identity]]
) -> str | None:
    known = sorted((identities[one][0], one) for one in set(finding.evidence) if one in identities)
    return guilty_step(result.class_, finding.finding, [(one, identities[one][1]) for _, one in known])


def _identities(history: History, ids: Sequence[str]) -> dict[str, tuple[int, Identity]]:
    """When each row happened, and what it is."""
    if not ids:
        return {}
    rows = history.rows(
        """
        WITH wanted AS (SELECT DISTINCT unnest($1::VARCHAR[]) AS id)
        SELECT effect_id AS id, at_ns, ['effect', system, kind, coalesce(order_ref, ''), coalesce(ref, ''), coalesce(sku, ''),
                                        coalesce(location, ''), coalesce(status, '')] AS identity
        FROM   effects SEMI JOIN wanted ON id = effect_id
        UNION ALL
        SELECT call_id, at_ns, ['call', system, operation, subject] FROM calls SEMI JOIN wanted ON id = call_id
        UNION ALL
        SELECT delivery_id, at_ns, ['delivery', system, topic, subject] FROM deliveries SEMI JOIN wanted ON id = delivery_id
        """,
        [list(ids)],
    )
    return {row["id"]: (row["at_ns"], tuple(row["identity"])) for row in rows}
