"""Two runs side by side: worse is only what noise does not explain."""

from dataclasses import replace

import pytest

from peakproof.verdict.comparison import Change, Comparison
from peakproof.verdict.errors import VerdictError
from peakproof.verdict.result import KpiValue, Outcome, RunFacts, Validity, Verdict


def run(name: str, value: float | None, *, seed: int = 1, verdict: Outcome = "pass") -> Verdict:
    kpi = KpiValue("order_sync_latency_p95", value, "s", 50, "lower", "definition", "source")
    facts = RunFacts(name, "load-soak", seed, "mine", None, None)
    return Verdict(facts, verdict, (), Validity(()), (), (kpi,), (), (), {})


@pytest.mark.parametrize(
    ("better", "before", "after", "tendency"),
    [
        pytest.param(
            "lower", (1.0, 1.2), 1.3, "within noise", id="beyond both, but not by as much as they differ"
        ),
        pytest.param("lower", (1.0, 1.2), 1.5, "worse", id="beyond both by more than they differ"),
        pytest.param("lower", (1.0, 1.2), 0.7, "better", id="below both by more than they differ"),
        pytest.param("higher", (1.0, 1.2), 0.7, "worse", id="of some figures more is better"),
        pytest.param("lower", (0.0, 0.0), 1.0, "worse", id="without noise every change counts"),
        pytest.param("lower", (1.0,), 9.0, "not told", id="one run says nothing of its noise"),
        pytest.param("lower", (1.0, None), 9.0, "not told", id="nor do two of which one had too few samples"),
        pytest.param("lower", (1.0, 1.2), None, "not told", id="too few samples afterwards"),
    ],
)
def test_a_figure_is_worse_only_beyond_its_noise(
    better: str, before: tuple[float | None, ...], after: float | None, tendency: str
) -> None:
    assert Change("some_latency_p95", "s", better, before, after).tendency == tendency


def test_a_figure_that_got_worse_fails_the_comparison() -> None:
    found = Comparison.of(run("A", 1.0), run("B", 2.0), [run("A2", 1.1)])
    assert (found.verdict, found.reasons) == ("fail", ("order_sync_latency_p95 got worse",))
    assert found.document()["kpis"]["order_sync_latency_p95"] == {
        "unit": "s",
        "better": "lower",
        "before": 1.0,
        "after": 2.0,
        "noise": pytest.approx(0.1),
        "tendency": "worse",
    }


def test_without_a_repetition_or_with_a_run_that_proved_nothing_it_is_inconclusive() -> None:
    alone = Comparison.of(run("A", 1.0), run("B", 2.0), [])
    assert alone.verdict == "inconclusive"
    assert alone.reasons == ("nothing says how much noise there is: repeat A and give it with --again",)
    doubtful = Comparison.of(run("A", 1.0), run("B", 1.0, verdict="inconclusive"), [run("A2", 1.0)])
    assert (doubtful.verdict, doubtful.reasons) == ("inconclusive", ("run B is inconclusive",))


def test_equal_runs_pass() -> None:
    assert Comparison.of(run("A", 1.0), run("B", 1.0), [run("A2", 1.0)]).verdict == "pass"


def test_runs_of_different_seeds_are_no_pair() -> None:
    with pytest.raises(
        VerdictError, match=r"^runs A and B are no pair: their seed is 1 and 2; compare runs of"
    ):
        Comparison.of(run("A", 1.0), run("B", 1.0, seed=2), [])


def test_a_part_of_a_figure_is_told_and_decides_nothing() -> None:
    def counted(name: str, timeouts: float) -> Verdict:
        split = {"reason": {"timeout": (timeouts, 1)}}
        kpi = KpiValue("exception_volume", 9.0, "exceptions", 9, "lower", "", "", parts=split)
        return replace(run(name, 1.0), kpis=(kpi,))

    found = Comparison.of(counted("A", 1.0), counted("B", 7.0), [counted("A2", 2.0)])
    assert (found.verdict, found.reasons) == ("pass", ())
    assert found.document()["kpis"]["exception_volume[timeout]"]["tendency"] == "worse"
