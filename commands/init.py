"""``peakproof init``: the files that a repository needs."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from ..scenarios.errors import UsageError
from .console import say


def init(
    folder: Annotated[
        Path, typer.Argument(metavar="[FOLDER]", help="Your repository.", show_default=False)
    ] = Path(),
    command: Annotated[
        str | None,
        typer.Option("--command", help="How your middleware is started.", show_default=False),
    ] = None,
    url: Annotated[
        str | None, typer.Option("--url", help="Where it already runs.", show_default=False)
    ] = None,
    flows: Annotated[
        list[str] | None,
        typer.Option(
            "--flow", metavar="FLOW", help="A flow that it serves; repeatable.", show_default="order-to-erp"
        ),
    ] = None,
    ready: Annotated[str, typer.Option("--ready", help="Answers 2xx when it can work.")] = "/health",
    webhooks: Annotated[
        str, typer.Option("--webhooks", metavar="PATH|none", help="Where it takes webhooks.")
    ] = "/webhooks",
    exceptions_url: Annotated[
        str | None,
        typer.Option("--exceptions-url", help="Lists the orders that it gave up on.", show_default=False),
    ] = None,
    pending_url: Annotated[
        str | None,
        typer.Option("--pending-url", help="Says how much it still works on.", show_default=False),
    ] = None,
    ci: Annotated[
        str, typer.Option("--ci", metavar="github|gitlab|both|none", help="Which CI files to write.")
    ] = "both",
    package: Annotated[str, typer.Option("--package", help="What CI gives to pip install.")] = "peakproof",
    force: Annotated[bool, typer.Option("--force", help="Write over files that are there.")] = False,
) -> None:
    """Write a commented peakproof.toml, CI files for GitHub and GitLab, and the checklist of a webhook handler.

    On a terminal it asks; with --command or --url it does not.
    """
    from ..scenarios.starting import CI, GITLAB, Wishes, asked, ci_of, files_of, ports_of, written

    if command is not None and url is not None:
        raise UsageError(f"--command {command!r} and --url {url} exclude each other: choose one")
    if command is None and url is None:
        if not sys.stdin.isatty():
            raise UsageError("say how your middleware is started, --command, or where it already runs, --url")
        wishes = asked(
            lambda question, suggested: str(typer.prompt(question, default=suggested, err=True)), package
        )
    else:
        wishes = Wishes(
            command=command,
            url=url,
            flows=tuple(flows or ["order-to-erp"]),
            ready=ready,
            webhooks=None if webhooks == "none" else webhooks,
            exceptions_url=exceptions_url,
            pending_url=pending_url,
            ci=ci_of(ci),
            package=package,
        )
    paths = written(files_of(wishes), folder, force=force)
    for path in paths:
        typer.echo(path)
    if "gitlab" in wishes.ci and folder / GITLAB not in paths:
        say(f"{folder / GITLAB} is there already; add to it:  include: [{{local: {CI['gitlab']}}}]")
    say(f"next: {'' if folder == Path() else f'cd {folder} && '}peakproof try{ports_of(wishes)}")
