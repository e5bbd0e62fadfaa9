"""``peakproof.toml`` as a document: its tables, and a line where it is none."""

import tomllib
from pathlib import Path
from typing import Any

from .errors import ConfigError, unknown

FILE = "peakproof.toml"

TABLES = ("sut", "judge")
"""``[sut]`` says how to reach the middleware, ``[judge]`` what it is judged by besides."""


def read_toml(path: Path) -> dict[str, Any]:
    """The tables of a peakproof.toml. ConfigError for a file that cannot be read, is no TOML or has other tables."""
    try:
        text = path.read_bytes().decode()
        document = tomllib.loads(text)
    except FileNotFoundError:
        raise ConfigError(f"{path}: no such file; see examples/ for one to start from") from None
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: cannot be read: {getattr(error, 'strerror', None) or error}") from None
    except tomllib.TOMLDecodeError as error:
        where = f"(at line {len(text.splitlines())}, its end)"
        said = str(error).replace("(at end of document)", where)
        raise ConfigError(f"{path}: is not TOML: {said}") from None
    for key in document:
        if key not in TABLES:
            raise ConfigError(f"{path}: {unknown('key', key, TABLES)}")
    return document
