"""Turns what pydantic found in a user's file into one line: key path, value, what was expected, nearest names."""

import re
from collections.abc import Mapping, Sequence
from difflib import get_close_matches
from types import UnionType
from typing import Annotated, Any, Union, get_args, get_origin

from pydantic import BaseModel, ConfigDict, Field, Strict, ValidationError

from .errors import unknown

Loc = tuple[str | int, ...]
"""Where in a document: keys, and numbers in lists."""

LONGEST_VALUE = 80

Number = Annotated[float, Strict()]
Whole = Annotated[int, Strict()]
Flag = Annotated[bool, Strict()]
Seconds = Annotated[float, Strict(), Field(ge=0)]
SomeSeconds = Annotated[float, Strict(), Field(gt=0)]


class Value(BaseModel):
    """The ground of everything that users write: frozen, no unknown keys, no infinite numbers."""

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        allow_inf_nan=False,
        populate_by_name=True,
        serialize_by_alias=True,
        strict=False,
    )


class Wrong(ValueError):
    """Something is wrong at a place below the value that is being checked."""

    def __init__(self, loc: Loc, text: str) -> None:
        super().__init__(text)
        self.loc = loc


def problem(error: ValidationError, model: type[BaseModel], document: object) -> tuple[Loc, str]:
    """The most telling of the problems found: where it is, and the line after the place.

    A misspelt key comes first: what is missing because of it is no news.
    """
    found = [_one(one, model) for one in error.errors(include_url=False)]
    found.sort(key=lambda entry: not entry[1].startswith("unknown key"))
    loc, text = found[0]
    more = len({place for place, _ in found}) - 1
    if more:
        text += f" [and {more} more problem{'s' if more > 1 else ''}]"
    return loc, text


def path_of(loc: Loc, document: object) -> str:
    """A place as ``--set`` names it: keys with dots; an entry of a list by its ``id`` where it has one."""
    parts: list[str] = []
    for part in loc:
        name = str(part)
        document = _below(document, part)
        if isinstance(part, int) and isinstance(document, Mapping) and isinstance(document.get("id"), str):
            name = document["id"]
        parts.append(name)
    return ".".join(parts)


def shown(value: object) -> str:
    """A value as it is quoted back to the user; not endless."""
    text = repr(value)
    return text if len(text) <= LONGEST_VALUE else f"{text[: LONGEST_VALUE - 1]}…"


def keys_at(model: type[BaseModel], loc: Loc) -> list[str]:
    """The keys that a model knows at a place; none where the place takes any."""
    at: Any = model
    for part in loc:
        at = _bare(at)
        if isinstance(at, type) and issubclass(at, BaseModel):
            field = _fields(at).get(str(part))
            if field is None:
                return []
            at = field
        elif get_origin(at) in (list, tuple, Sequence):
            at = get_args(at)[0]
        elif get_origin(at) in (dict, Mapping):
            at = get_args(at)[1]
        else:
            return []
    at = _bare(at)
    return list(_fields(at)) if isinstance(at, type) and issubclass(at, BaseModel) else []


def _one(found: Any, model: type[BaseModel]) -> tuple[Loc, str]:
    loc: Loc = tuple(found["loc"])
    value, context = found.get("input"), found.get("ctx", {})
    match found["type"]:
        case "value_error":
            error = context["error"]
            return loc + (error.loc if isinstance(error, Wrong) else ()), str(error)
        case "extra_forbidden" | "unexpected_keyword_argument":
            return loc, unknown("key", loc[-1], keys_at(model, loc[:-1]))
        case "missing":
            return loc, "is missing"
        case "literal_error":
            near = get_close_matches(
                str(value), re.findall("'([^']*)'", context["expected"]), n=1, cutoff=0.5
            )
            hint = f"; did you mean {near[0]!r}?" if near else ""
            return loc, f"must be {context['expected']}, got {shown(value)}{hint}"
    return loc, f"must be {_expected(found['type'], context)}, got {shown(value)}"


def _expected(kind: str, context: Mapping[str, Any]) -> str:
    bounds = {
        "greater_than": ("above", "gt"),
        "greater_than_equal": ("at least", "ge"),
        "less_than": ("below", "lt"),
        "less_than_equal": ("at most", "le"),
    }
    if kind in bounds:
        word, key = bounds[kind]
        return f"{word} {context[key]:g}"
    words = {
        "string_type": "a text",
        "string_pattern_mismatch": "small letters, digits and hyphens",
        "string_too_short": "a text that is not empty",
        "too_short": "a list that is not empty",
        "bool_type": "true or false",
        "int_type": "a whole number",
        "int_from_float": "a whole number",
        "float_type": "a number",
        "float_parsing": "a number",
        "int_parsing": "a whole number",
        "bool_parsing": "true or false",
        "finite_number": "a finite number",
        "list_type": "a list",
        "tuple_type": "a list",
        "dict_type": "a table of keys",
        "mapping_type": "a table of keys",
        "model_type": "a table of keys",
        "model_attributes_type": "a table of keys",
    }
    return words.get(kind, f"something else ({kind.replace('_', ' ')})")


def _fields(model: type[BaseModel]) -> dict[str, Any]:
    return {field.alias or name: field.annotation for name, field in model.model_fields.items()}


def _bare(hint: Any) -> Any:
    """Without ``| None``."""
    if get_origin(hint) in (Union, UnionType):
        rest = [part for part in get_args(hint) if part is not type(None)]
        return rest[0] if len(rest) == 1 else hint
    return hint


def _below(document: object, part: str | int) -> object:
    if isinstance(document, Mapping):
        return document.get(part)
    if isinstance(document, list | tuple) and isinstance(part, int) and 0 <= part < len(document):
        return document[part]
    return None
