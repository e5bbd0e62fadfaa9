"""``peakproof contracts``: what the user may ask of this room. The command line puts its guard around each command."""

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from .errors import ContractsError

if TYPE_CHECKING:
    from rich.console import Console

# Everything else is imported inside the commands: `--help` and a typing mistake are answered at once.

contracts = typer.Typer(
    help="Check contracts: what changed, and whether consumers and systems still agree.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)

JsonOption = Annotated[bool, typer.Option("--json", help="Exactly one JSON document on stdout.")]


@contracts.command("compare")
def compare_(
    old: Annotated[str, typer.Argument(metavar="OLD", help="An OpenAPI document or a pact: a file or URL.")],
    new: Annotated[str, typer.Argument(metavar="NEW", help="An OpenAPI document: a file or URL.")],
    as_json: JsonOption = False,
) -> None:
    """Say which differences between two OpenAPI documents, or a pact and one, break whom; exit code 1 if any."""
    from .compare import compare

    found = compare(old, new)
    if as_json:
        typer.echo(json.dumps(found.document(), indent=1, ensure_ascii=False))
    else:
        from .render import show_comparison

        show_comparison(found, _console())
    raise SystemExit(found.exit_code)


@contracts.command("verify")
def verify_(
    pacts: Annotated[
        str | None,
        typer.Option(
            "--pacts",
            metavar="DIR|FILE|URL",
            help="Pacts of versions 2 to 4, of any language; with --middleware those that come with peakproof unless said.",
            show_default=False,
        ),
    ] = None,
    middleware: Annotated[
        str | None,
        typer.Option(
            "--middleware",
            metavar="reference|DEFECT|URL",
            help="Verify its webhooks instead: it is the provider, the simulators are the consumers.",
            show_default=False,
        ),
    ] = None,
    config: Annotated[
        Path | None,
        typer.Option(
            "--config", help="The same for the middleware of this peakproof.toml.", show_default=False
        ),
    ] = None,
    consumers: Annotated[
        list[str] | None,
        typer.Option("--consumer", help="Only pacts of this consumer; repeatable.", show_default=False),
    ] = None,
    providers: Annotated[
        list[str] | None,
        typer.Option("--provider", help="Only pacts with this provider; repeatable.", show_default=False),
    ] = None,
    described: Annotated[
        str | None,
        typer.Option(
            "--interaction",
            metavar="REGEX",
            help="Only interactions whose description it matches.",
            show_default=False,
        ),
    ] = None,
    simulators: Annotated[
        list[str] | None,
        typer.Option(
            "--as",
            metavar="NAME=KIND",
            help="Which simulator a provider of another name means, e.g. 'Order Service=oms'; repeatable.",
            show_default=False,
        ),
    ] = None,
    drift: Annotated[
        list[str] | None,
        typer.Option(
            "--drift",
            metavar="SYSTEM.OPERATION:CHANGE:FIELD=TO",
            help="Let a simulator serve another version, e.g. erp.create_sales_order:rename:sales_order_id=id; repeatable.",
            show_default=False,
        ),
    ] = None,
    junit: Annotated[
        Path | None,
        typer.Option("--junit", metavar="FILE", help="Write JUnit XML there.", show_default=False),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Verify pacts against the simulators, or a middleware's webhooks, in the states that they ask for.

    Exit code 1 if any interaction is not as agreed.
    """
    from .provider import simulators_of, verify
    from .sources import chosen, pacts_at

    named = simulators_of(simulators or ())
    whose = (consumers or (), providers or (), described)
    if drift and (middleware is not None or config is not None):
        raise ContractsError(
            "--drift changes the simulators' answers; to feel it, run your middleware: peakproof run --drift"
        )
    if middleware is not None or config is not None:
        from ..scenarios.sut_choice import chosen as chosen_sut
        from .middleware import shipped_pacts, verify_middleware

        sut = chosen_sut(config, middleware).sut
        found = verify_middleware(chosen(pacts_at(pacts or shipped_pacts()), *whose), sut)
    elif pacts is None:
        raise ContractsError(
            "what to verify: --pacts for your pacts, or --middleware or --config for your webhooks"
        )
    else:
        from .drift import drifts_of

        found = verify(chosen(pacts_at(pacts), *whose), named, drifts_of(drift or ()))
    if junit is not None:
        from .junit import write

        write(found, junit)
    if as_json:
        typer.echo(json.dumps(found.document(), indent=1, ensure_ascii=False))
    else:
        from .render import show_verification

        show_verification(found, _console())
    raise SystemExit(found.exit_code)


@contracts.command("export")
def export_(
    run: Annotated[str, typer.Argument(metavar="RUN", help="A run's folder, or its id below runs/.")],
    out: Annotated[Path, typer.Option("--out", help="Folder for the pacts.")] = Path("pacts"),
    consumer: Annotated[
        str | None,
        typer.Option(
            "--consumer", help="The consumer's name; the run's middleware unless said.", show_default=False
        ),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Compile the recorded traffic of a run into pacts, one for each system; they verify against the simulators."""
    from .export import export

    folder = next((one for one in (Path(run), Path("runs") / run) if (one / "history").is_dir()), None)
    if folder is None:
        raise ContractsError(f"{run} is no run: it has no folder 'history'; expected e.g. runs/<id>")
    made = export(folder, out, consumer)
    if as_json:
        document = {"schema": "peakproof/contracts-export/1", "files": made.files, "left_out": made.left_out}
        typer.echo(json.dumps(document, indent=1, ensure_ascii=False))
        return
    for path, count in made.files.items():
        typer.echo(f"{path}  {count} interactions")
    for text in made.left_out:
        typer.echo(f"left out, for no state brings it about again: {text}", err=True)


def _console() -> "Console":
    """On a terminal as wide as it is; in a file wide enough that no line is cut."""
    from rich.console import Console

    return Console(highlight=False) if sys.stdout.isatty() else Console(highlight=False, width=140)
