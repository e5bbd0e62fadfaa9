"""What the user wants judged besides: the ``[judge]`` table of ``peakproof.toml``."""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Self

from pydantic import PrivateAttr, Strict, ValidationError, field_validator

from ..verdict.errors import VerdictError
from ..verdict.objective import Objective
from .errors import ConfigError
from .origin import origin_of
from .toml_document import FILE, read_toml
from .validation import Value, Wrong, path_of, problem, shown

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


def judged_like(folder: Path, config: Path | None) -> tuple[JudgeConfig, str | None]:
    """What a stored run is judged by besides: as ``config`` says, else as the file says that it was made with, and
    where that is gone as ./peakproof.toml does; and a complaint where neither is there. ConfigError."""
    if config is not None:
        return JudgeConfig.load(config), None
    named = origin_of(folder).get("config")
    if not isinstance(named, str):
        return JudgeConfig(), None
    for path in (Path(named), Path(FILE)):
        if path.is_file():
            return JudgeConfig.load(path), None
    return JudgeConfig(), f"{named} is gone: judged without the objectives and invariants that it names"
