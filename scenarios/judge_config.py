"""What the user wants judged besides: the ``[judge]`` table of ``peakproof.toml``."""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Self

from pydantic import PrivateAttr, Strict, ValidationError, field_validator

from ..history.facts import run_facts
from ..verdict.errors import HOW_TO_ASK, VerdictError
from ..verdict.objective import Objective
from .errors import ConfigError
from .origin import origin_of
from .toml_document import read_toml
from .validation import Value, Wrong, path_of, problem, shown
from .wishes import Wishes

Text = Annotated[str, Strict()]


class JudgeConfig(Value):
    """The user's own objectives and invariants."""

    objectives: tuple[Text, ...] = ()
    """Thresholds on key figures, e.g. ``order_sync_latency_p95 < 30s``; on top of the scenario's."""
    invariants: tuple[Text, ...] = ()
    """``.sql`` files, and functions as ``FILE.py:FUNCTION``; relative to the file that says so."""
    _folder: Path = PrivateAttr(default=Path())

    @classmethod
    def load(cls, path: Path) -> Self:
        """What a peakproof.toml says of it; nothing where it has no such table. ConfigError."""
        document = read_toml(path).get("judge", {})
        if not isinstance(document, Mapping):
            raise ConfigError(f"{path}: judge: must be a table of keys, got {shown(document)}")
        try:
            made = cls.model_validate(document)
            made._folder = path.parent
            made._check_files()
        except ValidationError as error:
            loc, text = problem(error, cls, document)
            raise ConfigError(f"{path}: judge.{path_of(loc, document)}: {text}") from None
        except Wrong as wrong:
            raise ConfigError(f"{path}: judge.{path_of(wrong.loc, document)}: {wrong}") from None
        return made

    @property
    def files(self) -> list[str]:
        """The invariants, as seen from where the command runs."""
        return [str(self._folder / name) for name in self.invariants]

    @field_validator("objectives")
    @classmethod
    def _readable(cls, objectives: tuple[str, ...]) -> tuple[str, ...]:
        for place, text in enumerate(objectives):
            try:
                Objective.of_text(text)
            except VerdictError as error:
                raise Wrong((place,), str(error)) from None
        return objectives

    def _check_files(self) -> None:
        if self.invariants:
            from ..verdict.own import split  # only who has some pays for the database that asks them

            for place, name in enumerate(self.files):
                try:
                    split(name)
                except VerdictError as error:
                    raise Wrong(("invariants", place), str(error)) from None


def wishes_of(folder: Path, config: Path | None, *, trust: bool) -> tuple[Wishes, list[str]]:
    """What a stored run is judged by besides, and what the user has to know of it. ConfigError.

    With ``config`` it is as that file says. Without it the run is data, whoever sent it: the objectives that it was made
    with are taken, and its invariants, which are files and may be code, only on ``trust``.
    """
    if config is not None:
        wanted = JudgeConfig.load(config)
        return Wishes(wanted.files, list(wanted.objectives)), []
    recorded = run_facts(folder).get("judged_by")
    if recorded is None:
        return _of_earlier_version(folder, trust=trust)
    invariants, objectives = recorded.get("invariants", []), recorded.get("objectives", [])
    if trust:
        gone = [name for name in invariants if not _file_of(name).is_file()]
        here = [name for name in invariants if name not in gone]
        return Wishes(here, objectives), [f"{name} is gone: judged without this invariant" for name in gone]
    said = f"judged without the run's own invariants ({', '.join(invariants)}): {HOW_TO_ASK}"
    return Wishes([], objectives), [said] if invariants else []


def _of_earlier_version(folder: Path, *, trust: bool) -> tuple[Wishes, list[str]]:
    """Such a run says which file it was made with, and not what stood there."""
    named = origin_of(folder).get("config")
    if named is None:
        return Wishes([], []), []
    without = "judged without the objectives and invariants that it names"
    if not trust:
        return Wishes([], []), [f"the run was made with {named}: {without}; give --config, or say --trust"]
    if not Path(named).is_file():
        return Wishes([], []), [f"{named} is gone: {without}"]
    wanted = JudgeConfig.load(Path(named))
    return Wishes(wanted.files, list(wanted.objectives)), []


def _file_of(name: str) -> Path:
    file, colon, _ = name.rpartition(".py:")
    return Path(f"{file}.py" if colon else name)
