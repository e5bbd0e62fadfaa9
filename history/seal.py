"""What says whether a record is still as it was written: for each file its lines, its size and a hash.

Every writer seals its own files when it closes them (``history/seal-{process}.json``); the run seals those seals, the
final states and run.json when it ends (``seal.json``). So each file hangs on the run's seal, and nothing can be left out,
cut off, doubled, put in another order or altered without being seen. It is no signature: who alters a file and all seals
above it is not found out.
"""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from hashlib import sha256
from pathlib import Path
from typing import Any

import msgspec

from .compressed import COMPRESSED, is_whole, lines_in

SEAL_SCHEMA = "peakproof/seal/1"
SEAL_VERSION = 1
"""What a sealed run says of itself in run.json (``seal``)."""

OF_RUN = "seal.json"
_OF_WRITERS = "seal-*.json"
_RECORDS = "*.jsonl*"
_PIECE_BYTES = 1 << 16
_MOST_SEAL_BYTES = 1 << 24


class FileSeal(msgspec.Struct, frozen=True):
    """What one file holds."""

    lines: int
    """Lines of the record, of a compressed file those inside."""
    bytes: int
    """Size on disk."""
    sha256: str


class Seal(msgspec.Struct, frozen=True, kw_only=True):
    """The document of one seal: its files by their paths, as seen from its own folder."""

    schema: str
    files: dict[str, FileSeal]


class Tally:
    """What has gone into one file so far. Small pieces are hashed together: a hash of many is cheaper than many."""

    __slots__ = ("_hash", "_size", "_unhashed", "lines")

    def __init__(self) -> None:
        self.lines = 0
        self._size = 0
        self._hash = sha256()
        self._unhashed = bytearray()

    def add(self, data: bytes | bytearray, lines: int) -> None:
        """These bytes were written, with so many lines in them."""
        self.lines += lines
        unhashed = self._unhashed
        unhashed += data
        if len(unhashed) >= _PIECE_BYTES:
            self._digest()

    def take(self, path: Path) -> None:
        """All of a file, as it is on disk."""
        last = b"\n"
        with path.open("rb") as file:
            while data := file.read(_PIECE_BYTES):
                self.add(data, data.count(b"\n"))
                last = data[-1:]
        self.lines += last != b"\n"

    def sealed(self) -> FileSeal:
        self._digest()
        return FileSeal(self.lines, self._size, self._hash.hexdigest())

    def _digest(self) -> None:
        self._size += len(self._unhashed)
        self._hash.update(self._unhashed)
        self._unhashed.clear()


def seal_of_file(path: Path) -> FileSeal:
    """A file as it is now. OSError."""
    tally = Tally()
    tally.take(path)
    found = tally.sealed()
    if path.suffix != COMPRESSED:
        return found
    return FileSeal(lines_in(path), found.bytes, found.sha256)


def write_seal(path: Path, files: Mapping[str, FileSeal]) -> None:
    """Write a seal, whole or not at all."""
    part = path.with_name(f"{path.name}.part")
    document = msgspec.json.encode(Seal(schema=SEAL_SCHEMA, files=dict(files)))
    part.write_bytes(msgspec.json.format(document, indent=1) + b"\n")
    part.replace(path)


def read_seal(path: Path) -> Seal:
    """A seal. ValueError where it is damaged, OSError where it cannot be read."""
    if path.is_symlink() or not path.is_file():
        raise ValueError("it is no file of the run's own folder")
    if path.stat().st_size > _MOST_SEAL_BYTES:
        raise ValueError("it is too large for a seal")
    try:
        seal = msgspec.json.decode(path.read_bytes(), type=Seal)
    except RecursionError:
        raise ValueError("it is no seal") from None
    if seal.schema != SEAL_SCHEMA:
        raise ValueError(f"it is of the schema {seal.schema!r}, expected {SEAL_SCHEMA!r}")
    return seal


def seal_run(folder: Path) -> None:
    """Seal a run that has just ended: run.json, the final states, the writers' seals, and what no writer has sealed
    because its process was lost, as it is now."""
    covered: set[Path] = set()
    seals = sorted((folder / "history").glob(_OF_WRITERS))
    for path in seals:
        with suppress(ValueError):
            covered |= {path.parent / name for name in read_seal(path).files}
    rest = [path for path in _records(folder) if path not in covered]
    files = {path.relative_to(folder).as_posix(): seal_of_file(path) for path in (*seals, *rest)}
    run = folder / "run.json"
    write_seal(folder / OF_RUN, {"run.json": seal_of_file(run), **files})


def damage_of(folder: Path, run: Mapping[str, Any]) -> list[str]:
    """What is no longer as the run left it, a line a file: ``{file}: {what}``; nothing where all is whole.

    A run that was cut off has no seal, and one of an earlier version of peakproof has none either: nothing is said of them.
    """
    root = folder / OF_RUN
    damaged: list[str] = []
    if _is_there(root):
        seals = _seals_of(root, damaged)
    elif not run.get("finished_at"):
        return []
    elif run.get("seal"):
        return [f"{OF_RUN}: is missing, and the run ended properly"]
    else:
        seals = _read(sorted((folder / "history").glob(_OF_WRITERS)))
    known = {root}
    for seal_path, files in seals:
        for name, told in files.items():
            path = seal_path.parent / name
            if not _is_inside(path, folder):
                damaged.append(f"{_shown(seal_path, folder)}: names a file outside of the run: {name[:80]!r}")
                continue
            known.add(path)
            if (what := _difference(path, told)) is not None:
                damaged.append(f"{_shown(path, folder)}: {what}")
    if _is_there(root):
        damaged += [
            f"{_shown(path, folder)}: is not among what was written"
            for path in _records(folder)
            if path not in known
        ]
    return damaged


_Sealed = tuple[Path, Mapping[str, FileSeal]]
"""A seal and its files."""


def _seals_of(root: Path, damaged: list[str]) -> Iterator[_Sealed]:
    """The run's seal, and those that it names."""
    try:
        files = read_seal(root).files
    except (OSError, ValueError) as problem:
        damaged.append(f"{OF_RUN}: cannot be read: {_said(problem)}")
        return
    yield root, files
    paths = [root.parent / name for name in files]
    yield from _read(
        path for path in paths if path.match(f"history/{_OF_WRITERS}") and _is_inside(path, root.parent)
    )


def _read(paths: Iterable[Path]) -> Iterator[_Sealed]:
    """Those that can be read: of another one the run's own seal says that it is altered."""
    for path in paths:
        with suppress(OSError, ValueError):
            yield path, read_seal(path).files


def _difference(path: Path, told: FileSeal) -> str | None:
    """What a file has otherwise than it was sealed; null where nothing."""
    if not _is_there(path):
        return f"is missing, with its {_lines(told.lines)}" if told.bytes else None
    if path.is_symlink() or not path.is_file():
        return "is no file of the run's own folder"
    try:
        tally = Tally()
        tally.take(path)
        found = tally.sealed()
    except OSError as problem:
        return f"cannot be read: {_said(problem)}"
    if (found.bytes, found.sha256) == (told.bytes, told.sha256):
        return None
    if ".jsonl" not in path.name:
        return "is not as the run left it"
    lines = found.lines
    if path.suffix == COMPRESSED:
        lines = lines_in(path)
        if lines <= told.lines and not is_whole(path):
            return f"is broken: {lines:,} of its {_lines(told.lines)} can be read"
    if lines < told.lines:
        return f"{told.lines - lines:,} of its {_lines(told.lines)} {'is' if told.lines - lines == 1 else 'are'} missing"
    if lines > told.lines:
        return f"has {_lines(lines)}, and {told.lines:,} were written"
    return (
        "its 1 line is altered"
        if told.lines == 1
        else f"its {_lines(told.lines)} are altered, or in another order"
    )


def _records(folder: Path) -> list[Path]:
    """Every file of the record's lines."""
    return sorted(
        path
        for place in ("history", "state")
        for path in (folder / place).glob(_RECORDS)
        if path.suffix in (".jsonl", COMPRESSED)
    )


def _is_there(path: Path) -> bool:
    return path.is_symlink() or path.exists()


def _is_inside(path: Path, folder: Path) -> bool:
    return ".." not in path.parts and path.is_relative_to(folder)


def _shown(path: Path, folder: Path) -> str:
    return path.relative_to(folder).as_posix()


def _lines(number: int) -> str:
    return f"{number:,} line" if number == 1 else f"{number:,} lines"


def _said(problem: Exception) -> str:
    return str(getattr(problem, "strerror", None) or problem)
