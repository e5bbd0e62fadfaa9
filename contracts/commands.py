"""``peakproof contracts``: what the user may ask of this room. The command line puts its guard around each command."""

import json
import sys
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ..history.printable import printable_json
from ..scenarios.run_folder import run_folder
from .errors import ContractsError

if TYPE_CHECKING:
    from rich.console import Console

    from .pact_file import Pact

# Everything else is imported inside the commands: `--help` and a typing mistake are answered at once.

contracts = typer.Typer(
    help="Check contracts: what changed, and whether consumers and systems still agree.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)

BrokerOption = Annotated[
    str | None,
    typer.Option(
        "--broker", metavar="URL", help="A Pact Broker; PACT_BROKER_BASE_URL unless said.", show_default=False
    ),
]
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
        typer.echo(printable_json(json.dumps(found.document(), indent=1, ensure_ascii=False)))
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
    messages_url: Annotated[
        str | None,
        typer.Option(
            "--messages-url",
            metavar="URL",
            help="Verify the messages that your middleware sends of its own: it tells them there (sut.messages_url).",
            show_default=False,
        ),
    ] = None,
    simulators: Annotated[
        list[str] | None,
        typer.Option(
            "--as",
            metavar="NAME=KIND",
            help="Which simulator a provider, or a webhook's consumer, of another name means, e.g. 'Order Service=oms'; repeatable.",
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
    selectors: Annotated[
        list[str] | None,
        typer.Option(
            "--selector",
            metavar="main-branch|deployed|latest|branch=…|environment=…|tag=…",
            help="Fetch the pacts from a broker instead, by this; repeatable.",
            show_default=False,
        ),
    ] = None,
    broker: BrokerOption = None,
    consumer_version: Annotated[
        str | None, typer.Option("--consumer-version", help="Noted in the result.", show_default=False)
    ] = None,
    provider_version: Annotated[
        str | None, typer.Option("--provider-version", help="Noted in the result.", show_default=False)
    ] = None,
    publish_results: Annotated[
        bool,
        typer.Option("--publish-results", help="Tell the broker; needs --selector and --provider-version."),
    ] = False,
    junit: Annotated[
        Path | None,
        typer.Option("--junit", metavar="FILE", help="Write JUnit XML there.", show_default=False),
    ] = None,
    run: Annotated[
        str | None,
        typer.Option(
            "--run",
            metavar="RUN",
            help="Also keep the result with this run, whose report shows it.",
            show_default=False,
        ),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Verify pacts against the simulators, or a middleware's webhooks and messages, in the states that they ask for.

    Exit code 1 if any interaction is not as agreed.
    """
    from .provider import simulators_of, verify
    from .sources import chosen, pacts_at

    its_own = middleware is not None or config is not None
    if selectors and pacts is not None:
        raise ContractsError("--pacts and --selector exclude each other: choose one")
    if publish_results and (not selectors or provider_version is None):
        raise ContractsError("--publish-results needs --selector (pacts of a broker) and --provider-version")
    if publish_results and (described is not None or consumers or drift or its_own):
        raise ContractsError(
            "--publish-results tells of whole pacts against the simulators as they are; "
            "leave out --interaction, --consumer, --drift, --middleware and --config"
        )
    if selectors and (its_own or messages_url is not None) and not providers:
        raise ContractsError("--selector needs to know what your middleware is called there: --provider NAME")
    kept_with = None if run is None else run_folder(run)
    named = simulators_of(simulators or ())
    address = None if messages_url is None else _address(messages_url)
    if named and address is not None and not its_own:
        raise ContractsError("--as names simulators, and none takes part when messages are asked for")
    if drift and (its_own or messages_url is not None):
        raise ContractsError(
            "--drift changes the simulators' answers; to feel it, run your middleware: peakproof run --drift"
        )
    if selectors:
        known = _fetched(broker, providers, selectors)
    elif pacts is not None:
        known = pacts_at(pacts)
    elif its_own and messages_url is None:
        from .middleware import shipped_pacts

        known = pacts_at(shipped_pacts())
    else:
        raise ContractsError(
            _NOTHING_SAID
            if messages_url is None
            else "--messages-url needs to know the pacts: --pacts or --selector"
        )
    wanted = chosen(known, consumers or (), providers or (), described)
    if its_own:
        from ..scenarios.sut_choice import chosen as chosen_sut
        from .middleware import verify_middleware

        sut = chosen_sut(config, middleware).sut
        if address is not None:
            sut = sut.model_copy(update={"messages_url": address})
        found = verify_middleware(wanted, sut, named)
    elif address is not None:
        from .outgoing import verify_messages

        found = verify_messages(wanted, address)
    else:
        from .drift import drifts_of

        found = verify(wanted, named, drifts_of(drift or ()))
    found = replace(
        found,
        consumer_version=consumer_version,
        provider_version=provider_version,
        verified_at=datetime.now(UTC).isoformat(timespec="seconds"),
    )
    if publish_results:
        from .broker import Broker

        Broker.of_environment(broker).publish_results(found, str(provider_version))
    if junit is not None:
        from .junit import write

        write(found, junit)
    if kept_with is not None:
        from .keeping import keep

        typer.echo(f"kept in {keep(found, kept_with)}", err=True)
    if as_json:
        typer.echo(printable_json(json.dumps(found.document(), indent=1, ensure_ascii=False)))
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

    made = export(run_folder(run), out, consumer)
    if as_json:
        document = {"schema": "peakproof/contracts-export/1", "files": made.files, "left_out": made.left_out}
        typer.echo(printable_json(json.dumps(document, indent=1, ensure_ascii=False)))
        return
    for path, count in made.files.items():
        typer.echo(f"{path}  {count} interactions")
    for text in made.left_out:
        typer.echo(f"left out, for no state brings it about again: {text}", err=True)


@contracts.command("publish")
def publish_(
    pacts: Annotated[str, typer.Option("--pacts", metavar="DIR|FILE|URL", help="The pacts to publish.")],
    version: Annotated[str, typer.Option("--version", help="The consumer's version.")],
    branch: Annotated[
        str | None, typer.Option("--branch", help="The consumer's branch.", show_default=False)
    ] = None,
    tags: Annotated[list[str] | None, typer.Option("--tag", help="Repeatable.", show_default=False)] = None,
    broker: BrokerOption = None,
) -> None:
    """Publish pacts to a broker under a version of their consumer."""
    from .broker import Broker
    from .sources import pacts_at

    known = pacts_at(pacts)
    for line in Broker.of_environment(broker).publish(known, version, branch, tags or ()):
        typer.echo(line, err=True)
    typer.echo(f"published {len(known)} pacts")


@contracts.command("can-i-deploy")
def can_i_deploy_(
    pacticipant: Annotated[str, typer.Option("--pacticipant", help="A consumer or provider.")],
    version: Annotated[str, typer.Option("--version", help="Its version.")],
    environment: Annotated[
        str | None, typer.Option("--to", help="Environment, as the broker knows it.", show_default=False)
    ] = None,
    results: Annotated[
        Path | None,
        typer.Option(
            "--results",
            metavar="DIR",
            help="No broker: stored documents of contracts verify --json.",
            show_default=False,
        ),
    ] = None,
    broker: BrokerOption = None,
    as_json: JsonOption = False,
) -> None:
    """Say whether a version agrees with everybody whom it will meet; exit code 1 if not."""
    if results is not None:
        from .offline_matrix import can_i_deploy

        found = can_i_deploy(results, pacticipant, version)
    else:
        from .broker import Broker

        found = Broker.of_environment(broker).can_i_deploy(pacticipant, version, environment)
    if as_json:
        typer.echo(printable_json(json.dumps(found.document(), indent=1, ensure_ascii=False)))
    else:
        for row in found.rows:
            word = {True: "agree", False: "do not agree", None: "have not been verified"}[row["agree"]]
            typer.echo(f"{row['consumer']} and {row['provider']} {word}")
        typer.echo(f"{'yes' if found.yes else 'NO'}: {found.reason}")
    raise SystemExit(found.exit_code)


_NOTHING_SAID = (
    "what to verify: --pacts or --selector for your pacts, or --middleware or --config for your webhooks"
)


def _address(given: str) -> str:
    """Where a middleware tells its messages."""
    from ..scenarios.config import is_url

    if not is_url(given):
        raise ContractsError(
            f"--messages-url {given!r}: must be a URL like http://127.0.0.1:8080/pact-messages"
        )
    return given


def _fetched(broker: str | None, providers: list[str] | None, selectors: list[str]) -> "list[Pact]":
    """The pacts of a broker, for these providers or every simulator."""
    from ..simulators.registry import KINDS
    from .broker import Broker

    return Broker.of_environment(broker).fetch(providers or list(KINDS), selectors)


def _console() -> "Console":
    """On a terminal as wide as it is; in a file wide enough that no line is cut."""
    from ..verdict.render.console import CleanConsole

    return CleanConsole(highlight=False, width=None if sys.stdout.isatty() else 140)
