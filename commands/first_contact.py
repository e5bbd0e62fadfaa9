"""``peakproof try``: one order, and every hop that it takes."""

import shlex
from pathlib import Path

import typer

from .console import echo_document, say, tell
from .given import check_out, overrides_of, sut_for
from .guard import FAIL, PASS
from .options import ConfigOption, JsonOption, MiddlewareOption, OutOption, SeedOption, SetOption


def try_(
    config: ConfigOption = None,
    middleware: MiddlewareOption = None,
    seed: SeedOption = 1,
    overrides: SetOption = None,
    out: OutOption = Path("runs"),
    as_json: JsonOption = False,
) -> None:
    """First contact: one order, no faults; ticks every hop it sees and names the first that is missing."""
    from ..scenarios.first_contact import FirstContact, Hop
    from ..scenarios.scenario import Scenario

    check_out(out)
    scenario = Scenario.load("first-contact").with_overrides(overrides_of(overrides or []))
    choice = sut_for(config, middleware, scenario)

    def tick(hop: Hop) -> None:
        if not as_json:
            typer.secho("✓ ", fg="green", nl=False)
            tell(hop.sentence)

    contact = FirstContact(scenario, choice.sut, seed=seed, out=out, on_tick=tick).run()
    missing = contact.missing
    if as_json:
        hops = [
            {"sentence": hop.sentence, "seen": hop.seen, "expected": hop.expected, "instead": hop.instead}
            for hop in contact.hops
        ]
        document = {
            "schema": "peakproof/try/1",
            "folder": str(contact.folder),
            "complete": missing is None,
            "hops": hops,
        }
        echo_document(document)
    elif missing is not None:
        typer.secho("✗ ", fg="red", nl=False)
        tell(f"missing: {missing.sentence}")
        tell("  expected: " + (missing.expected or "").replace("\n", "\n            "))
        if missing.instead:
            tell(f"  instead:  {missing.instead}")
    else:
        typer.echo(f"All {len(contact.hops)} hops seen.")
    log = contact.folder / "sut.log"
    say(f"recorded in {contact.folder}" + (f", the log of your middleware in {log}" if log.is_file() else ""))
    if not as_json:
        given = {"--config": config, "--middleware": middleware}
        options = [f"{part}" for name, value in given.items() if value is not None for part in (name, value)]
        options += [part for override in overrides or [] for part in ("--set", override)]
        is_own = choice.config is not None or middleware is not None
        typer.echo(f"Next: {_after_first_contact(missing is None, is_own, shlex.join(options))}")
    raise SystemExit(PASS if missing is None else FAIL)


def _after_first_contact(complete: bool, is_own: bool, options: str) -> str:
    """What the user types next, with the options that named the middleware."""
    again = f"peakproof try {options}".rstrip()
    if not is_own:
        return "describe your own middleware in peakproof.toml (README and examples/ show how), then peakproof try"
    if not complete:
        return f"see to it that your middleware does that, then {again}"
    return f"peakproof run quiet-day {options}".rstrip() + " (no faults yet), then peakproof run"
