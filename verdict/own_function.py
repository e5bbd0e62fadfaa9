"""An invariant as a Python function over a history that it can read and not change."""

import contextlib
import copy
import importlib.util
import inspect
import re
import sys
import traceback
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from difflib import get_close_matches
from pathlib import Path
from typing import Any, Self

import duckdb

from ..history.reader import History
from .claim import MOST_EXPLAINED, MOST_FINDINGS, OWN_LIMIT_S, REQUIRED, Claim, evidence_of, fields_of
from .errors import HeaderError, VerdictError
from .result import Finding, InvariantResult
from .time_limit import TookTooLong, within

KEYS = ("subject", "holds", "finding", "evidence", "order_ref", "guilty", "remedy", "explains")
LONGEST_WORDS = 300

_LINE = re.compile(r"\s*([a-z_]+):\s*(.*\S)\s*$")


class ReadOnly:
    """What a function may ask of a history: its tables by SELECT, its bodies, and what run.json says."""

    def __init__(self, history: History) -> None:
        self._history = history

    @property
    def run(self) -> dict[str, Any]:
        """What run.json says; a copy."""
        return copy.deepcopy(dict(self._history.run))

    def rows(self, sql: str, parameters: object = None) -> list[dict[str, Any]]:
        """The result of a query, a dictionary a row. ValueError where it is no SELECT."""
        return self._history.rows(self._checked(sql), parameters)

    def one(self, sql: str, parameters: object = None) -> Any:
        """The first value of the first row; None where there is no row. ValueError where it is no SELECT."""
        return self._history.one(self._checked(sql), parameters)

    def body(self, name: str) -> str | None:
        """The text of a body by its hash."""
        return self._history.body(name)

    def _checked(self, sql: str) -> str:
        if (found := found_for_a_select(self._history, sql)) is not None:
            raise ValueError(f"a history can only be read: expected one SELECT, got {found}")
        return sql


def found_for_a_select(history: History, sql: str) -> str | None:
    """What a text holds where one SELECT was expected, in words; null where it is one. Raises duckdb.Error."""
    kinds = [one.type for one in history.connection.extract_statements(sql)]
    if kinds == [duckdb.StatementType.SELECT]:
        return None
    return ", ".join(kind.name for kind in kinds) or "nothing"


class _WrongRow(Exception):
    """What the function gave is no row of an invariant."""


@dataclass(frozen=True, slots=True)
class OwnFunction(Claim):
    """A function that is given a ReadOnly and yields a dictionary a subject, with the keys of an invariant's columns.

    Its docstring is its header: the claim, and lines ``flow: …``, ``class: …``, ``severity: …``, ``remedy: …``.
    """

    function: Callable[[ReadOnly], Iterable[object]]
    file: Path

    @classmethod
    def of_file(cls, file: Path, name: str) -> Self:
        """Import it. VerdictError where that fails or it takes other arguments, HeaderError for its docstring."""
        place = f"{file}:{name}"
        function = getattr(_imported(file), name, None)
        if not inspect.isroutine(function) or inspect.isclass(function):
            raise VerdictError(f"{place}: is no function, but {type(function).__name__}")
        if inspect.iscoroutinefunction(function) or inspect.isasyncgenfunction(function):
            raise VerdictError(f"{place}: is asynchronous; write 'def', not 'async def'")
        try:
            inspect.signature(function).bind(None)
        except (TypeError, ValueError):
            raise VerdictError(
                f"{place}: must take one argument, the history; it is {name}{_signature(function)}"
            ) from None
        header = _header(inspect.getdoc(function) or "", place)
        return cls(id=name, **fields_of(header, place), function=function, file=file)

    def ask(self, history: History) -> InvariantResult:
        """Let it look. One that raises, gives no rows or does not end has the status ``unknown``, never a pass."""
        limit_s = OWN_LIMIT_S if self.limit_s is None else self.limit_s
        try:
            with _at_home(self.file):
                counted = within(
                    limit_s,
                    lambda: _counted(self.function(ReadOnly(history))),
                    history.connection.interrupt,
                )
            return self.result(
                counted.examined, counted.violated, _with_orders(history, counted.findings), counted.open
            )
        except TookTooLong:
            return self.took_too_long(limit_s, f"{self.id} in {self.file}")
        except _WrongRow as wrong:
            return self.unknown(f"{self.id} {wrong}")
        except (Exception, SystemExit) as error:  # noqa: BLE001  it is the user's own code, which may raise anything
            return self.unknown(f"{self.id} raised {_said(error, self.file)}")


@dataclass(slots=True)
class _Counted:
    """What the rows come to."""

    examined: int = 0
    violated: int = 0
    open: int = 0
    findings: list[Finding] = field(default_factory=list)


def _counted(rows: object) -> _Counted:
    if not isinstance(rows, Iterable) or isinstance(rows, str | bytes | Mapping):
        raise _WrongRow(f"gave {_short(rows)}; expected rows: yield a dictionary a subject")
    counted = _Counted()
    for row in rows:
        holds, finding = _read(row)
        counted.examined += 1
        counted.open += holds is None
        counted.violated += holds is False
        if holds is False and len(counted.findings) < MOST_FINDINGS:
            counted.findings.append(finding)
    return counted


def _imported(file: Path) -> object:
    """The module of a file, run anew. VerdictError where it raises."""
    spec = importlib.util.spec_from_file_location(f"peakproof_own_{file.stem}", file)
    if spec is None or spec.loader is None:
        raise VerdictError(f"{file}: cannot be imported; expected a .py file")
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses look for themselves there
    try:
        with _at_home(file):
            spec.loader.exec_module(module)
    except (Exception, SystemExit) as error:  # noqa: BLE001  it is the user's own code, which may raise anything
        raise VerdictError(f"{file}: cannot be imported: {_said(error, file)}") from None
    return module


@contextlib.contextmanager
def _at_home(file: Path) -> Iterator[None]:
    """Modules beside it can be imported, and what it prints does not spoil a document on stdout."""
    folder = str(file.resolve().parent)
    sys.path.append(folder)
    try:
        with contextlib.redirect_stdout(sys.stderr):
            yield
    finally:
        sys.path.remove(folder)


def _header(doc: str, place: str) -> dict[str, str]:
    """The docstring's keys; its first paragraph is the claim. HeaderError where a key is missing."""
    claim, _, rest = doc.strip().partition("\n\n")
    header = {"claim": " ".join(claim.split())} if claim else {}
    for line in rest.splitlines():
        if (match := _LINE.match(line)) is not None:
            header.setdefault(match[1], match[2])
    for key in REQUIRED:
        if key not in header:
            what = "first paragraph, the claim" if key == "claim" else f"'{key}:' line"
            near = get_close_matches(key, header, n=1)
            hint = f"; did you mean '{near[0]}:'?" if near and near[0] not in REQUIRED else ""
            raise HeaderError(
                f"{place}: its docstring has no {what}; expected the claim, an empty line, and lines "
                f"{', '.join(REQUIRED[1:])}{hint}"
            )
    return header


def _read(row: object) -> tuple[bool | None, Finding]:
    """Whether it holds, and the finding that it is if not."""
    if not isinstance(row, Mapping):
        raise _WrongRow(f"gave {_short(row)}; expected a dictionary with {', '.join(KEYS[:4])}")
    for key in row:
        if key not in KEYS:
            raise _WrongRow(f"gave the unknown key {key!r}; expected {', '.join(KEYS)}")
    missing = [key for key in KEYS[:4] if key not in row]
    if missing:
        raise _WrongRow(f"gave a row without {', '.join(missing)}: {_short(dict(row))}")
    subject, holds, finding, evidence = (row[key] for key in KEYS[:4])
    if not isinstance(subject, str) or not subject:
        raise _WrongRow(f"gave the subject {_short(subject)}; expected a text")
    if holds is not None and not isinstance(holds, bool):
        raise _WrongRow(f"gave holds {_short(holds)} for {subject}; expected True, False or None")
    if isinstance(evidence, str) or not isinstance(evidence, Iterable):
        raise _WrongRow(f"gave the evidence {_short(evidence)} for {subject}; expected a list of ids")
    named = evidence_of(evidence)
    if holds is False:
        if not isinstance(finding, str) or not finding:
            raise _WrongRow(f"gave the finding {_short(finding)} for {subject}; expected a sentence")
        if not named:
            raise _WrongRow(f"gave no evidence for {subject}; expected ids of the rows that prove it")
    for key in ("order_ref", "guilty", "remedy"):
        if row.get(key) is not None and not isinstance(row[key], str):
            raise _WrongRow(f"gave the {key} {_short(row[key])} for {subject}; expected a text or None")
    explains = row.get("explains")
    if isinstance(explains, str) or not isinstance(explains, Iterable | None):
        raise _WrongRow(
            f"gave explains {_short(explains)} for {subject}; expected a list of orders or subjects"
        )
    guilty: str | None = row.get("guilty")
    return holds, Finding(
        subject,
        str(finding),
        named,
        row.get("order_ref"),
        guilty=guilty,
        omission="guilty" in row and guilty is None,
        remedy=row.get("remedy"),
        explains=evidence_of(explains, MOST_EXPLAINED),
    )


def _with_orders(history: History, findings: list[Finding]) -> list[Finding]:
    """Where a row names no order and its subject is one, it is about that one; sorted as those of a query are."""
    known = {
        row["order_ref"]
        for row in history.rows(
            "SELECT order_ref FROM accepted_orders WHERE list_contains($1, order_ref)",
            [[one.subject for one in findings]],
        )
    }
    about = [
        replace(one, order_ref=one.order_ref or (one.subject if one.subject in known else None))
        for one in findings
    ]
    return sorted(about, key=lambda one: (one.about, one.subject))


def _signature(function: Callable[..., object]) -> str:
    try:
        return str(inspect.signature(function))
    except ValueError:
        return "(…)"


def _said(error: BaseException, file: Path) -> str:
    """``KeyError at mine.py:12: 'status'``: one line, with the place in the user's own file."""
    frames = traceback.extract_tb(error.__traceback__)
    lines = [frame.lineno for frame in frames if Path(frame.filename).resolve() == file.resolve()]
    where = f" at {file.name}:{lines[-1]}" if lines else ""
    return f"{type(error).__name__}{where}: {_short_text(str(error))}".removesuffix(": ")


def _short(value: object) -> str:
    return _short_text(repr(value))


def _short_text(text: str) -> str:
    text = " ".join(text.split())
    return text if len(text) <= LONGEST_WORDS else f"{text[: LONGEST_WORDS - 1]}…"
