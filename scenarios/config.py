"""What the user says about the system under test: ``peakproof.toml``, the built-in reference, or a bare URL."""

import base64
import json
import re
import shlex
import shutil
import string
import sys
from collections.abc import Collection, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any, Self
from urllib.parse import urlsplit

from pydantic import Field, PrivateAttr, Strict, ValidationError, field_validator, model_validator

from ..simulators.estate import SystemAddress
from . import catalogue
from .errors import ConfigError, UsageError, unknown
from .estate_choice import SystemChoice
from .flows import FLOWS, FULL, calls
from .toml_document import FILE, read_toml
from .validation import SomeSeconds, Value, Wrong, path_of, problem, shown

ADDRESS_FIELDS = ("kind", "url", "client_id", "client_secret", "api_key")
OWN_NAMES = ("systems", "webhook_secret", "sut.port", "sut.url", "sut.data_dir")

STANDARD_ENV = {
    "PEAKPROOF_SYSTEMS": "{systems}",
    "PEAKPROOF_WEBHOOK_SECRET": "{webhook_secret}",
    "PORT": "{sut.port}",
    "SUT_DATA_DIR": "{sut.data_dir}",
}
"""What every system under test is told, unless its own ``[sut.env]`` says otherwise."""

SHORTEST_KEY = 16
KEY = re.compile(rf"[!-~]{{{SHORTEST_KEY},}}")


class SutConfig(Value):
    """How to start or reach the system under test, and what it claims to do."""

    name: str = "sut"
    command: tuple[str, ...] | None = None
    """Started without a shell. Its parts may hold the same templates as ``env``."""
    url: str | None = None
    """Where it already runs; then nothing is started, and it needs ``api_key`` and fixed ports of the systems."""
    api_key: Annotated[str, Strict()] | None = None
    """Its static key and its client secret on every system; new ones for each run unless said."""
    cwd: str | None = None
    """Folder to start it in; the one of peakproof.toml unless said."""
    port: Annotated[int, Strict(), Field(ge=1, le=65_535)] | None = None
    """The port that the command listens on; a free one (``{sut.port}``) unless said."""
    ready: str = "/health"
    """Answers 2xx when it can work."""
    ready_timeout_s: SomeSeconds = 30.0
    stop_timeout_s: SomeSeconds = 5.0
    """From SIGTERM to SIGKILL."""
    log_limit_mb: Annotated[float, Strict(), Field(gt=0)] = 256.0
    """Whoever writes more log than this is stopped before the disk is full."""
    flows: Annotated[tuple[str, ...], Field(min_length=1)]
    webhooks: dict[str, str] = Field(default_factory=dict)
    """Where it takes which topic: ``"*"`` or a topic, to a path or a URL; empty if it polls."""
    webhook_secret: str | None = None
    """Its own signing secret; a new one for each run unless said."""
    env: dict[str, str] = Field(default_factory=dict)
    exceptions_url: str | None = None
    """Lists the orders that it gave up on visibly."""
    replay_url: str | None = None
    """POST tries a parked order again; ``{order_ref}`` stands for the order."""
    pending_url: str | None = None
    """Says ``{"pending": n}``."""
    messages_url: str | None = None
    """Tells the messages that it sends of its own, to ``contracts verify``."""
    _source: str = PrivateAttr(default=FILE)
    """The file that says so."""

    # From somewhere

    @classmethod
    def load(cls, path: Path) -> Self:
        """A peakproof.toml. ConfigError."""
        document = read_toml(path)
        if "sut" not in document:
            raise ConfigError(f"{path}: has no [sut] table; it says how to start or reach your middleware")
        return cls.of_document(document["sut"], str(path), path.resolve().parent)

    @classmethod
    def of_document(cls, document: object, source: str, folder: Path) -> Self:
        """The ``[sut]`` table; ``folder`` is where relative paths begin."""
        if not isinstance(document, Mapping):
            raise ConfigError(f"{source}: sut: must be a table of keys, got {shown(document)}")
        given = {"name": folder.name or "sut", **document}
        if isinstance(given.get("command"), str):
            try:
                given["command"] = shlex.split(given["command"])
            except ValueError as error:
                raise ConfigError(
                    f"{source}: sut.command: {error}, got {shown(document['command'])}"
                ) from None
        if isinstance(given.get("cwd", "."), str):
            given["cwd"] = str((folder / given.get("cwd", ".")).resolve())
        try:
            made = cls.model_validate(given)
        except ValidationError as error:
            loc, text = problem(error, cls, given)
            if text == "is missing" and loc == ("flows",):
                text = f"is missing; name the flows that it serves, of {', '.join(FLOWS)}"
            elif loc == ("command",):
                text = text.replace("must be a list,", "must be a text or a list of texts,")
            raise ConfigError(
                f"{source}: sut.{path_of(loc, given)}: {text}".replace("sut.: ", "sut: ")
            ) from None
        made._source = source
        return made

    @classmethod
    def reference(cls, defect: str | None = None) -> Self:
        """The middleware that comes with peakproof, whole or with planted defects, joined by ``+``.

        UsageError for an unknown one, and for two that cannot be had at once.
        """
        if defect is not None:
            _check_defects(defect)
        return cls(
            name=_named(defect),
            command=(
                sys.executable,
                "-m",
                "peakproof.middleware",
                *(("--defect", defect) if defect is not None else ()),
            ),
            flows=FULL,
            webhooks={"*": "/webhooks"},
            exceptions_url="/exceptions",
            replay_url="/exceptions/{order_ref}/replay",
            pending_url="/pending",
        )

    def at_url(self, url: str) -> Self:
        """The same, but already running at this URL. UsageError."""
        kept = {**self.model_dump(), "command": None, "port": None, "url": url, "name": url}
        try:
            made = type(self).model_validate(kept)
        except ValidationError as error:
            loc, text = problem(error, type(self), kept)
            raise UsageError(f"--middleware {url}: sut.{path_of(loc, kept)}: {text}") from None
        made._source = self._source
        return made

    # Checked whole

    @field_validator("flows")
    @classmethod
    def _known_flows(cls, flows: tuple[str, ...]) -> tuple[str, ...]:
        for flow in flows:
            if flow not in FLOWS:
                raise ValueError(unknown("flow", flow, FLOWS))
        return flows

    @model_validator(mode="after")
    def _goes_together(self) -> Self:
        if (self.command is None) == (self.url is None):
            have = "neither" if self.command is None else "both"
            raise Wrong((), f"needs either command (to start it) or url (where it runs), has {have}")
        if self.command is not None and not self.command:
            raise Wrong(("command",), "must name a program, got nothing")
        if self.url is not None and not is_url(self.url):
            raise Wrong(("url",), f"must be a URL like http://127.0.0.1:8000, got {self.url!r}")
        self._check_key()
        if self.cwd is not None and not Path(self.cwd).is_dir():
            raise Wrong(("cwd",), f"no such folder {self.cwd!r}")
        for key in ("ready", "exceptions_url", "replay_url", "pending_url", "messages_url"):
            value = getattr(self, key)
            if value is not None and not _is_address(value):
                raise Wrong((key,), f"must be a path like '/health' or a whole URL, got {value!r}")
        self._check_webhooks()
        for name, template in self.env.items():
            _check_template(("env", name), template)
        for number, part in enumerate(self.command or ()):
            _check_template(("command", number), part)
        return self

    def _check_key(self) -> None:
        if self.api_key is None:
            if self.url is not None:
                raise Wrong(
                    ("api_key",),
                    "is missing; a middleware that already runs (sut.url) cannot learn new credentials: "
                    f"say here which key of {SHORTEST_KEY} or more characters it calls the systems with",
                )
        elif not KEY.fullmatch(self.api_key):
            raise Wrong(
                ("api_key",),
                f"must be {SHORTEST_KEY} or more printable ASCII characters without spaces, "
                f"got {len(self.api_key)} characters",
            )

    def _check_webhooks(self) -> None:
        for topic, address in self.webhooks.items():
            if topic != "*" and topic not in catalogue.all_topics():
                raise Wrong(("webhooks", topic), unknown("topic", topic, [*catalogue.all_topics(), "*"]))
            if not _is_address(address):
                raise Wrong(
                    ("webhooks", topic), f"must be a path like '/webhooks' or a whole URL, got {address!r}"
                )
        if self.webhook_secret is not None and not _is_secret(self.webhook_secret):
            raise Wrong(
                ("webhook_secret",), "must be a Standard Webhooks secret: whsec_ and 24 to 64 bytes in base64"
            )

    # What a run needs

    @property
    def host(self) -> str | None:
        """Where it already runs; None where it is started by us."""
        return urlsplit(self.url).hostname if self.url is not None else None

    def described(self) -> dict[str, Any]:
        """What run.json says of it; no secrets."""
        return {
            "name": self.name,
            "command": list(self.command) if self.command else None,
            "url": self.url,
            "cwd": self.cwd,
            "flows": list(self.flows),
            "webhooks": dict(self.webhooks),
            "exceptions_url": self.exceptions_url,
            "replay_url": self.replay_url,
            "pending_url": self.pending_url,
        }

    def check(self, systems: Mapping[str, SystemChoice]) -> None:
        """ConfigError where it does not fit the estate: an unknown system, a port that it cannot know; or no program."""
        self._check_names(systems)
        if self.url is not None:
            self._check_ports(systems)
        if self.command is not None and "{" not in self.command[0]:
            self._check_program(self.command[0])

    def _check_names(self, systems: Collection[str]) -> None:
        names = [*OWN_NAMES, *(f"{name}.{part}" for name in systems for part in ADDRESS_FIELDS)]
        texts = [(f"sut.env.{name}", text) for name, text in self.env.items()]
        texts += [(f"sut.command.{number}", text) for number, text in enumerate(self.command or ())]
        for place, text in texts:
            for name in _names(text):
                if name not in names:
                    raise ConfigError(f"{self._source}: {place}: {_unknown_template(name, names)}")

    def _check_ports(self, systems: Mapping[str, SystemChoice]) -> None:
        """What already runs has the addresses of the systems in its own settings."""
        called = [
            name
            for name, system in systems.items()
            if any(calls(flow, system.kind, None) for flow in self.flows)
        ]
        unknown_ports = [name for name in called if not systems[name].port]
        if unknown_ports:
            wanted = " ".join(f"--set estate.systems.{name}.port=N" for name in unknown_ports)
            raise ConfigError(
                f"{self._source}: sut.url: a middleware that already runs cannot learn new ports: fix {_listed(unknown_ports)} "
                f"as it knows {'it' if len(unknown_ports) == 1 else 'them'}, in the scenario or by {wanted}"
            )

    def _check_program(self, program: str) -> None:
        found = shutil.which(
            Path(self.cwd or ".") / program if "/" in program else program, path=self.env.get("PATH")
        )
        if found is None:
            where = f"in {self.cwd or '.'}" if "/" in program else "on the PATH"
            raise ConfigError(f"{self._source}: sut.command: there is no program {program!r} {where}")

    def filled_in(
        self,
        addresses: Mapping[str, SystemAddress],
        *,
        port: int | None,
        base_url: str,
        data_dir: Path,
        secret: str,
    ) -> tuple[list[str], dict[str, str]]:
        """The command and the environment of one run. ConfigError for a system that the estate does not have."""
        self._check_names(addresses)
        values = {
            "systems": json.dumps({name: asdict(address) for name, address in addresses.items()}),
            "webhook_secret": secret,
            "sut.port": "" if port is None else str(port),
            "sut.url": base_url,
            "sut.data_dir": str(data_dir),
        }
        for name, address in addresses.items():
            values |= {f"{name}.{part}": str(getattr(address, part)) for part in ADDRESS_FIELDS}
        env = {name: _fill(text, values) for name, text in {**STANDARD_ENV, **self.env}.items()}
        return [_fill(part, values) for part in self.command or ()], env

    def webhook_address(self, topic: str, base_url: str) -> str | None:
        """Where this topic goes; a topic's own address before that of ``"*"``; None if nobody wants it."""
        address = self.webhooks.get(topic, self.webhooks.get("*"))
        return None if address is None else absolute(address, base_url)


def _named(variant: str | None) -> str:
    """How the reference is called, whole or changed."""
    from ..middleware.decoys import DECOYS

    if variant is None:
        return "reference"
    if all(name in DECOYS for name in variant.split("+")):
        return f"reference, unusual but honest: {variant}"
    return f"reference with defect{'s' if '+' in variant else ''} {variant}"


def _check_defects(names: str) -> None:
    """UsageError."""
    from ..middleware.decoys import DECOYS  # only a wish for one pays for the import
    from ..middleware.defects import policies_of

    known = [*defects(), *DECOYS]
    for name in names.split("+") if names not in known else ():
        if name not in known:
            raise UsageError(
                unknown("middleware", name, ["reference", *known]) + "; or give the URL of one that runs"
            )
    if "+" in names:
        try:
            policies_of(names)
        except KeyError as error:
            raise UsageError(
                f"--middleware {names}: {error.args[0]} cannot be had with other defects"
            ) from None
        except ValueError as error:
            raise UsageError(f"--middleware {names}: {error}") from None


def defects() -> dict[str, str]:
    """The planted defects of the reference: name and what is wrong."""
    from ..middleware.defects import DEFECTS, DO_NOTHING  # only a wish for one pays for the import

    return {name: defect.sentence for name, defect in DEFECTS.items()} | {
        DO_NOTHING: "Answers 200 to everything and does nothing."
    }


def absolute(address: str, base_url: str) -> str:
    """A path below the base, or a whole URL as it is."""
    return address if "://" in address else base_url.rstrip("/") + address


def is_url(text: str) -> bool:
    """Whether HTTP can reach something there."""
    try:
        parts = urlsplit(text)
        return parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        return False


def _is_secret(text: str) -> bool:
    try:
        return text.startswith("whsec_") and 24 <= len(base64.b64decode(text[6:], validate=True)) <= 64
    except ValueError:
        return False


def _is_address(text: str) -> bool:
    return is_url(text) if "://" in text else text.startswith("/")


def _names(template: str) -> list[str]:
    """The names in braces; doubled braces stand for themselves. ValueError for braces that do not match."""
    found = []
    for _, name, format_spec, conversion in string.Formatter().parse(template):
        if name is None:
            continue
        found.append(
            name + (f"!{conversion}" if conversion else "") + (f":{format_spec}" if format_spec else "")
        )
    return found


def _check_template(loc: tuple[str | int, ...], template: str) -> None:
    """What can be known without the estate: braces that match, and a last part that an address has."""
    try:
        names = _names(template)
    except ValueError as error:
        raise Wrong(
            loc, f"{error}; write {{{{ and }}}} for braces of your own, got {shown(template)}"
        ) from None
    for name in names:
        if name not in OWN_NAMES and name.partition(".")[2] not in ADDRESS_FIELDS:
            usual = [*OWN_NAMES, *(f"{system}.{part}" for system in USUAL_NAMES for part in ADDRESS_FIELDS)]
            raise Wrong(loc, _unknown_template(name, usual))


def _listed(names: list[str]) -> str:
    """``the port of erp``, ``the ports of web and erp``."""
    return f"the port{'s' if len(names) > 1 else ''} of {' and '.join(part for part in (', '.join(names[:-1]), names[-1]) if part)}"


USUAL_NAMES = ("web", "bazaar", "oms", "erp", "wms", "payments")


def _unknown_template(name: str, names: list[str]) -> str:
    text = unknown("template", f"{{{name}}}", [f"{{{one}}}" for one in names])
    known = "{systems}, {webhook_secret}, {sut.port}, {sut.url}, {sut.data_dir}, "
    return (
        text.partition(" (valid:")[0]
        + f" (valid: {known}and {{SYSTEM.PART}} with {', '.join(ADDRESS_FIELDS)}; double the braces that are your own)"
    )


def _fill(template: str, values: Mapping[str, str]) -> str:
    parts = []
    for literal, name, _, _ in string.Formatter().parse(template):
        parts.append(literal)
        if name is not None:
            parts.append(values[name])
    return "".join(parts)
