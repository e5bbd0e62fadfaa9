"""``peakproof chaos``: faults by hand, from a second terminal."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ..scenarios.errors import UsageError
from .console import echo_document, say, stdout
from .given import overrides_of
from .options import JsonOption

if TYPE_CHECKING:
    from ..scenarios.control.client import Remote

chaos = typer.Typer(
    help="Break a running estate or run from a second terminal.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)


def _out_of(context: typer.Context) -> Path:
    return Path(context.params.get("out") or "runs")


def _named_before(context: typer.Context) -> tuple[str | None, str | None]:
    """System and fault; behind an option that still lacks its value, the parser has left them where they were."""
    system, fault = context.params.get("system"), context.params.get("fault")
    if system is None:
        system, fault, *_ = [*context.args, None, None]
    return system, fault


def _offer_systems(ctx: typer.Context, incomplete: str) -> list[str]:
    from ..scenarios.control import completion

    return [name for name in completion.systems(_out_of(ctx)) if name.startswith(incomplete)]


def _offer_faults(ctx: typer.Context, incomplete: str) -> list[tuple[str, str]]:
    from ..scenarios.control import completion

    system, _ = _named_before(ctx)
    return [entry for entry in completion.faults(system) if entry[0].startswith(incomplete)]


def _offer_operations(ctx: typer.Context, incomplete: str) -> list[str]:
    from ..scenarios.control import completion

    names = completion.operations(_out_of(ctx), *_named_before(ctx))
    return [name for name in names if name.startswith(incomplete)]


def _offer_settings(ctx: typer.Context, incomplete: str) -> list[tuple[str, str]]:
    from ..scenarios.control import completion

    _, fault = _named_before(ctx)
    return [one for one in completion.settings(fault) if one[0].startswith(incomplete)]


def _offer_injections(ctx: typer.Context, incomplete: str) -> list[tuple[str, str]]:
    from ..scenarios.control import completion

    return [one for one in completion.injections(_out_of(ctx)) if one[0].startswith(incomplete)]


RunOption = Annotated[
    str | None,
    typer.Option(
        "--run", metavar="RUN", help="Which run; the newest that is running unless said.", show_default=False
    ),
]


BelowOption = Annotated[Path, typer.Option("--out", help="Folder that holds the run's own folder.")]


def _remote(out: Path, run: str | None) -> "Remote":
    from ..scenarios.control import beacon
    from ..scenarios.control.client import Remote

    return Remote(beacon.find(out, run))


@chaos.command("list")
def chaos_list(as_json: JsonOption = False) -> None:
    """Every fault, with a line and an example each."""
    from dataclasses import asdict

    from ..chaos.registry import FAULTS
    from ..scenarios.control import render
    from ..scenarios.control.examples import example

    entries = FAULTS.entries()
    if as_json:
        document = [asdict(entry) | {"example": example(entry)} for entry in entries]
        echo_document(document)
    else:
        render.show_faults(entries, stdout())


@chaos.command("inject")
def chaos_inject(
    system: Annotated[
        str,
        typer.Argument(
            metavar="SYSTEM",
            help="A system of the estate, '*' for all, or 'sut', your middleware.",
            autocompletion=_offer_systems,
        ),
    ],
    fault: Annotated[
        str,
        typer.Argument(metavar="FAULT", help="See: peakproof chaos list.", autocompletion=_offer_faults),
    ],
    operation: Annotated[
        str | None,
        typer.Option(
            "--on",
            metavar="OPERATION",
            help="Only this operation, topic or rule.",
            show_default=False,
            autocompletion=_offer_operations,
        ),
    ] = None,
    lasts: Annotated[
        str | None,
        typer.Option(
            "--for",
            metavar="TIME",
            help="Heals by itself after 60s, 1.5m, 200ms; until healed unless said.",
            show_default=False,
        ),
    ] = None,
    rate: Annotated[
        float | None, typer.Option("--rate", help="This share of what matches, e.g. 0.2.", show_default=False)
    ] = None,
    order_ref: Annotated[
        str | None, typer.Option("--order", metavar="REF", help="Only this order.", show_default=False)
    ] = None,
    sku: Annotated[str | None, typer.Option("--sku", help="Only this SKU.", show_default=False)] = None,
    client: Annotated[
        str | None,
        typer.Option("--client", metavar="ID", help="Only calls of this client.", show_default=False),
    ] = None,
    match: Annotated[
        list[str] | None,
        typer.Option(
            "--match",
            metavar="PATH=VALUE",
            help="Only where the JSON body says so, e.g. currency=JPY or lines.sku=22086; repeatable.",
            show_default=False,
        ),
    ] = None,
    nth: Annotated[
        int | None, typer.Option("--nth", help="Only the n-th attempt of each.", show_default=False)
    ] = None,
    after: Annotated[
        int | None, typer.Option("--after", help="Let so many pass first.", show_default=False)
    ] = None,
    every: Annotated[
        int | None, typer.Option("--every", help="Every n-th match only.", show_default=False)
    ] = None,
    limit: Annotated[
        int | None, typer.Option("--limit", help="At most so many times.", show_default=False)
    ] = None,
    ramp: Annotated[
        str | None,
        typer.Option(
            "--ramp", metavar="TIME", help="The rate grows from 0 over so long.", show_default=False
        ),
    ] = None,
    seed: Annotated[
        int | None,
        typer.Option("--seed", help="Of its own dice; the run's unless said.", show_default=False),
    ] = None,
    settings: Annotated[
        list[str] | None,
        typer.Option(
            "--set",
            metavar="KEY=VALUE",
            help="A setting of the fault; repeatable.",
            show_default=False,
            autocompletion=_offer_settings,
        ),
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say what it would match, and inject nothing.")
    ] = False,
    run: RunOption = None,
    out: BelowOption = Path("runs"),
    as_json: JsonOption = False,
) -> None:
    """Put a fault in, now."""
    from ..scenarios.control import render
    from ..scenarios.control.wish import Wish

    more = {
        "probability": rate,
        "order_ref": order_ref,
        "sku": sku,
        "client": client,
        "match": overrides_of(match or [], "--match", "currency=JPY"),
        "nth": nth,
        "after": after,
        "every": every,
        "limit": limit,
        "seed": seed,
        "set": overrides_of(settings or [], "--set", "seconds=2"),
    }
    entry = Wish(system, fault, operation, lasts, ramp, more).entry()
    remote = _remote(out, run)
    answer = remote.rehearse(entry) if dry_run else remote.inject(entry)
    if as_json:
        echo_document(answer)
    elif dry_run:
        render.show_rehearsal(answer, stdout())
    else:
        render.show_injected(answer, stdout())


@chaos.command("status")
def chaos_status(run: RunOption = None, out: BelowOption = Path("runs"), as_json: JsonOption = False) -> None:
    """What acts, what is to come and what has healed."""
    from ..scenarios.control import render

    status = _remote(out, run).status()
    if as_json:
        echo_document(status)
    else:
        render.show_status(status, stdout())


@chaos.command("heal")
def chaos_heal(
    ids: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[ID]...", help="See: peakproof chaos status.", autocompletion=_offer_injections
        ),
    ] = None,
    all_: Annotated[
        bool, typer.Option("--all", help="All that act just now; what is to come still comes.")
    ] = False,
    run: RunOption = None,
    out: BelowOption = Path("runs"),
    as_json: JsonOption = False,
) -> None:
    """Heal faults before their time."""
    from ..scenarios.control import render

    if bool(ids) == all_:
        raise UsageError("name the injections to heal, or say --all; see: peakproof chaos status")
    remote = _remote(out, run)
    healed = remote.heal_all() if all_ else [remote.heal(one)["id"] for one in ids or []]
    if as_json:
        echo_document({"healed": healed})
    elif healed:
        render.show_healed(healed, stdout())
    else:
        say("nothing acts just now")
