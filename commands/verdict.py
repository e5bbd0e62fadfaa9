"""A run and its verdict: run, judge, show, exit."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn, Protocol, TypeVar

import typer
from rich.console import Console

from ..scenarios.errors import RunError
from .console import echo_document, say, stdout, to_pull_request
from .guard import Desk, show_last_words
from .progress import Shown

if TYPE_CHECKING:
    from ..scenarios.runner import Runner
    from ..scenarios.wishes import Wishes
    from ..verdict.result import Verdict


def run_and_judge(make: "Callable[..., Runner]", out: Path, judged: "Wishes", as_json: bool) -> NoReturn:
    """Run, judge, show, and exit; ``make`` makes the runner of what is to see its progress."""
    with Shown() as shown:
        runner = make(on_progress=shown)
        try:
            with Desk.of(runner, out):
                folder = runner.run()
        except RunError as error:
            if as_json and error.folder is not None:
                _echo_why_not(error.folder)
            raise
    from ..scenarios.reports import judge_run  # the database that judges is not loaded while the estate works

    if runner.death is not None:
        say(f"{runner.death.message}, so the run ends here")
    say("judging")
    verdict = judge_run(folder, invariants=judged.invariants, objectives=judged.objectives)
    show_verdict(verdict, folder, as_json)
    to_pull_request(folder)
    for complaint in runner.complaints:
        say(f"your middleware's own word could not be read: {complaint}")
    if runner.death is not None:
        say(f"{runner.death.message}; its last lines:" if runner.death.log else runner.death.message)
        show_last_words(runner.death)
    raise SystemExit(verdict.exit_code)


def _echo_why_not(folder: Path) -> None:
    """A run that could not be made is a document too: inconclusive, with the reason."""
    from ..scenarios.reports import judge_run
    from ..verdict.render import json as as_document

    typer.echo(as_document.render(judge_run(folder)))


def show_verdict(verdict: "Verdict", folder: Path, as_json: bool) -> None:
    from ..verdict.render import json as as_document
    from ..verdict.render import terminal

    if as_json:
        typer.echo(as_document.render(verdict))
    else:
        terminal.render(verdict, stdout(), folder)
        for sentence in verdict.forensics.sentences:
            stdout().print(sentence, style="dim", markup=False, soft_wrap=True)
    say(f"recorded in {folder}; read {folder / 'report.html'}")


class OfSeveralRuns(Protocol):
    """What a suite or a search comes to."""

    @property
    def exit_code(self) -> int: ...

    def document(self) -> dict[str, Any]: ...


Found = TypeVar("Found", bound=OfSeveralRuns)


def end_with(found: Found, render: Callable[[Found, Console], None], folder: Path, as_json: bool) -> NoReturn:
    """Show what several runs come to, and exit."""
    if as_json:
        echo_document(found.document())
    else:
        render(found, stdout())
    say(f"recorded in {folder}; read {folder / 'report.html'}")
    to_pull_request(folder)
    raise SystemExit(found.exit_code)
