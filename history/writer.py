"""The append-only record of one process: JSON lines, one file a kind, written so that a kill loses at most the last line."""

import os
from hashlib import blake2b
from pathlib import Path
from typing import Any

import msgspec
import zstandard

from .compressed import COMPRESSED
from .records import Body, Call, Delivery, Effect, FaultMark, LoadSecond, WorkloadItem
from .seal import FileSeal, Tally, read_seal, write_seal

_HASH_BYTES = 12


class HistoryWriter:
    """Appends records to ``{folder}/{kind}-{process}.jsonl``; made for one thread, usually one event loop.

    Bodies are compressed (``bodies-{process}.jsonl.zst``); the rest can be read as it is.

    A record is encoded into memory at once. Bodies, effects and calls reach the operating system by ``flush_now``, which the
    tap calls before a reply leaves; everything by ``flush``, which the owner calls at least every 20 ms. What
    the operating system has survives the death of the process; nothing is fsynced, so a power cut can lose more.
    ``close`` seals the files (``history.seal``): a writer that was killed leaves none.
    The hashes of the bodies of late stay in memory (at most 10 MB of them); one that comes again after a very long time
    is kept once more.
    """

    __slots__ = (
        "_all",
        "_bodies",
        "_calls",
        "_deliveries",
        "_effects",
        "_faults",
        "_is_closed",
        "_load",
        "_seal",
        "_sealed_before",
        "_seen",
        "_seen_before",
        "_workload",
        "folder",
        "process",
    )

    def __init__(self, folder: Path, process: str) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        self.process = process
        self._seal = folder / f"seal-{process}.json"
        self._sealed_before = _taken_up(self._seal)
        self._effects = _Lines(folder / f"effects-{process}.jsonl")
        self._calls = _Lines(folder / f"calls-{process}.jsonl")
        self._deliveries = _Lines(folder / f"deliveries-{process}.jsonl")
        self._faults = _Lines(folder / f"faults-{process}.jsonl")
        self._load = _Lines(folder / f"load-{process}.jsonl")
        self._workload = _Lines(folder / f"workload-{process}.jsonl")
        self._bodies = _CompressedLines(folder / f"bodies-{process}.jsonl{COMPRESSED}")
        self._all = (
            self._bodies,
            self._effects,
            self._calls,
            self._deliveries,
            self._faults,
            self._load,
            self._workload,
        )
        self._is_closed = False
        self._seen: set[bytes] = set()
        self._seen_before: set[bytes] = set()

    def call(self, record: Call) -> None:
        self._calls.add(record)

    def effect(self, record: Effect) -> None:
        self._effects.add(record)

    def delivery(self, record: Delivery) -> None:
        self._deliveries.add(record)

    def fault(self, record: FaultMark) -> None:
        self._faults.add(record)

    def workload(self, record: WorkloadItem) -> None:
        self._workload.add(record)

    def load(self, record: LoadSecond) -> None:
        self._load.add(record)

    def body(self, raw: bytes) -> str:
        """Keep a body, once however often it is seen; returns its hash. Bytes that are no UTF-8 are kept as ``\\xNN``."""
        digest = blake2b(raw, digest_size=_HASH_BYTES).digest()
        name = digest.hex()
        if digest not in self._seen:
            if digest not in self._seen_before:
                self._bodies.add(Body(hash=name, text=raw.decode("utf-8", "backslashreplace")))
            if len(self._seen) >= REMEMBERED:
                self._seen_before, self._seen = self._seen, set()
            self._seen.add(digest)
        return name

    def flush_now(self) -> None:
        """Hand bodies, effects, then calls, to the operating system: a recorded call never lacks what it names or did."""
        if self._bodies.buffer:
            self._bodies.write()
        if self._effects.buffer:
            self._effects.write()
        if self._calls.buffer:
            self._calls.write()

    def flush(self) -> None:
        """Hand everything to the operating system; bodies go before the calls that name them."""
        for lines in self._all:
            if lines.buffer:
                lines.write()

    def close(self) -> None:
        """Flush, close and seal the files; the writer is of no use afterwards. Closing twice is harmless."""
        if self._is_closed:
            return
        self.flush()
        for lines in self._all:
            lines.close()
        self._is_closed = True
        ours = {lines.path.name: lines.tally.sealed() for lines in self._all}
        write_seal(self._seal, {**self._sealed_before, **ours})


def _taken_up(seal: Path) -> dict[str, FileSeal]:
    """What an earlier writer of the same name has sealed. It is no longer so, for there will be more."""
    try:
        files = read_seal(seal).files
    except (OSError, ValueError):
        return {}
    seal.unlink()
    return files


REMEMBERED = 32_768
"""Hashes of a generation; that before it is remembered too. What repeats does so soon: a retry, a page, an empty answer."""

_encode_into = msgspec.json.Encoder().encode_into

_COMPRESSION = 3
"""Bodies repeat each other, long lists above all: a fourteenth of them is left at this level, for 2 ns a byte."""


class _Lines:
    """One file and what it has yet to be given."""

    __slots__ = ("_file", "_lines", "buffer", "path", "tally")

    def __init__(self, path: Path) -> None:
        self.path = path
        self.tally = Tally()
        self.buffer = bytearray()
        self._lines = 0
        self._file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o644)
        size = os.lseek(self._file, 0, os.SEEK_END)
        if size:
            self.tally.take(path)
        if size and os.pread(self._file, 1, size - 1) != b"\n":
            self.buffer += b"\n"  # an earlier process was killed in mid-line: spoil only that line

    def add(self, record: msgspec.Struct) -> None:
        buffer = self.buffer
        start = len(buffer)
        try:
            _encode_into(record, buffer, -1)
        except UnicodeEncodeError:
            del buffer[start:]
            _encode_into(_without_surrogates(msgspec.to_builtins(record)), buffer, -1)
        buffer += b"\n"
        self._lines += 1

    def write(self) -> None:
        buffer = self.buffer
        written = os.write(self._file, buffer)
        while written < len(buffer):
            self.tally.add(buffer[:written], 0)
            del buffer[:written]
            written = os.write(self._file, buffer)
        self.tally.add(buffer, self._lines)
        self._lines = 0
        buffer.clear()

    def close(self) -> None:
        if self._file >= 0:
            os.close(self._file)
            self._file = -1


class _CompressedLines(_Lines):
    """As ``_Lines``, in one Zstandard frame that is flushed with every write: what was written can be read after a kill.

    A frame cannot be taken up again, so a second writer of the same process name has its own file.
    """

    __slots__ = ("_frame",)

    def __init__(self, path: Path) -> None:
        number = 1
        fresh = path
        while fresh.exists():
            number += 1
            fresh = path.with_name(path.name.replace(".jsonl", f"-{number}.jsonl"))
        super().__init__(fresh)
        self._frame = zstandard.ZstdCompressor(level=_COMPRESSION).compressobj()

    def write(self) -> None:
        whole = self._frame.compress(self.buffer)
        self.buffer[:] = whole + self._frame.flush(zstandard.COMPRESSOBJ_FLUSH_BLOCK)
        super().write()

    def close(self) -> None:
        if self._file >= 0:
            self.buffer[:] = self._frame.flush()
            super().write()
        super().close()


def _without_surrogates(value: Any) -> Any:
    """The same value with lone surrogates, which no UTF-8 can hold, written as ``\\udNNN``."""
    match value:
        case str():
            return value.encode("utf-8", "backslashreplace").decode()
        case dict():
            return {_without_surrogates(key): _without_surrogates(item) for key, item in value.items()}
        case list() | tuple():
            return [_without_surrogates(item) for item in value]
    return value
