"""A steady run with the lean client, by the command: nothing of order-to-ship breaks, whatever the machine has time for."""

from collections import Counter
from pathlib import Path

import psutil

from peakproof.history.reader import History
from peakproof.loadtests.bench.soak import ESTATE, GENERATOR, MIDDLEWARE, Look, look_at
from peakproof.loadtests.bench.steady import run_steadily

SHIPPED = """\
SELECT o.order_ref, count(e.effect_id) FILTER (WHERE e.kind = 'shipment_recorded' AND e.status = 'shipped') AS shipped
FROM   accepted_orders AS o LEFT JOIN effects AS e USING (order_ref)
WHERE  NOT o.before_run
GROUP  BY o.order_ref
"""


def test_every_order_goes_the_whole_way_and_each_process_is_known_for_what_it_is(tmp_path: Path) -> None:
    seen: list[Look] = []

    def look(pid: int) -> None:
        """Until all three are there."""
        estate = psutil.Process(pid)
        while not (seen and len(seen[-1].held) == 3):
            seen.append(look_at(estate))

    run = run_steadily(tmp_path, 5.0, 4.0, "lean", on_start=look)
    assert set(seen[-1].held) == {ESTATE, GENERATOR, MIDDLEWARE}
    assert [one["id"] for one in run.document["invariants"] if one["status"] == "violated"] == []
    assert run.document["verdict"] in ("pass", "inconclusive"), (
        "a slow machine proves nothing and breaks nothing"
    )
    with History.of_run(run.folder) as history:
        shipped = Counter(row["shipped"] for row in history.rows(SHIPPED))
    assert shipped.keys() == {1}
