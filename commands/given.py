"""What the user gave: read, checked and joined before anything is started."""

from collections.abc import Sequence
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..scenarios.errors import UsageError
from ..scenarios.run_folder import run_folder
from ..scenarios.wishes import Wishes
from .console import say

if TYPE_CHECKING:
    from ..scenarios.judge_config import JudgeConfig
    from ..scenarios.scenario import Scenario
    from ..scenarios.sut_choice import SutChoice
    from ..verdict.result import Verdict


def scenario_of(name: str | None, from_run: Path | None, only: str | None) -> "tuple[Scenario, int | None]":
    from ..scenarios.scenario import Scenario

    if from_run is None:
        if only is not None:
            raise UsageError(f"--only {only} needs --from RUN: the run in which something befell that order")
        return Scenario.load("black-friday" if name is None else name), None
    if name is not None:
        raise UsageError(f"scenario {name!r} and --from {from_run} exclude each other: choose one")
    folder = run_folder(str(from_run))
    scenario, seed = Scenario.of_run(folder)
    if only is None:
        return scenario, seed
    from ..scenarios.reports import bought_in, injections_felt_by

    check_order(folder, only)
    return scenario.replaying(only, seed, injections_felt_by(only, folder), bought_in(only, folder)), seed


def sut_for(
    config: Path | None,
    middleware: str | None,
    scenario: "Scenario",
    from_run: Path | None = None,
    *,
    trust: bool = False,
) -> "SutChoice":
    """The system under test, fit for this scenario; says on stderr which it is."""
    from ..scenarios.flows import judged_flows
    from ..scenarios.sut_choice import chosen, of_run

    if from_run is not None and config is None and middleware is None:
        choice = of_run(run_folder(str(from_run)), trust=trust)
    else:
        choice = chosen(config, middleware)
    choice.sut.check(scenario.estate.standing)
    flows = judged_flows(scenario.flows, choice.sut.flows)
    say(f"system under test: {choice.sentence}")
    say(f"judged flows: {', '.join(flows)}")
    return choice


def sut_beside(
    config: Path | None, middleware: str | None, no_sut: bool, scenario: "Scenario"
) -> "SutChoice | None":
    """What is started beside a standing estate: only what the user named, here or in ./peakproof.toml."""
    from ..scenarios.toml_document import FILE

    named = config or middleware
    if no_sut:
        if named is not None:
            raise UsageError(f"--no-sut and {named} exclude each other: choose one")
        return None
    return sut_for(config, middleware, scenario) if named or Path(FILE).is_file() else None


def check_plan(scenario: "Scenario", seed: int) -> None:
    """Files of the user's own are read before anything is started."""
    workload = scenario.workload
    if (
        workload.trace != "shipped"
        or workload.profile.endswith(".toml")
        or workload.orders
        or workload.peak_per_min
    ):
        scenario.plan(seed)


def check_out(out: Path) -> None:
    for folder in (out, *out.parents):
        if folder.exists():
            if not folder.is_dir():
                raise UsageError(
                    f"--out {out}: {'' if folder == out else f'{folder} '}is a file; expected a folder"
                )
            return


def apart(overrides: list[str] | None, processes: bool) -> list[str]:
    """The user's overrides, with what ``--processes`` comes to."""
    return [*(overrides or []), *(["estate.processes=true"] if processes else [])]


def overrides_of(given: list[str], option: str = "--set", like: str = "settle.max_s=60") -> dict[str, Any]:
    from ..scenarios.yaml_document import YamlError, read_yaml

    found: dict[str, Any] = {}
    for text in given:
        key, equals, value = text.partition("=")
        if not equals or not key.strip():
            raise UsageError(f"{option} {text!r}: must be KEY=VALUE, e.g. {like}")
        try:
            found[key.strip()] = read_yaml(value).value if value.strip() else ""
        except YamlError:
            found[key.strip()] = value
    return found


def judged_by(
    invariants: list[str] | None,
    objectives: list[str] | None,
    config: "JudgeConfig | None",
    of_scenario: Sequence[str] = (),
) -> Wishes:
    """They and the scenario's objectives are read before anything is started."""
    own = [*(config.files if config else ()), *(invariants or [])]
    wanted = [*(config.objectives if config else ()), *(objectives or [])]
    if own:
        from ..verdict.errors import VerdictError
        from ..verdict.own import split

        for name in invariants or []:
            try:
                split(name)
            except VerdictError as error:
                raise UsageError(f"--invariants {error}") from None
    if own or wanted or of_scenario:
        from ..verdict.judge import check_wishes

        check_wishes(own, [*of_scenario, *wanted])
    return Wishes(own, wanted)


def judged_as_before(
    folder: Path,
    config: Path | None,
    invariants: list[str] | None,
    objectives: list[str] | None,
    *,
    trust: bool,
) -> Wishes:
    """What a stored run is judged by: as it was, and as the command line says."""
    from ..scenarios.judge_config import wishes_of

    stored, notes = wishes_of(folder, config, trust=trust)
    for note in notes:
        say(note)
    return judged_by(
        [*stored.invariants, *(invariants or [])], [*stored.objectives, *(objectives or [])], None
    )


def stored_verdict(folder: Path, run: str) -> "Verdict":
    from ..verdict.judge import read_verdict

    path = folder / "verdict.json"
    try:
        return read_verdict(folder)
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        why = f"{type(error).__name__}: {error}"
        raise UsageError(f"{path}: cannot be read: {why}; make it again: peakproof judge {run}") from None


def check_order(folder: Path, order: str) -> None:
    from ..scenarios.reports import orders_of
    from ..verdict.render.wording import counted

    known = orders_of(folder)
    if order not in known:
        near = get_close_matches(order, known, n=3)
        hint = f"; did you mean {' or '.join(near)}?" if near else ""
        raise UsageError(f"order {order!r} is not among the {counted(len(known), 'order')} of {folder}{hint}")
