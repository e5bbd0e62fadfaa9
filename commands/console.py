"""What the user sees: progress on stderr, results on stdout."""

import json
import os
import sys
from pathlib import Path
from typing import Any

import typer
from rich.console import Console

from ..history.printable import printable, printable_json, printable_lines
from ..verdict.render.console import CleanConsole


class ProgressConsole(CleanConsole):
    """What is said meanwhile. When nobody reads it any more it falls silent, and the work goes on."""

    def on_broken_pipe(self) -> None:
        self.quiet = True
        os.dup2(os.open(os.devnull, os.O_WRONLY), self.file.fileno())


class ResultConsole(CleanConsole):
    """What a command is asked for: without a reader there is no point in going on."""

    def on_broken_pipe(self) -> None:
        raise BrokenPipeError


err = ProgressConsole(stderr=True, highlight=False)


def say(text: str) -> None:
    """One line: what a stranger put into it cannot begin another."""
    err.print(printable(text), markup=False, soft_wrap=True, style="dim")


def say_live(url: str | None) -> None:
    say(f"live view: {url}" if url else "there is no live view: its process could not serve it")


def stdout() -> Console:
    """On a terminal as wide as it is; in a file wide enough that no line is cut."""
    return ResultConsole(highlight=False, width=None if sys.stdout.isatty() else 140)


def echo_document(document: Any) -> None:
    """The one JSON document of a command that was asked for one."""
    typer.echo(printable_json(json.dumps(document, indent=1, ensure_ascii=False)))


def tell(text: str) -> None:
    """Plain lines of a result."""
    typer.echo(printable_lines(text))


def to_pull_request(folder: Path) -> None:
    """Where GitHub shows a summary of each step, it shows ours."""
    target = os.environ.get("GITHUB_STEP_SUMMARY")
    if not target:
        return
    try:
        text = (folder / "summary.md").read_text("utf-8")
        with Path(target).open("a", encoding="utf-8") as summary:
            summary.write(f"{text}\n")
    except OSError as error:
        say(f"GITHUB_STEP_SUMMARY: {target} cannot be written: {error.strerror}")
