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
            metavar="[DEFECT]...",
            help="Only these defects or oddities, or 'reference' (default: all).",
            show_default=False,
        ),
    ] = None,
    at_once: Annotated[int, typer.Option("--at-once", min=1, help="Runs at a time.")] = 2,
    full: Annotated[
        bool, typer.Option("--full", help="Every oddity in every scenario of the library; takes hours.")
    ] = False,
    resume: Annotated[
        bool,
        typer.Option("--resume", help="Keep what an earlier selfcheck in --out has tried; go on from there."),
    ] = False,
    out: OutOption = Path("runs"),
    as_json: JsonOption = False,
) -> None:
    """Prove the oracle: every planted defect is found with its cause first, and no correct oddity is blamed."""
    from ..scenarios.selfcheck import Results, Selfcheck, attempts, trials

    check_out(out)
    wanted = trials(defects or [], full=full)
    folder = out / ("selfcheck-full" if full else "selfcheck")
    results = Results(folder)
    outcomes = results.of(wanted) if resume else []
    if not resume:
        results.begin_anew()
    tried = {outcome.trial for outcome in outcomes}
    say(
        f"{len(wanted) - len(tried)} short runs, {at_once} at a time"
        + (f"; {len(tried)} are done" if tried else "")
    )
    for outcome in attempts([trial for trial in wanted if trial not in tried], folder, at_once=at_once):
        results.add(outcome)
        outcomes.append(outcome)
        trial, mark = outcome.trial, "✓" if outcome.good else "✗"
        complaint = f": {outcome.complaint}" if outcome.complaint else ""
        say(f"{mark} {trial.middleware} in {trial.scenario}: {outcome.verdict}{complaint}")
    checked = Selfcheck(tuple(sorted(outcomes, key=lambda one: wanted.index(one.trial))))
    if as_json:
        echo_document(checked.document())
    else:
        width = max((len(name) for name in checked.scores), default=0)
        for name, (caught, of) in checked.scores.items():
            typer.echo(f"{'✓' if caught == of else '✗'} {name:<{width}}  {caught} of {of} caught")
        good = sum(outcome.good for outcome in checked.outcomes)
        planted = [outcome for outcome in checked.outcomes if outcome.trial.found_by]
        said = [f"{good} of {len(checked.outcomes)} runs as they should be"]
        if planted:
            said.append(f"mutation score {checked.score:.0%} (found, with the cause first)")
        said.append(f"{checked.false_alarms} false alarms")
        typer.echo("; ".join(said))
    raise SystemExit(0 if checked.passed else 1)
