"""Which system under test the user means: the command line, peakproof.toml, an earlier run, or else the reference."""

from dataclasses import dataclass, field, replace
from pathlib import Path

from .config import SutConfig, is_url
from .errors import UsageError
from .judge_config import JudgeConfig
from .origin import origin_of
from .toml_document import FILE


@dataclass(frozen=True, slots=True)
class SutChoice:
    """A system under test, and how it was named, so that a later run can mean the same."""

    sut: SutConfig
    sentence: str
    """Which it is, for the user."""
    middleware: str | None = None
    config: Path | None = None
    judge: JudgeConfig = field(default_factory=JudgeConfig)
    """What the same file wants judged besides."""

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
        return SutChoice(sut, f"{sut.name}, as {found} says", config=found, judge=JudgeConfig.load(found))
    if "://" in middleware:
        if not is_url(middleware):
            raise UsageError(f"--middleware {middleware!r}: must be a URL like http://127.0.0.1:8000")
        if found is None:
            raise UsageError(
                f"--middleware {middleware}: needs a {FILE} that says which flows it serves, where it takes webhooks "
                "and the api_key that it calls the systems with; see examples/"
            )
        sut = SutConfig.load(found).at_url(middleware)
        sentence = f"{middleware}, otherwise as {found} says"
        return SutChoice(sut, sentence, middleware, found, JudgeConfig.load(found))
    if config is not None:
        raise UsageError(f"--config {config} and --middleware {middleware} exclude each other: choose one")
    sut = SutConfig.reference(None if middleware == "reference" else middleware)
    sentence = f"the {sut.name}" + (" middleware" if middleware == "reference" else "")
    return SutChoice(sut, sentence, middleware)


def of_run(folder: Path, *, trust: bool = False) -> SutChoice:
    """The system under test of a stored run, as it is now. ConfigError, UsageError.

    A run is data, whoever sent it: which file says how a middleware is started, and which address is called, is taken from
    it only on ``trust``. Without that ./peakproof.toml says it, which is the user's own.
    """
    origin = origin_of(folder)
    middleware, named = origin.get("middleware"), origin.get("config")
    config = Path(named) if named is not None else None
    note = f"like {folder}"
    if not trust:
        if middleware is not None and "://" in middleware:
            raise UsageError(
                f"{folder} was made with the middleware at {middleware}: an address that a stored run names is not called; "
                "name it with --middleware, or say --trust"
            )
        own = Path(FILE)
        if config is not None and not own.is_file():
            raise UsageError(
                f"{folder} was made with {config}: what a stored run names is not started; name it with --config, or say --trust"
            )
        if config is not None and own.resolve() != config:
            note = f"{folder} was made with {config}"
        config = own if config is not None else None
    choice = chosen(config, middleware)
    return replace(choice, sentence=f"{choice.sentence}, {note}")
