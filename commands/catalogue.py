"""``peakproof list``: everything of one kind."""

import functools
from collections.abc import Callable
from typing import Annotated, Any

import typer

from ..scenarios.errors import UsageError, unknown
from .console import echo_document
from .options import JsonOption


def list_(
    kind: Annotated[
        str,
        typer.Argument(
            metavar="KIND",
            help="scenarios, suites, faults, throttles, plans, invariants, kpis, defects, flows, profiles or states.",
        ),
    ],
    as_json: JsonOption = False,
) -> None:
    """List everything of one kind, with a sentence each."""
    if kind not in CATALOGUES:
        raise UsageError(unknown("kind", kind, CATALOGUES))
    entries = CATALOGUES[kind]()
    if as_json:
        echo_document(entries)
        return
    width = max((len(entry["name"]) for entry in entries), default=0)
    for entry in entries:
        typer.echo(f"{entry['name']:<{width}}  {entry['summary']}")
        for setting in entry.get("settings", ()):
            given = "needed" if setting["required"] else f"default {setting['default']}"
            typer.echo(f"{'':<{width}}    {setting['name']}: {setting['expected']}, {given}")


def _scenarios() -> list[dict[str, Any]]:
    from ..scenarios.scenario import Scenario

    found = [Scenario.load(name) for name in Scenario.names()]
    return [{"name": one.name, "summary": " ".join(one.description.split())} for one in found]


def _chaos(which: str) -> list[dict[str, Any]]:
    from dataclasses import asdict

    from ..chaos.registry import FAULTS, THROTTLES

    entries = (FAULTS if which == "faults" else THROTTLES).entries()
    return [asdict(entry) for entry in entries]


def _plans() -> list[dict[str, Any]]:
    from ..chaos.plan import Plan

    return [Plan.load(name).described(name) for name in Plan.names()]


def _invariants() -> list[dict[str, Any]]:
    from ..verdict import wire
    from ..verdict.invariant import catalogue

    listed = [
        {
            "name": one.id,
            "summary": one.claim,
            "flows": list(one.flows),
            "class": one.class_,
            "severity": one.severity,
        }
        for one in catalogue()
    ]
    return [*listed, wire.described()]


def _kpis() -> list[dict[str, Any]]:
    from ..verdict.kpi import catalogue

    return [
        {"name": name, "summary": one.definition, "unit": one.unit}
        for one in catalogue()
        for name in one.names
    ]


def _defects() -> list[dict[str, Any]]:
    from ..scenarios.config import defects

    return [{"name": name, "summary": summary} for name, summary in defects().items()]


def _flows() -> list[dict[str, Any]]:
    from ..scenarios.flows import FLOWS

    return [{"name": name, "summary": summary} for name, summary in FLOWS.items()]


def _suites() -> list[dict[str, Any]]:
    from ..scenarios.suite import SUITES, scenarios_of

    return [
        {"name": name, "summary": summary, "scenarios": [one.name for one in scenarios_of(name)]}
        for name, summary in SUITES.items()
    ]


def _profiles() -> list[dict[str, Any]]:
    from ..loadtests.profile import Profile

    return [{"name": name, "summary": Profile.shipped(name).summary} for name in Profile.names()]


def _states() -> list[dict[str, Any]]:
    from ..contracts.state import catalogue

    return [one.document() for one in catalogue()]


CATALOGUES: dict[str, Callable[[], list[dict[str, Any]]]] = {
    "scenarios": _scenarios,
    "suites": _suites,
    "faults": functools.partial(_chaos, "faults"),
    "throttles": functools.partial(_chaos, "throttles"),
    "plans": _plans,
    "invariants": _invariants,
    "kpis": _kpis,
    "defects": _defects,
    "flows": _flows,
    "profiles": _profiles,
    "states": _states,
}
