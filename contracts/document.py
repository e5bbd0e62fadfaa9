"""Reads a JSON or YAML document from a file or a URL, and says in one line why it cannot."""

import json
from pathlib import Path
from typing import Any
from urllib.error import URLError
from urllib.request import urlopen

import yaml

from .errors import ContractsError

PATIENCE_S = 10.0


def is_url(source: str) -> bool:
    return source.startswith(("http://", "https://"))


def read(source: str) -> dict[str, Any]:
    """The mapping at a path or URL. Raises ContractsError."""
    text = _fetched(source) if is_url(source) else _on_disk(source)
    try:
        document = yaml.safe_load(text) if source.endswith((".yaml", ".yml")) else json.loads(text)
    except (ValueError, yaml.YAMLError) as error:
        raise ContractsError(f"{source}: cannot be read: {' '.join(str(error).split())}") from None
    if not isinstance(document, dict):
        raise ContractsError(f"{source}: holds a {type(document).__name__}; expected an object with keys")
    return document


def _on_disk(source: str) -> str:
    try:
        return Path(source).read_text("utf-8-sig")
    except FileNotFoundError:
        raise ContractsError(f"{source}: no such file; expected a path or an http(s) URL") from None
    except OSError as error:
        raise ContractsError(f"{source}: cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise ContractsError(f"{source}: is no text; expected JSON or YAML in UTF-8") from None


def _fetched(url: str) -> str:
    try:
        with urlopen(url, timeout=PATIENCE_S) as reply:
            text: str = reply.read().decode("utf-8-sig")
            return text
    except (URLError, OSError, ValueError) as error:
        reason = getattr(error, "reason", error)
        raise ContractsError(f"{url}: cannot be fetched: {reason}") from None
