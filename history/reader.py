"""A finished history as SQL tables: the record files of a run, loaded into DuckDB in one pass, and the views over them."""

import types
import typing
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from shutil import rmtree
from tempfile import TemporaryDirectory, mkdtemp
from typing import Any, Self, Union, get_args, get_origin
from weakref import finalize

import duckdb
import msgspec

from .compressed import COMPRESSED, decompressed, is_whole
from .errors import RecordError
from .facts import run_facts
from .interruption import Interruption
from .records import (
    HISTORY_VERSION,
    RECORDS,
    Body,
    Call,
    Delivery,
    Effect,
    FaultMark,
    Lines,
    LoadSecond,
    WorkloadItem,
)
from .seal import damage_of
from .state import StateDocument, write_state
from .writer import HistoryWriter

INTERRUPTED = "Query interrupted"
"""How the database says that the user has pressed Ctrl-C."""

VIEWS = Path(__file__).with_name("views.sql")

LINES_TYPE = "STRUCT(line_id VARCHAR, sku VARCHAR, quantity BIGINT, unit_price VARCHAR)[]"
AMOUNT_TYPE = "DECIMAL(18,4)"
SHOWN_TYPE = (
    "STRUCT(status VARCHAR, location VARCHAR, on_hand VARCHAR, "
    "order_ref VARCHAR, system VARCHAR, reason VARCHAR, since VARCHAR)"
)
"""What judging needs of a document's own fields; taking them out in the one pass is cheaper than keeping the text."""

Record = Call | Effect | Delivery | FaultMark | WorkloadItem | LoadSecond | Body


@dataclass(frozen=True, slots=True)
class Column:
    """One column of a table: as it is stored on disk, and as a query sees it."""

    name: str
    stored: str
    """SQL type that the JSON value is read as."""
    type: str
    """SQL type of the column."""
    expression: str
    """SQL that makes the column of the stored value."""
    required: bool = False


def columns_of(record: type[msgspec.Struct]) -> list[Column]:
    """The SQL columns of a record type, in the order of its fields; a field left out on disk has its default."""
    hints = typing.get_type_hints(record)
    found: list[Column] = []
    for field in msgspec.structs.fields(record):
        stored, seen, expression = _sql(field.name, hints[field.name])
        if field.name == "amount":
            found.append(Column("amount", "VARCHAR", AMOUNT_TYPE, f"TRY_CAST(amount AS {AMOUNT_TYPE})"))
            found.append(Column("amount_text", "", "VARCHAR", "amount"))
            continue
        if isinstance(field.default, bool):
            expression = f"coalesce({expression}, {field.default})"
        found.append(Column(field.name, stored, seen, expression, required=field.required))
    return found


def _sql(name: str, hint: Any) -> tuple[str, str, str]:
    """Stored type, seen type and expression for a field's type."""
    if get_origin(hint) in (Union, types.UnionType):
        hint = next(part for part in get_args(hint) if part is not type(None))
    if hint == Lines:
        parts = "line_id: x[1], sku: x[2], quantity: TRY_CAST(x[3] AS BIGINT), unit_price: x[4]"
        return "VARCHAR[][]", LINES_TYPE, f"[{{{parts}}} FOR x IN {name}]"
    if get_origin(hint) is dict:
        return "JSON", "JSON", name
    if get_origin(hint) is list:
        return "VARCHAR[]", "VARCHAR[]", name
    simple = {str: "VARCHAR", int: "BIGINT", bool: "BOOLEAN", float: "DOUBLE"}[hint]
    return simple, simple, name


def _released(interruption: Interruption, connection: duckdb.DuckDBPyConnection, spill: Path) -> None:
    """Also of a history that nobody could close: Ctrl-C may come between any two steps."""
    interruption.close()
    connection.close()
    rmtree(spill, ignore_errors=True)


def _translated(error: BaseException | None, folder: Path, *, doubtful: bool) -> BaseException | None:
    """What an error of the database really is; null where it is what it says.

    It says Ctrl-C in words of its own. Of a doubtful record a query that fails is the record's fault.
    """
    if (isinstance(error, RuntimeError) and str(error) == INTERRUPTED) or isinstance(
        error, duckdb.InterruptException
    ):
        return KeyboardInterrupt()
    if doubtful and isinstance(error, duckdb.Error):
        return RecordError(f"{folder}: the record is damaged: {str(error).splitlines()[0]}")
    return None


class History:
    """What happened in a run, ready to be queried; close it, or use it in a ``with`` block.

    ``connection`` is the in-memory DuckDB database whose tables docs/history.md describes. The files are not
    written to. Bodies are read from disk only when a query asks for them. A query can read no other file, reach no network
    and change no setting: whoever writes one gets the record, and nothing else of this machine.
    """

    def __init__(self, folder: Path, run: Mapping[str, Any], *, threads: int | None = None) -> None:
        """``folder`` is the run's; ``run`` is what run.json says, empty if there is none."""
        self.folder = folder
        self.run = run
        self.unreadable: dict[str, int] = {}
        """Lines that could not be read, by table; tables without any are left out."""
        self.damage: list[str] = []
        """What is no longer as the run left it, ``{file}: {what}``; of a damaged record nothing counts."""
        self._is_doubtful = False
        self._on_demand: list[Path] = []
        """Files that are read when a query asks for them."""
        self._spill = Path(mkdtemp(prefix="peakproof-"))
        self._own: TemporaryDirectory[str] | None = None
        settings: dict[str, Any] = {"temp_directory": str(self._spill), "preserve_insertion_order": False}
        if threads is not None:
            settings["threads"] = threads
        self.connection = duckdb.connect(":memory:", config=settings)
        interruption = Interruption(self.connection.interrupt)
        self._release = finalize(self, _released, interruption, self.connection, self._spill)
        try:
            self.damage += [*_too_new(run), *damage_of(folder, run)]
            self._load()
            self._lock()
        except BaseException:
            self.close()
            raise

    @classmethod
    def of_run(cls, path: Path, *, threads: int | None = None) -> Self:
        """Open the run in a folder (``run.json``, ``history/*.jsonl``, ``state/*.jsonl``), finished or cut off.

        FileNotFoundError where the folder holds no history, ValueError where run.json is damaged, RecordError where a record
        without a seal is so odd that no query can reckon with it, now or before the ``with`` block ends.
        """
        if not (path / "history").is_dir():
            raise FileNotFoundError(f"{path} is no run: it has no folder 'history'; expected e.g. runs/<id>")
        run = run_facts(path)
        is_sealed = bool(run.get("seal"))  # then what cannot be queried is our own mistake
        try:
            history = cls(path, run, threads=threads)
        except (duckdb.Error, RuntimeError) as error:
            raise _translated(error, path, doubtful=not is_sealed) or error from None
        history._is_doubtful = not is_sealed
        if run.get("finished_at") and not is_sealed:
            history._look_for_bodies()
        return history

    @classmethod
    def of_records(
        cls,
        records: Iterable[Record],
        *,
        state: Iterable[StateDocument] = (),
        parked: Sequence[Mapping[str, Any]] = (),
        run: Mapping[str, Any] | None = None,
    ) -> Self:
        """A history of literal records, as tests write them; without ``run`` it is one that has settled."""
        own = TemporaryDirectory(prefix="peakproof-", ignore_cleanup_errors=True)
        try:
            folder = Path(own.name)
            _write_records(folder / "history", records)
            for system, documents in _by_system([*state, *map(_exception, parked)]).items():
                write_state(folder / "state", system, documents)
            history = cls(folder, {"settled": True} if run is None else run, threads=1)
        except BaseException:
            own.cleanup()
            raise
        history._own = own
        return history

    @property
    def unreadable_lines(self) -> int:
        """How many lines of the record files could not be read; a kill in mid-line leaves one."""
        return sum(self.unreadable.values())

    def rows(self, sql: str, parameters: object = None) -> list[dict[str, Any]]:
        """The result of a query, a dictionary a row."""
        cursor = self.connection.execute(sql, parameters)
        names = [column[0] for column in cursor.description or ()]
        return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]

    def one(self, sql: str, parameters: object = None) -> Any:
        """The first value of the first row; None where there is no row."""
        row = self.connection.execute(sql, parameters).fetchone()
        return None if row is None else row[0]

    def body(self, name: str) -> str | None:
        """The text of a body by its hash; searches the files."""
        text: str | None = self.one("SELECT text FROM bodies WHERE hash = ? LIMIT 1", [name])
        return text

    def close(self) -> None:
        """Forget the tables. Closing twice is harmless."""
        self._release()
        if self._own is not None:
            self._own.cleanup()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: object) -> None:
        self.close()
        if (other := _translated(error, self.folder, doubtful=self._is_doubtful)) is not None:
            raise other from None

    def _load(self) -> None:
        for record in RECORDS:
            table = str(getattr(record, "table"))  # noqa: B009  mypy knows no class variable of type[Struct]
            files = [
                path
                for path in self._files("history", f"{table}-*.jsonl*")
                if path.suffix in (".jsonl", COMPRESSED)
            ]
            if record is Body:
                files = [self._whole(path) for path in files]
            self._create(table, record, files, lazy=record is Body)
        self._create_state()
        self._create_run()
        self.connection.execute(VIEWS.read_text("utf-8"))

    def _files(self, place: str, pattern: str) -> list[Path]:
        """The run's own files: what a link points to is not of the run, and who waits at a pipe waits for ever."""
        found = []
        for path in sorted((self.folder / place).glob(pattern)):
            if (self.folder / place).is_symlink() or path.is_symlink() or not path.is_file():
                self._note_damage(path, "is no file of the run's own folder")
            else:
                found.append(path)
        return found

    def _note_damage(self, path: Path, what: str) -> None:
        name = path.relative_to(self.folder).as_posix() if path.is_relative_to(self.folder) else path.name
        if not any(one.startswith(f"{name}: ") for one in self.damage):
            self.damage.append(f"{name}: {what}")

    def _look_for_bodies(self) -> None:
        """Of a run of an earlier version, which has no seal: whether every body is there that a call or a delivery names."""
        try:
            named, missing = self._bodies_named()
        except duckdb.Error as problem:
            self.damage.append(f"history/bodies-*: cannot be read: {str(problem).splitlines()[0]}")
            return
        if missing:
            self.damage.append(
                f"history/bodies-*: {missing:,} of {named:,} bodies that calls and deliveries name are missing"
            )

    def _bodies_named(self) -> tuple[int, int]:
        """How many are named, and how many of them are not there."""
        named, missing = self.connection.execute(
            "WITH named AS (SELECT request_body AS hash FROM calls UNION SELECT response_body FROM calls "
            "UNION SELECT body FROM deliveries) SELECT count(*), count(*) FILTER (WHERE hash NOT IN "
            "(SELECT hash FROM bodies)) FROM named WHERE hash IS NOT NULL"
        ).fetchall()[0]
        return named, missing

    def _lock(self) -> None:
        """From here on a query reads the tables, and the files that belong to them, alone."""
        files = ", ".join(_text(str(path)) for path in self._on_demand)
        self.connection.execute(f"SET allowed_paths = [{files}]")
        for setting, value in LOCKED.items():
            self.connection.execute(f"SET {setting} = {value}")

    def _whole(self, path: Path) -> Path:
        """A compressed file as it is; where a kill cut it off, what can be read of it."""
        if path.suffix != COMPRESSED or is_whole(path):
            return path
        readable = self._spill / path.stem
        readable.write_bytes(decompressed(path))
        return readable

    def _create(
        self, table: str, record: type[msgspec.Struct], files: list[Path], *, lazy: bool = False
    ) -> None:
        self._create_of_columns(table, columns_of(record), files, lazy=lazy)

    def _create_of_columns(
        self, table: str, columns: list[Column], files: list[Path], *, lazy: bool = False
    ) -> None:
        files = [path for path in files if path.stat().st_size]
        if not files:
            listed = ", ".join(f"{_quoted(c.name)} {c.type}" for c in columns)
            self.connection.execute(f"CREATE TABLE {table} ({listed})")
            return
        source = _read_json(files, {c.name: c.stored for c in columns if c.stored})
        chosen = ", ".join(f"{c.expression} AS {_quoted(c.name)}" for c in columns)
        whole = " AND ".join(f"{_quoted(c.name)} IS NOT NULL" for c in columns if c.required)
        if lazy:
            self._on_demand += files
            self.connection.execute(f"CREATE VIEW {table} AS SELECT {chosen} FROM {source} WHERE {whole}")
            return
        try:
            self.connection.execute(f"CREATE TABLE {table} AS SELECT {chosen} FROM {source}")
        except duckdb.Error as problem:
            self._note_damage(files[0], f"cannot be read: {str(problem).splitlines()[0]}")
            self._create_of_columns(table, columns, [])
            return
        broken = self.one(f"SELECT count(*) FROM {table} WHERE NOT ({whole})")
        if broken:
            self.unreadable[table] = broken
            self.connection.execute(f"DELETE FROM {table} WHERE NOT ({whole})")

    def _create_state(self) -> None:
        """``state``, read from disk when a query asks for it, and ``state_read``: of each document what judging needs."""
        files = self._files("state", "*.jsonl")
        self._create("state", StateDocument, files, lazy=True)
        columns = [
            *(column for column in columns_of(StateDocument) if column.name != "doc"),
            Column("doc", SHOWN_TYPE, SHOWN_TYPE, "doc", required=True),
        ]
        self._create_of_columns("state_read", columns, files)
        if "state_read" in self.unreadable:
            self.unreadable["state"] = self.unreadable.pop("state_read")

    def _create_run(self) -> None:
        """``run``: one row of facts; ``judged_flows``: the flows that this run is judged on."""
        self.connection.execute("CREATE TABLE run (id VARCHAR, settled BOOLEAN, facts JSON)")
        self.connection.execute(
            "INSERT INTO run VALUES (?, ?, ?)",
            [
                self.run.get("id"),
                self.run.get("settled") is True,
                msgspec.json.encode(dict(self.run)).decode(),
            ],
        )
        self.connection.execute("CREATE TABLE judged_flows (flow VARCHAR)")
        for flow in self.run.get("flows") or FLOWS:
            self.connection.execute("INSERT INTO judged_flows VALUES (?)", [flow])


LOCKED = {
    "autoinstall_known_extensions": "false",
    "autoload_known_extensions": "false",
    "allow_community_extensions": "false",
    "python_enable_replacements": "false",
    "enable_external_access": "false",
    "lock_configuration": "true",
}
"""In this order, for the last one forbids to set any more."""

FLOWS = ("order-to-erp", "order-to-ship", "stock-sync", "cancel", "return-to-refund", "price-publish")
"""Every flow there is; a history that names none is judged on all."""


def _too_new(run: Mapping[str, Any]) -> list[str]:
    version = run.get("history_version")
    if not isinstance(version, int) or version <= HISTORY_VERSION:
        return []
    return [
        f"run.json: is of history version {version}, and this peakproof reads up to {HISTORY_VERSION}: take a newer one"
    ]


def _quoted(name: str) -> str:
    return f'"{name}"'


def _text(value: str) -> str:
    return "'" + value.replace("'", "''") + "'"


def _read_json(files: list[Path], columns: Mapping[str, str]) -> str:
    """A table function over JSON lines; a line that is no JSON, or has a value of a wrong type, gives nulls."""
    paths = ", ".join(_text(str(path)) for path in files)
    listed = ", ".join(f"{_quoted(name)}: {_text(stored)}" for name, stored in columns.items())
    return f"read_json([{paths}], format = 'newline_delimited', ignore_errors = true, columns = {{{listed}}})"


def _write_records(folder: Path, records: Iterable[Record]) -> None:
    writer = HistoryWriter(folder, "literal")
    for record in records:
        match record:
            case Call():
                writer.call(record)
            case Effect():
                writer.effect(record)
            case Delivery():
                writer.delivery(record)
            case FaultMark():
                writer.fault(record)
            case WorkloadItem():
                writer.workload(record)
            case LoadSecond():
                writer.load(record)
            case Body():
                writer.body(record.text.encode())
    writer.close()


def _exception(parked: Mapping[str, Any]) -> StateDocument:
    order_ref = parked.get("order_ref")
    return StateDocument(
        system="sut", kind="exception", id=str(order_ref), order_ref=order_ref, doc=dict(parked)
    )


def _by_system(documents: Iterable[StateDocument]) -> dict[str, list[StateDocument]]:
    found: dict[str, list[StateDocument]] = {}
    for document in documents:
        found.setdefault(document.system, []).append(document)
    return found
