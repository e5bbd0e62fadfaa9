"""What is derived from a finished run: its verdict and the files that show it, and what one order felt of its faults."""

from collections.abc import Iterable
from pathlib import Path

from ..chaos.registry import FAULTS
from ..history.reader import History
from ..verdict.judge import judge_history, write_verdict
from ..verdict.report import write_reports
from ..verdict.result import Verdict


def judge_run(folder: Path, *, invariants: Iterable[str] = (), objectives: Iterable[str] = ()) -> Verdict:
    """Judge a run; writes ``verdict.json``, ``junit.xml`` and ``report.html`` into its folder."""
    with History.of_run(folder) as history:
        verdict = judge_history(history, extra=invariants, objectives=objectives)
        write_verdict(verdict, folder)
        write_reports(verdict, folder, history)
    return verdict


def orders_of(folder: Path) -> list[str]:
    """Every order that a stored run knows, sorted."""
    with History.of_run(folder) as history:
        rows = history.rows(
            "SELECT DISTINCT order_ref FROM effects WHERE order_ref IS NOT NULL ORDER BY order_ref"
        )
    return [str(row["order_ref"]) for row in rows]


def injections_felt_by(order_ref: str, folder: Path) -> set[str]:
    """The injections that acted on calls, deliveries or decisions about one order of a stored run, and those that
    struck a whole process, which every order feels."""
    everybody = [entry.name for entry in FAULTS.entries() if entry.seam == "process"]
    with History.of_run(folder) as history:
        rows = history.rows(
            """
            SELECT unnest(faults) AS injection FROM calls WHERE order_ref = $order OR list_contains(subjects, $order)
            UNION
            SELECT unnest(faults) FROM deliveries WHERE order_ref = $order
            UNION
            SELECT injection FROM faults
            WHERE mark = 'fired' AND (call_id IS NULL AND detail = $order OR list_contains($everybody, fault))
            """,
            {"order": order_ref, "everybody": everybody},
        )
    return {row["injection"] for row in rows}


def bought_in(order_ref: str, folder: Path) -> set[str]:
    """The SKUs of one order of a stored run, as its channel accepted it."""
    with History.of_run(folder) as history:
        rows = history.rows("SELECT DISTINCT sku FROM order_lines WHERE order_ref = $1", [order_ref])
    return {row["sku"] for row in rows}
