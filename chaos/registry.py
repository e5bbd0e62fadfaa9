"""The catalogues of faults and throttles: one file each, found by its place; no list to edit.

``faults/lost_reply.py`` holds the dataclass ``LostReply`` and is named ``lost-reply``; the first line of its docstring
is its description, its fields are its settings.
"""

import sys
from collections.abc import Mapping
from dataclasses import MISSING, Field, dataclass, fields
from importlib import import_module
from pkgutil import iter_modules
from types import ModuleType, UnionType
from typing import Any, Generic, Literal, TypeVar, Union, cast, get_args, get_origin, get_type_hints

from . import faults, throttles
from .errors import ChaosError, unknown
from .fault import Fault, Throttle

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Setting:
    """One setting of an entry: its type in words, and its default (``None`` and ``required`` where it has none)."""

    name: str
    expected: str
    default: Any
    required: bool


@dataclass(frozen=True, slots=True)
class Entry:
    """One fault or throttle as ``chaos list`` shows it."""

    name: str
    summary: str
    settings: tuple[Setting, ...]
    seam: str | None
    """Where a fault acts; None for a throttle."""


class Catalogue(Generic[T]):
    """Everything of one kind that lies in one package."""

    def __init__(self, kind: str, package: ModuleType) -> None:
        self.kind = kind
        self._package = package

    def names(self) -> list[str]:
        """All names, sorted."""
        return sorted(found.name.replace("_", "-") for found in iter_modules(self._package.__path__))

    def entries(self) -> list[Entry]:
        """All of them, described, by name."""
        return [self.entry(name) for name in self.names()]

    def entry(self, name: str) -> Entry:
        """One of them, described. ChaosError for an unknown name."""
        made = self._type(name)
        summary = (sys.modules[made.__module__].__doc__ or "").strip().partition("\n")[0]
        return Entry(name, summary, tuple(_settings(made)), getattr(made, "seam", None))

    def type_of(self, name: str) -> type[T]:
        """Its dataclass. ChaosError if unknown."""
        return self._type(name)

    def documentation(self, name: str) -> str:
        """All that its file says of it: what it is, then its settings and their dangers. ChaosError if unknown."""
        made = self._type(name)
        return f"{sys.modules[made.__module__].__doc__ or ''}\n{made.__doc__ or ''}"

    def build(self, name: str, settings: Mapping[str, Any]) -> T:
        """Make one by name; ChaosError, in one line, for an unknown name or setting, or a value that cannot be."""
        made = self._type(name)
        hints = get_type_hints(made)
        known = {setting.name: setting for setting in _settings(made)}
        for key, value in settings.items():
            if key not in known:
                raise unknown(f"setting of {self.kind} {name!r}", key, known)
            if not _fits(value, hints[key]):
                raise ChaosError(f"{self.kind} {name!r}: {key} must be {known[key].expected}, got {value!r}")
        missing = [
            setting.name for setting in known.values() if setting.required and setting.name not in settings
        ]
        if missing:
            raise ChaosError(f"{self.kind} {name!r} needs {', '.join(missing)}")
        try:
            return cast("T", made(**settings))
        except ValueError as wrong:
            raise ChaosError(f"{self.kind} {name!r}: {wrong}") from None

    def _type(self, name: str) -> type[Any]:
        if name not in self.names():
            raise unknown(self.kind, name, self.names())
        module = import_module(f"{self._package.__name__}.{name.replace('-', '_')}")
        return cast("type[Any]", getattr(module, "".join(part.capitalize() for part in name.split("-"))))


def _settings(made: type[Any]) -> list[Setting]:
    hints = get_type_hints(made)
    return [
        Setting(
            name=one.name,
            expected=_in_words(hints[one.name]),
            default=_default(one),
            required=one.default is MISSING and one.default_factory is MISSING,
        )
        for one in fields(made)
        if one.init
    ]


def _default(one: "Field[Any]") -> Any:
    if one.default is not MISSING:
        return one.default
    return None if one.default_factory is MISSING else one.default_factory()


WORDS = {
    str: "a text",
    int: "a whole number",
    float: "a number",
    bool: "true or false",
    type(None): "nothing",
}


def _in_words(hint: Any) -> str:
    if get_origin(hint) is Literal:
        return " or ".join(repr(choice) for choice in get_args(hint))
    if get_origin(hint) in (Union, UnionType):
        return " or ".join(_in_words(choice) for choice in get_args(hint))
    if get_origin(hint) is Mapping:
        return f"a table of names, each with {_in_words(get_args(hint)[1])}"
    return WORDS.get(hint, str(hint))


def _fits(value: object, hint: Any) -> bool:
    if get_origin(hint) is Literal:
        return value in get_args(hint)
    if get_origin(hint) in (Union, UnionType):
        return any(_fits(value, choice) for choice in get_args(hint))
    if get_origin(hint) is Mapping:
        key, of = get_args(hint)
        return isinstance(value, Mapping) and all(
            _fits(name, key) and _fits(one, of) for name, one in value.items()
        )
    if isinstance(value, bool):
        return hint is bool
    if hint is float:
        return isinstance(value, int | float)
    return isinstance(value, hint)


FAULTS: Catalogue[Fault] = Catalogue("fault", faults)
THROTTLES: Catalogue[Throttle] = Catalogue("throttle", throttles)
