"""The user's own invariants, named as ``mine.sql`` or as ``mine.py:function``."""

import ast
import re
from collections.abc import Iterable, Mapping
from dataclasses import replace
from difflib import get_close_matches
from pathlib import Path
from typing import Any, Protocol

import duckdb

from ..history.reader import History
from . import wire
from .claim import LAST_STEP, OWN_LIMIT_S
from .errors import HOW_TO_ASK, HeaderError, VerdictError
from .invariant import Invariant, catalogue
from .own_function import OwnFunction, found_for_a_select
from .result import InvariantResult

_FUNCTION = re.compile(r"(?P<file>.+\.py)(?::(?P<name>[^:/\\]*))?$")


class Asked(Protocol):
    """Whatever can be asked of a history: a query or a function."""

    @property
    def id(self) -> str: ...

    @property
    def step(self) -> int: ...

    def is_about(self, judged: Iterable[str]) -> bool: ...

    def not_asked(self, judged: Iterable[str]) -> InvariantResult: ...

    def ask(self, history: History) -> InvariantResult: ...


def ask_all(history: History, judged: Iterable[str], named: Iterable[str] = ()) -> list[InvariantResult]:
    """What became of every invariant that concerns these flows; of the user's own also of those that do not.

    VerdictError as ``with_own``.
    """
    flows = list(judged)
    wanted = with_own(named)
    ours = {one.id for one in catalogue()}
    return [
        one.ask(history) if one.is_about(flows) else one.not_asked(flows)
        for one in wanted
        if one.is_about(flows) or one.id not in ours
    ]


def left_out(run: Mapping[str, Any], asked: Iterable[InvariantResult]) -> list[InvariantResult]:
    """The user's own invariants that the run was made with, and that were not named now: a stored run is data, so what it
    names is not read, still less run. They are told as not exercised, so that nobody takes them for kept."""
    known = {one.id for one in asked}
    named = {_id_of(name): name for name in (run.get("judged_by") or {}).get("invariants", ())}
    return [
        InvariantResult(
            id=id_,
            claim="An invariant of the run's own; what it claims was not read.",
            flow="any",
            class_="own",
            severity="major",
            remedy=f"Ask it: {HOW_TO_ASK}.",
            step=LAST_STEP,
            status="not exercised",
            examined=0,
            findings_count=0,
            reason=f"it was not asked, for a stored run starts nothing: {HOW_TO_ASK} ({name})",
        )
        for id_, name in named.items()
        if id_ not in known
    ]


def _id_of(name: str) -> str:
    """What the invariant of such a name is called, without a look at it."""
    match = _FUNCTION.match(name)
    return Path(name).stem if match is None else match["name"] or name


def with_own(named: Iterable[str] = ()) -> list[Asked]:
    """Our invariants and the user's, in the order of the flow.

    VerdictError for one that cannot be read, HeaderError where it says too little of itself or two have one name.
    """
    ours = catalogue()
    places: dict[str, str] = {one.id: "one of peakproof's own" for one in ours} | {
        wire.ID: "one of peakproof's own"
    }
    found: list[Asked] = list(ours)
    for name in dict.fromkeys(named):
        own = read(name)
        if own.id in places:
            raise HeaderError(
                f"{name}: an invariant of the name {own.id!r} exists already ({places[own.id]}); rename it"
            )
        places[own.id] = name
        found.append(own)
    return sorted(found, key=lambda one: (one.step, one.id))


def read(name: str) -> Invariant | OwnFunction:
    """One of the user's own. VerdictError."""
    file, function = split(name)
    own = Invariant.of_file(file) if function is None else OwnFunction.of_file(file, function)
    return own if own.limit_s is not None else replace(own, limit_s=OWN_LIMIT_S)


def split(name: str) -> tuple[Path, str | None]:
    """The file, and the function in it; null for a query. VerdictError where it is neither, or is not there."""
    match = _FUNCTION.match(name)
    file = Path(name if match is None else match["file"])
    if match is None and file.suffix != ".sql":
        raise VerdictError(f"{name}: expected a .sql file, or FILE.py:FUNCTION")
    if not file.is_file():
        raise VerdictError(f"{file}: no such file; expected a .sql file, or FILE.py:FUNCTION")
    if match is None:
        return file, None
    known = functions_in(file)
    if not match["name"]:
        like = known[0] if known else "FUNCTION"
        raise VerdictError(f"{file}: name the function that is the invariant, e.g. {file}:{like}")
    if match["name"] not in known:
        near = get_close_matches(match["name"], known, n=3) or known
        hint = f"; it has {', '.join(near)}" if near else "; it has none"
        raise VerdictError(f"{file}: there is no function {match['name']!r}{hint}")
    return file, match["name"]


def functions_in(file: Path) -> list[str]:
    """The public functions and other names at the top of a module, without running it. VerdictError."""
    try:
        tree = ast.parse(file.read_bytes(), str(file))
    except SyntaxError as error:
        raise VerdictError(f"{file}:{error.lineno}: is not Python: {error.msg}") from None
    except (OSError, ValueError) as error:
        raise VerdictError(f"{file}: cannot be read: {getattr(error, 'strerror', None) or error}") from None
    names = [one.name for one in tree.body if isinstance(one, ast.FunctionDef | ast.AsyncFunctionDef)]
    for one in tree.body:
        if isinstance(one, ast.Assign):
            names += [target.id for target in one.targets if isinstance(target, ast.Name)]
        elif isinstance(one, ast.ImportFrom | ast.Import):
            names += [alias.asname or alias.name for alias in one.names]
    return [name for name in names if not name.startswith("_")]


def check(named: Iterable[str]) -> None:
    """VerdictError for what could not be asked, before there is anything to ask it of."""
    wanted = list(dict.fromkeys(named))
    with_own(wanted)
    if not wanted:
        return
    with History.of_records([]) as nothing:
        for name in wanted:
            own = read(name)
            if isinstance(own, Invariant):
                _check_one_query(own, name, nothing)
            answer = own.ask(nothing)
            if answer.status == "unknown":
                hint = "; docs/history.md names the tables" if isinstance(own, Invariant) else ""
                raise VerdictError(f"{name}: {answer.reason}{hint}")


def _check_one_query(own: Invariant, name: str, history: History) -> None:
    try:
        found = found_for_a_select(history, own.sql)
    except duckdb.Error:
        return  # asking it says what is wrong
    if found is not None:
        raise HeaderError(f"{name}: expected one SELECT, got {found}")
