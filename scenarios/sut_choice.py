"""Which system under test the user means: the command line, peakproof.toml, an earlier run, or else the reference."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .config import FILE, SutConfig, is_url
from .errors import UsageError


@dataclass(frozen=True, slots=True)
class SutChoice:
    """A system under test, and how it was named, so that a later run can mean the same."""

    sut: SutConfig
    sentence: str
    """Which it is, for the user."""
    middleware: str | None = None
    config: Path | None = None

    @property
    def origin(self) -> dict[str, str | None]:
        """What run.json says of it; ``of_run`` reads it."""
        return {
            "middleware": self.middleware,
            "config": str(self.config.resolve()) if self.config else None,
        }


def chosen(config: Path | None, middleware: str | None) -> SutChoice:
    """The system under test that the user means. ConfigError, UsageError.

    ``middleware`` is ``reference``, one of its defects, or a URL; without it ``config`` or ./peakproof.toml says it,
    and without either it is the reference.
    """
    found = config or (Path(FILE) if Path(FILE).is_file() else None)
    if middleware is None:
        if found is None:
            return SutChoice(
                SutConfig.reference(), f"the reference middleware (there is no ./{FILE})", "reference"
            )
        sut = SutConfig.load(found)
        return SutChoice(sut, f"{sut.name}, as {found} says", config=found)
    if "://" in middleware:
        if not is_url(middleware):
            raise UsageError(f"--middleware {middleware!r}: must be a URL like http://127.0.0.1:8000")
        if found is None:
            raise UsageError(
                f"--middleware {middleware}: needs a {FILE} that says which flows it serves, where it takes webhooks "
                "and the api_key that it calls the systems with; see examples/"
            )
        sut = SutConfig.load(found).at_url(middleware)
        return SutChoice(sut, f"{middleware}, otherwise as {found} says", middleware, found)
    if config is not None:
        raise UsageError(f"--config {config} and --middleware {middleware} exclude each other: choose one")
    sut = SutConfig.reference(None if middleware == "reference" else middleware)
    sentence = f"the {sut.name}" + (" middleware" if middleware == "reference" else "")
    return SutChoice(sut, sentence, middleware)


def of_run(folder: Path) -> SutChoice:
    """The system under test of a stored run, as it is now. ConfigError, UsageError."""
    origin = _origin(folder)
    config = origin.get("config")
    choice = chosen(Path(config) if config else None, origin.get("middleware"))
    return SutChoice(choice.sut, f"{choice.sentence}, like {folder}", choice.middleware, choice.config)


def _origin(folder: Path) -> dict[str, Any]:
    try:
        origin = json.loads((folder / "run.json").read_text("utf-8"))["sut"]["origin"]
    except (OSError, ValueError, TypeError, KeyError):
        return {}
    return origin if isinstance(origin, dict) else {}
