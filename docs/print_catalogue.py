"""Prints the pages that the registries fill: ``python docs/print_catalogue.py`` writes them all into docs/."""

from collections.abc import Iterable, Iterator
from pathlib import Path

from peakproof.scenarios.flows import FLOWS
from peakproof.scenarios.scenario import Scenario
from peakproof.scenarios.suite import SUITES, scenarios_of
from peakproof.verdict.kpi import catalogue as kpis

PRINTED = "*Printed from the registry; do not edit.*"
HERE = Path(__file__).parent


def kpis_page() -> Iterator[str]:
    yield from (
        "# Key figures",
        "",
        "What a run measures, over all, by channel, and by what the last column of the table says. A figure with too few samples is null, never a guess.",
        "",
        "Thresholds of your own are objectives: `--objective 'order_sync_latency_p95 < 30s'` for `run`, `load` and `judge`, `objectives` below",
        "`[judge]` in peakproof.toml, or `objectives` in a scenario. Time is given in ms, s, min or h, shares in % or as a ratio, everything else in its own",
        "unit, which need not be said. Of one channel, reason or injection: `order_sync_latency_p95[web] < 30s`, `parked_exceptions[unknown_item] <= 3`.",
        "An objective whose figure cannot be said counts as missed.",
        "",
        PRINTED,
        "",
        "| figure | unit | better | what it is | from | by |",
        "| --- | --- | --- | --- | --- | --- |",
    )
    for one in kpis():
        names = "<br>".join(f"`{name}`" for name in one.names)
        yield f"| {names} | {one.unit} | {one.better} | {one.definition} | {one.source} | {', '.join(one.by)} |"


def scenarios_page() -> Iterator[str]:
    yield from (
        "# Scenarios, suites and flows",
        "",
        "A scenario is a day that a middleware must get through: shoppers, faults by a schedule, and what is judged.",
        "`peakproof run NAME`, or `peakproof run --suite NAME` for several. How to write your own: [Extend it](extend.md).",
        "",
        PRINTED,
        "",
        "## Suites",
        "",
    )
    for name, summary in SUITES.items():
        within = ", ".join(f"[{one.name}](#{one.name})" for one in scenarios_of(name))
        yield from (f"- **{name}**: {summary}: {within}",)
    yield from ("", "## The scenarios", "")
    for name in Scenario.names():
        one = Scenario.load(name)
        yield from (f"### {name}", "", " ".join(one.description.split()), "")
        yield f"- {one.duration_s:g} s of workload, profile [{one.workload.profile}](profiles.md#{one.workload.profile}); flows: {_names(one.flows)}"
        injected = [
            f"`{entry.fault}` on {entry.on} (`{entry.id}`{', optional' if entry.optional else ''})"
            for entry in one.schedule
        ]
        yield f"- Faults: {', '.join(injected) or 'none'}"
        yield ""
    yield from ("## Flows", "", "What a middleware can claim to serve; [who does what](flows.md).", "")
    yield from (f"- **{name}**: {summary}" for name, summary in FLOWS.items())


def _names(names: Iterable[str]) -> str:
    return ", ".join(f"`{name}`" for name in names)


PAGES = {
    "kpis.md": kpis_page,
    "scenarios.md": scenarios_page,
}


def document(name: str) -> str:
    """The whole page."""
    return "\n".join(PAGES[name]()).rstrip() + "\n"


if __name__ == "__main__":
    for page in PAGES:
        (HERE / page).write_text(document(page), "utf-8")
