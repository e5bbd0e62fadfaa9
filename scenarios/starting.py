"""What ``peakproof init`` writes: a commented peakproof.toml, CI files, and the checklist of a webhook handler."""

import json
import re
import secrets
import shlex
import tomllib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from ..simulators.kit.events import DeliverySettings, new_secret
from . import catalogue
from .config import SutConfig
from .errors import ConfigError, UsageError, unknown
from .flows import FLOWS, calls, judged_flows
from .scenario import Scenario
from .suite import scenarios_of
from .toml_document import FILE

CI = {
    "github": ".github/workflows/peakproof.yml",
    "gitlab": ".gitlab/peakproof.yml",
}
GITLAB = ".gitlab-ci.yml"
CHECKLIST = "peakproof-webhooks.md"
SUITE = "standard"
FIRST_PORT = 8101
"""A middleware that already runs is told fixed ports, from this one on."""
ARTIFACTS = ("report.html", "junit.xml", "summary.md", "verdict.json", "suite.json", "limit.json")

Ask = Callable[[str, str], str]
"""Puts a question and gives the answer; what is suggested comes second."""


@dataclass(frozen=True, slots=True)
class Wishes:
    """What the user said of the middleware."""

    command: str | None
    url: str | None
    flows: tuple[str, ...]
    ready: str = "/health"
    webhooks: str | None = "/webhooks"
    """Where it takes webhooks; null where it polls."""
    exceptions_url: str | None = None
    pending_url: str | None = None
    ci: tuple[str, ...] = tuple(CI)
    package: str = "peakproof"
    """What CI gives to ``pip install``."""


def asked(ask: Ask, package: str = "peakproof") -> Wishes:
    """The same by asking, in the order in which one thinks of it."""
    start = ask("How is it started? A command, or the URL where it already runs", "python3 middleware.py")
    is_url = start.startswith(("http://", "https://"))
    flows = ask(f"Which flows does it serve? ({', '.join(FLOWS)})", "order-to-erp")
    ready = ask("Which path answers 2xx when it can work?", "/health")
    webhooks = ask("Where does it take webhooks? (a path, or none if it polls)", "/webhooks")
    exceptions = ask("Which path lists the orders that it gave up on? (or none)", "none")
    pending = ask("Which path says how much it still works on? (or none)", "none")
    ci = ask(f"Which CI? ({', '.join(CI)}, both or none)", "both")
    return Wishes(
        command=None if is_url else start,
        url=start if is_url else None,
        flows=tuple(flows.replace(",", " ").split()),
        ready=ready,
        webhooks=_or_none(webhooks),
        exceptions_url=_or_none(exceptions),
        pending_url=_or_none(pending),
        ci=ci_of(ci),
        package=package,
    )


def ci_of(text: str) -> tuple[str, ...]:
    """UsageError for a CI that there is no file for."""
    if text in ("none", "both"):
        return () if text == "none" else tuple(CI)
    if text not in CI:
        raise UsageError(unknown("CI", text, [*CI, "both", "none"]))
    return (text,)


def files_of(wishes: Wishes) -> dict[str, str]:
    """The text of every file, by its place in the user's repository. UsageError for what could not be run."""
    for flow in wishes.flows:
        if flow not in FLOWS:
            raise UsageError(unknown("flow", flow, FLOWS))
    standing = Scenario.load("first-contact").estate.standing
    systems = _called(wishes.flows)
    ports = ports_of(wishes)
    said: dict[str, object] = {
        "command": wishes.command,
        "url": wishes.url,
        "api_key": secrets.token_urlsafe(24),
        "webhook_secret": new_secret(),
        "ready": wishes.ready,
        "flows": wishes.flows,
        "known_flows": FLOWS.items(),
        "webhooks": wishes.webhooks,
        "topic": "order.placed" if wishes.flows == ("order-to-erp",) else "*",
        "known_topics": _topics({name: system.kind for name, system in standing.items()}),
        "exceptions_url": wishes.exceptions_url,
        "pending_url": wishes.pending_url,
        "systems": systems,
        "ports": ports,
        "install": _yaml(f"python -m pip install {shlex.quote(wishes.package)}"),
        "run": f"peakproof run {_suite(wishes.flows)} --out runs{ports}",
        "artifacts": [f"runs/**/{name}" for name in ARTIFACTS],
        "place": CI["gitlab"],
        "timeout_s": f"{DeliverySettings().timeout_s:g}",
    }
    config = _filled("peakproof.toml.j2", said)
    try:
        SutConfig.of_document(tomllib.loads(config)["sut"], FILE, Path.cwd())
    except ConfigError as error:
        raise UsageError(str(error)) from None
    found = {FILE: config, CHECKLIST: _filled("webhooks.md.j2", said)}
    for name in wishes.ci:
        found[CI[name]] = _filled(f"{name}.yml.j2", said)
    return found


def written(files: Mapping[str, str], folder: Path, *, force: bool = False) -> list[Path]:
    """Write them all, or none where one is there already (``UsageError``); returns their paths.

    GitLab starts from a file of its own: it is written where there is none, and never touched.
    """
    there = [name for name in files if (folder / name).exists()]
    if there and not force:
        others = f" and {len(there) - 1} more" if len(there) > 1 else ""
        raise UsageError(f"{folder / there[0]} exists already{others}; --force writes over what is there")
    wanted = dict(files)
    if CI["gitlab"] in files and not (folder / GITLAB).exists():
        wanted[GITLAB] = f"include:\n  - local: {CI['gitlab']}\n"
    paths = []
    for name, text in wanted.items():
        path = folder / name
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, "utf-8")
        except OSError as error:
            raise UsageError(f"{path}: cannot be written: {error.strerror}") from None
        paths.append(path)
    return paths


def ports_of(wishes: Wishes) -> str:
    """What every command needs so that a middleware that already runs finds the systems; nothing for one that is started."""
    if wishes.url is None:
        return ""
    return "".join(
        f" --set estate.systems.{name}.port={FIRST_PORT + place}"
        for place, name in enumerate(_called(wishes.flows))
    )


def _called(flows: Sequence[str]) -> list[str]:
    """The systems of the estate that whoever serves these flows calls."""
    standing = Scenario.load("first-contact").estate.standing
    return [name for name, one in standing.items() if any(calls(flow, one.kind, None) for flow in flows)]


def _suite(flows: Sequence[str]) -> str:
    """The standard suite; without those of its scenarios in which a middleware of these flows does nothing."""
    wanted = scenarios_of(SUITE)
    fit = [one.name for one in wanted if _judged(one, flows)]
    return f"--suite {SUITE}" if len(fit) == len(wanted) else " ".join(fit)


def _judged(scenario: Scenario, flows: Sequence[str]) -> bool:
    try:
        return bool(judged_flows(scenario.flows, flows))
    except UsageError:
        return False


def _topics(kinds: Mapping[str, str]) -> list[tuple[str, list[str]]]:
    """What each system tells; systems of one kind in one line."""
    names: dict[str, list[str]] = {}
    for name, kind in kinds.items():
        names.setdefault(kind, []).append(name)
    return [(", ".join(found), sorted(catalogue.topics(kind))) for kind, found in names.items()]


def _or_none(answer: str) -> str | None:
    return None if answer.strip().lower() in ("", "none") else answer.strip()


def _toml(value: str | Sequence[str]) -> str:
    """TOML's basic strings are JSON's, but for a character that JSON lets pass."""
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")


def _yaml(text: str) -> str:
    """As it is where YAML takes it for that text, else as a JSON string, which YAML takes too."""
    return text if re.fullmatch(r"[\w ./=~<>-]+", text) else json.dumps(text)


def _filled(name: str, said: Mapping[str, object]) -> str:
    templates = Environment(
        loader=FileSystemLoader(Path(__file__).with_name("starter")),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        autoescape=False,
    )
    templates.filters["toml"] = _toml
    return templates.get_template(name).render(said).rstrip("\n") + "\n"
