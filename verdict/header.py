"""The header of a query's file: ``-- key: value`` comment lines in front of the SQL."""

import re
from collections.abc import Sequence
from difflib import get_close_matches
from pathlib import Path

from .errors import HeaderError

_LINE = re.compile(r"--\s*([a-z_]+):\s*(.*\S)\s*$")


def read_header(path: Path, required: Sequence[str]) -> tuple[dict[str, str], str]:
    """The header's keys and the whole SQL text of a file. HeaderError where a required key is missing, or no text is."""
    try:
        text = path.read_text("utf-8")
    except UnicodeDecodeError as error:
        at = error.object.count(b"\n", 0, error.start) + 1
        raise HeaderError(
            f"{path}:{at}: byte {error.object[error.start]:#04x} is not UTF-8; save the file as UTF-8"
        ) from None
    except OSError as error:
        raise HeaderError(f"{path}: cannot be read: {error.strerror}") from None
    header: dict[str, str] = {}
    for line in text.splitlines():
        if not line.startswith("--"):
            break
        if (match := _LINE.match(line)) is not None:
            header.setdefault(match[1], match[2])
    for key in required:
        if key not in header:
            near = get_close_matches(key, header, n=1)
            hint = f"; did you mean '-- {near[0]}:'?" if near else ""
            raise HeaderError(
                f"{path}: the header has no '-- {key}:' line; expected {', '.join(required)}{hint}"
            )
    return header, text.rstrip().rstrip(";")


def one_of(path: Path | str, key: str, value: str, known: Sequence[str]) -> str:
    """The value, if it is known. HeaderError otherwise."""
    if value not in known:
        raise HeaderError(f"{path}: {key} is {value!r}; expected one of {', '.join(known)}")
    return value
