"""What must survive a crash, in SQLite: events taken, orders, tasks, publications, parked exceptions, cursors.

Changes are noted as they happen and written together: while one transaction is being committed in a thread, the
next gathers. ``commit`` returns once everything noted so far is on disk (write-ahead log, synchronous=NORMAL: it
survives the end of the process, not of the machine).
"""

import asyncio
import sqlite3
import time
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import msgspec
from msgspec import Struct

from .documents import Content
from .order import Order

SCHEMA = """
CREATE TABLE IF NOT EXISTS inbox (event_id TEXT PRIMARY KEY, topic TEXT, taken_at REAL, body BLOB) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS orders (ref TEXT PRIMARY KEY, content BLOB, state BLOB) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS tasks (key TEXT PRIMARY KEY, task BLOB) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS publications (topic TEXT, item TEXT, doc BLOB, PRIMARY KEY (topic, item)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS parked (key TEXT PRIMARY KEY, exception BLOB) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS cursors (list TEXT PRIMARY KEY, since TEXT) WITHOUT ROWID;
"""
GATHER_S = 0.002

Row = tuple[object, ...]


class Task(Struct, kw_only=True):
    """One call that must be made until it is answered for good; written down before the first attempt."""

    key: str
    """Unique; the Idempotency-Key is derived from it."""
    order_ref: str
    step: str
    ref: str
    method: str
    path: str
    body: bytes
    attempts: int = 0
    unclear: bool = False
    """An attempt may have been carried out although no answer says so."""
    generation: int = 0
    due_at: float = 0.0


class Parked(Struct, kw_only=True):
    """Something that a system refused for good, for a person to look at."""

    key: str
    order_ref: str | None
    system: str
    step: str
    reason: str
    since: str
    impact: str = ""


class StoreError(Exception):
    """The disk would not take it: nothing may be acknowledged any more."""


class Store:
    """Notes changes at once and writes them together. Read before ``start``; ``order`` may be asked at any time."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._writer = _connect(path)
        self._writer.executescript(SCHEMA)
        self._reader = _connect(path)
        self._thread = ThreadPoolExecutor(1, "store")
        self._orders: dict[str, Order] = {}
        self._contents: dict[str, Order] = {}
        self._rows: dict[str, dict[object, Row | None]] = {table: {} for table in _STATEMENTS}
        self._next: asyncio.Future[None] | None = None
        self._committing = False
        self.broken = False

    # Reading

    def order(self, ref: str) -> Order | None:
        """An order as last committed."""
        row = self._reader.execute("SELECT content, state FROM orders WHERE ref = ?", (ref,)).fetchone()
        if row is None:
            return None
        order = msgspec.json.decode(row[1], type=Order)
        if row[0] is not None:
            order.content = msgspec.json.decode(row[0], type=Content)
        return order

    def tasks(self) -> list[Task]:
        rows = self._reader.execute("SELECT task FROM tasks")
        return [msgspec.msgpack.decode(row[0], type=Task) for row in rows]

    def parked(self) -> list[Parked]:
        rows = self._reader.execute("SELECT exception FROM parked")
        return [msgspec.msgpack.decode(row[0], type=Parked) for row in rows]

    def publications(self, topic: str) -> Iterator[tuple[str, bytes]]:
        """Item and document of each."""
        yield from self._reader.execute("SELECT item, doc FROM publications WHERE topic = ?", (topic,))

    def cursor(self, name: str) -> str | None:
        row = self._reader.execute("SELECT since FROM cursors WHERE list = ?", (name,)).fetchone()
        return str(row[0]) if row is not None else None

    def recent_events(self, limit: int) -> list[str]:
        """Ids of the events taken last, oldest first."""
        rows = self._reader.execute("SELECT event_id FROM inbox ORDER BY taken_at DESC LIMIT ?", (limit,))
        return [row[0] for row in rows][::-1]

    # Noting

    def note_event(self, event_id: str, topic: str, body: bytes) -> None:
        self._rows["inbox"][event_id] = (event_id, topic, time.time(), body)

    def note_order(self, order: Order, *, with_content: bool = False) -> None:
        """The order is encoded when it is written, so noting it often costs little."""
        self._orders[order.ref] = order
        if with_content:
            self._contents[order.ref] = order

    def note_task(self, task: Task) -> None:
        self._rows["tasks"][task.key] = (task.key, msgspec.msgpack.encode(task))

    def drop_task(self, key: str) -> None:
        self._rows["tasks"][key] = None

    def note_parked(self, parked: Parked) -> None:
        self._rows["parked"][parked.key] = (parked.key, msgspec.msgpack.encode(parked))

    def drop_parked(self, key: str) -> None:
        self._rows["parked"][key] = None

    def note_publication(self, topic: str, item: str, doc: bytes) -> None:
        self._rows["publications"][topic, item] = (topic, item, doc)

    def note_cursor(self, name: str, since: str) -> None:
        self._rows["cursors"][name] = (name, since)

    # Writing

    def commit(self) -> asyncio.Future[None]:
        """Done when everything noted until now is on disk. Fails with StoreError.

        Each caller has a future of its own: a webhook whose sender hung up must not call off the others' writing.
        """
        if self._next is None:
            loop = asyncio.get_running_loop()
            self._next = loop.create_future()
            if not self._committing:
                loop.call_later(GATHER_S, self._write)
        return asyncio.shield(self._next)

    async def close(self) -> None:
        """Write what is left, and let go of the file."""
        await self.commit()
        self._thread.shutdown()
        self._reader.close()
        self._writer.close()

    def _write(self) -> None:
        done, self._next = self._next, None
        if done is None:
            return
        work = self._taken()
        self._committing = True
        writing = asyncio.get_running_loop().run_in_executor(self._thread, self._transact, work)
        writing.add_done_callback(lambda outcome: self._written(outcome, done))

    def _written(self, outcome: asyncio.Future[None], done: asyncio.Future[None]) -> None:
        self._committing = False
        error = outcome.exception()
        if error is not None:
            self.broken = True
            done.set_exception(StoreError(f"{type(error).__name__}: {error}"))
            done.exception()
        else:
            done.set_result(None)
        if self._next is not None:
            self._write()

    def _taken(self) -> list[tuple[str, list[Row]]]:
        """Everything noted, as statements with their rows."""
        work = []
        for table, (upsert, delete) in _STATEMENTS.items():
            rows = self._rows[table]
            if rows:
                self._rows[table] = {}
                kept = [row for row in rows.values() if row is not None]
                gone: list[Row] = [(key,) for key, row in rows.items() if row is None]
                work += [(upsert, kept), (delete, gone)]
        if self._orders:
            orders, contents = self._orders, self._contents
            self._orders, self._contents = {}, {}
            work.append((_ORDER, [(ref, _state(order)) for ref, order in orders.items()]))
            work.append((_CONTENT, [(msgspec.json.encode(o.content), ref) for ref, o in contents.items()]))
        return work

    def _transact(self, work: Iterable[tuple[str, list[Row]]]) -> None:
        connection = self._writer
        connection.execute("BEGIN IMMEDIATE")
        try:
            for statement, rows in work:
                if rows:
                    connection.executemany(statement, rows)
        except BaseException:
            connection.execute("ROLLBACK")
            raise
        connection.execute("COMMIT")


_STATEMENTS = {
    "inbox": ("INSERT OR IGNORE INTO inbox VALUES (?, ?, ?, ?)", "DELETE FROM inbox WHERE event_id = ?"),
    "tasks": ("INSERT OR REPLACE INTO tasks VALUES (?, ?)", "DELETE FROM tasks WHERE key = ?"),
    "parked": ("INSERT OR REPLACE INTO parked VALUES (?, ?)", "DELETE FROM parked WHERE key = ?"),
    "publications": ("INSERT OR REPLACE INTO publications VALUES (?, ?, ?)", "SELECT ?"),
    "cursors": ("INSERT OR REPLACE INTO cursors VALUES (?, ?)", "SELECT ?"),
}
_ORDER = (
    "INSERT INTO orders (ref, state) VALUES (?, ?) ON CONFLICT (ref) DO UPDATE SET state = excluded.state"
)
_CONTENT = "UPDATE orders SET content = ? WHERE ref = ?"


def _state(order: Order) -> bytes:
    """The order without its content, which never changes and is kept beside it."""
    return msgspec.json.encode(msgspec.structs.replace(order, content=None))


def _connect(path: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False, cached_statements=64)
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = NORMAL")
    connection.execute("PRAGMA busy_timeout = 5000")
    return connection
