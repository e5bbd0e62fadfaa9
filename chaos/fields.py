"""Finds and changes fields of JSON documents; a page, and what became of a bulk call, item by item.

A path is dotted (``ship_to.postcode``) and goes through lists: ``lines.quantity`` is that of every line.
"""

from collections.abc import Callable, Iterable
from enum import Enum
from typing import Any

from .errors import ChaosError
from .fault import Document


class _Left(Enum):
    ALONE = "left alone"
    GONE = "taken away"


ALONE = _Left.ALONE
"""What a change says of a value that it does not fit."""
GONE = _Left.GONE
"""What a change says of a field that is to be taken away."""

Change = Callable[[Any], Any]
"""From a field's value to its new one, ALONE or GONE."""

LISTS = ("items", "results")
"""Where a page and the answer to a bulk call keep their items."""


def check_path(path: str | None) -> None:
    """ChaosError for a path that names nothing."""
    if path is not None and not all(path.split(".")):
        raise ChaosError(f"field must be a name or a dotted path like 'ship_to.postcode', got {path!r}")


def changed(document: Document, paths: Iterable[str], change: Change) -> Document | None:
    """The document with the first of these fields changed that each of its items has; None where no item has one."""
    wanted = [path.split(".") for path in paths]

    def first(item: Any) -> Any:
        for path in wanted:
            result = _at(item, path, change)
            if result is not ALONE:
                return result
        return ALONE

    return changed_at_top(document, first)


def changed_at_top(document: Document, change: Change) -> Document | None:
    """The document with each of its items changed as a whole; None where the change fits none."""
    for name in LISTS:
        if isinstance(document.get(name), list):
            items = _each(document[name], change)
            return None if items is ALONE else {**document, name: items}
    result = change(document)
    return None if result is ALONE else result


def changed_everywhere(document: Document, wanted: Callable[[str], bool], change: Change) -> Document | None:
    """The document with every field of such a name changed, however deep; None where there is none."""

    def through(value: Any) -> Any:
        if isinstance(value, list):
            return _each(value, through)
        if not isinstance(value, dict):
            return ALONE
        told = {
            key: change(part) if wanted(key) and not isinstance(part, dict | list) else through(part)
            for key, part in value.items()
        }
        if all(part is ALONE for part in told.values()):
            return ALONE
        return {key: value[key] if part is ALONE else part for key, part in told.items()}

    result = through(document)
    return None if result is ALONE else result


def _at(value: Any, path: list[str], change: Change) -> Any:
    if isinstance(value, list):
        return _each(value, lambda part: _at(part, path, change))
    if not isinstance(value, dict) or path[0] not in value:
        return ALONE
    name, rest = path[0], path[1:]
    result = _at(value[name], rest, change) if rest else change(value[name])
    if result is ALONE:
        return ALONE
    if result is GONE:
        return {key: part for key, part in value.items() if key != name}
    return {**value, name: result}


def _each(values: list[Any], change: Change) -> Any:
    told = [change(value) for value in values]
    if all(part is ALONE for part in told):
        return ALONE
    return [value if part is ALONE else part for value, part in zip(values, told, strict=True)]
