"""``peakproof selfcheck``: the proof of the oracle."""

from pathlib import Path
from typing import Annotated

import typer

from .console import echo_document, say
from .given import check_out
from .options import JsonOption, OutOption


def selfcheck(
    defects: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[DEFECT]...", help="Only these, or 'reference'; otherwise all.", show_default=False
        ),
    ] = None,
    at_once: Annotated[int, typer.Option("--at-once", min=1, help="Runs at a time.")] = 2,
    out: OutOption = Path("runs"),
    as_json: JsonOption = False,
) -> None:
    """Prove the oracle: every planted defect is caught by the invariants that should, the reference by none."""
    from ..scenarios.selfcheck import Selfcheck, attempts, trials

    check_out(out)
    wanted = trials(defects or [])
    say(f"{len(wanted)} short runs, {at_once} at a time")
    outcomes = []
    for outcome in attempts(wanted, out / "selfcheck", at_once=at_once):
        outcomes.append(outcome)
        trial, mark = outcome.trial, "✓" if outcome.good else "✗"
        complaint = f": {outcome.complaint}" if outcome.complaint else ""
        say(f"{mark} {trial.middleware} in {trial.scenario}: {outcome.verdict}{complaint}")
    checked = Selfcheck(tuple(sorted(outcomes, key=lambda one: wanted.index(one.trial))))
    if as_json:
        echo_document(checked.document())
    else:
        width = max((len(name) for name in checked.scores), default=0)
        for name, (caught, planted) in checked.scores.items():
            typer.echo(f"{'✓' if caught == planted else '✗'} {name:<{width}}  {caught} of {planted} caught")
        good = sum(outcome.good for outcome in checked.outcomes)
        typer.echo(
            f"{good} of {len(checked.outcomes)} runs as they should be; mutation score {checked.score:.0%}"
        )
    raise SystemExit(0 if checked.passed else 1)
