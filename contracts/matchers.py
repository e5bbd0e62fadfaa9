"""From a recorded document to what a consumer can sensibly expect of the next: types and forms, few exact values."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from .schema import Side, branches

FORMS = {
    r"^-?\d+(\.\d+)?$": re.compile(r"-?\d+\.\d+"),
    r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)$": re.compile(
        r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)"
    ),
}
"""The form that a text of this kind is held to, an amount of "0" among them; any other text stands for its type."""
LISTED = "$.items[*]"
"""Where the documents of a page stand."""
NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


@dataclass(frozen=True, slots=True)
class Example:
    """A value with Pact's matching rules by JSON path."""

    value: Any
    rules: dict[str, Any] = field(default_factory=dict)


def example_of(
    document: Mapping[str, Any],
    exact: frozenset[str],
    without: frozenset[str] = frozenset(),
    schema: Side | None = None,
) -> Example:
    """The document as an example. Top-level fields in ``exact`` are expected as they are, those in ``without`` are not.

    A null and an empty list are left out, for they say nothing of what may stand there, and so is what ``schema`` says
    may be null; of a list the first entry stands for all. A list may be empty where ``schema`` does not require it, and
    in the documents of a page, for they are in different states.
    """
    rules: dict[str, Any] = {}
    value = {
        name: _shown(
            one, _at("$", name), rules, name in exact, _field(schema, name), _is_required(schema, name)
        )
        for name, one in document.items()
        if name not in without and not _is_silent(one) and _is_certain(schema, name)
    }
    return Example(value, rules)


def _shown(
    value: Any, path: str, rules: dict[str, Any], exact: bool, schema: Side | None, filled: bool = False
) -> Any:
    """``filled`` says whether a list is never empty."""
    if isinstance(value, Mapping):
        listed = path.startswith(LISTED)
        return {
            name: _shown(
                one,
                _at(path, name),
                rules,
                False,
                _field(schema, name),
                filled=not listed and _is_required(schema, name),
            )
            for name, one in value.items()
            if not _is_silent(one) and _is_certain(schema, name)
        }
    if isinstance(value, list):
        rules[path] = _rule([{"match": "type", "min": 1} if filled else {"match": "type"}])
        return [_shown(value[0], f"{path}[*]", rules, False, _entry(schema))]
    if not exact:
        rules[path] = _rule(_matcher(value))
    return value


def _at(path: str, name: str) -> str:
    return f"{path}.{name}" if NAME.fullmatch(name) else f"{path}['{name}']"


def _field(schema: Side | None, name: str) -> Side | None:
    """What the schema says of a field; None where it says nothing."""
    if schema is None:
        return None
    for branch in branches(schema):
        if name in branch.get("properties", {}):
            return schema.at(branch["properties"][name])
    return None


def _entry(schema: Side | None) -> Side | None:
    if schema is None:
        return None
    found = next(
        (branch["items"] for branch in branches(schema) if isinstance(branch.get("items"), dict)), None
    )
    return None if found is None else schema.at(found)


def _is_required(schema: Side | None, name: str) -> bool:
    return schema is None or any(name in branch.get("required", ()) for branch in branches(schema))


def _is_certain(schema: Side | None, name: str) -> bool:
    """Whether a field is never null."""
    field = _field(schema, name)
    return field is None or not any(branch.get("type") == "null" for branch in branches(field))


def _is_silent(value: Any) -> bool:
    return value is None or value == [] or value == {}


def _matcher(value: Any) -> list[dict[str, Any]]:
    if isinstance(value, str):
        for form, pattern in FORMS.items():
            if pattern.fullmatch(value):
                return of_form(form)
    elif isinstance(value, int) and not isinstance(value, bool):
        return [{"match": "integer"}]
    return [{"match": "type"}]


def of_form(form: str) -> list[dict[str, Any]]:
    """A text of this form: Pact's regular expressions alone would take a number for its digits."""
    return [{"match": "type"}, {"match": "regex", "regex": form}]


def _rule(matchers: list[dict[str, Any]]) -> dict[str, Any]:
    return {"combine": "AND", "matchers": matchers}
