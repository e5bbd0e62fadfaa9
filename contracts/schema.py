"""What one JSON Schema allows and another does not: the question behind every breaking change.

What cannot be decided (``not``, ``if``, patterns that differ) counts as a gap: a false alarm is read and put aside, a
missed break is not seen at all. Only references inside the same document are followed.
"""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from .errors import ContractsError

Schema = Mapping[str, Any] | bool

UPPER = ("maxLength", "maxItems", "maxProperties")
LOWER = ("minLength", "minItems", "minProperties")
UNDECIDED = (
    "not",
    "if",
    "then",
    "else",
    "contains",
    "patternProperties",
    "prefixItems",
    "propertyNames",
    "dependentRequired",
    "dependentSchemas",
    "unevaluatedProperties",
)
"""Keywords that are compared as they stand: equal or not."""
FORMATS = {
    "date": r"\d{4}-\d\d-\d\d",
    "date-time": r"\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d:\d\d(\.\d+)?([Zz]|[+-]\d\d:\d\d)",
    "uuid": r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}",
    "uri": r"[A-Za-z][A-Za-z0-9+.-]*:.+",
    "email": r"[^@\s]+@[^@\s]+",
}
"""The formats that an example is held against."""


@dataclass(frozen=True, slots=True)
class Side:
    """A schema with the document that its references point into."""

    schema: Schema
    document: Mapping[str, Any]

    def at(self, schema: Schema) -> "Side":
        return Side(schema, self.document)


@dataclass(frozen=True, slots=True)
class Gap:
    """Something that the given side allows and the taken side does not."""

    path: str
    """Where in the document, e.g. ``$.lines[*].sku``."""
    rule: str
    """The keyword, or ``field`` (given has it, taken does not name it), ``absent`` (the other way), ``closed``."""
    given: Any
    taken: Any


def gaps(
    given: Side,
    taken: Side,
    tolerated: frozenset[str] = frozenset(),
    path: str = "$",
    seen: frozenset[tuple[int, int]] = frozenset(),
) -> Iterator[Gap]:
    """Every way in which a document that ``given`` allows may be none that ``taken`` allows.

    ``tolerated`` rules are not looked at. A schema that holds itself is entered once.
    """
    pair = (id(given.schema), id(taken.schema))
    if pair in seen:
        return
    seen |= {pair}
    candidates = [taken.at(one) for one in branches(taken)]
    told: list[Gap] = []
    for branch in branches(given):
        nearest: list[Gap] | None = None
        for candidate in candidates:
            found = list(_gaps_of_branch(given.at(branch), candidate, tolerated, path, seen))
            if nearest is None or _distance(found, path) < _distance(nearest, path):
                nearest = found
            if not found:
                break
        for gap in nearest or ():
            if gap.path == path and gap.rule == "type":
                gap = Gap(path, "type", types_of(given), types_of(taken))
            if gap not in told:
                told.append(gap)
                yield gap


def schema_of(value: object) -> dict[str, Any]:
    """The schema that this one JSON value and no other fits."""
    if isinstance(value, Mapping):
        return {
            "type": "object",
            "properties": {name: schema_of(one) for name, one in value.items()},
            "required": list(value),
            "additionalProperties": False,
        }
    if isinstance(value, list):
        found: dict[str, Any] = {"type": "array", "minItems": len(value), "maxItems": len(value)}
        if value:
            found["items"] = {"anyOf": [schema_of(one) for one in value]}
        else:
            found["items"] = False
        return found
    return {"type": _type_of(value), "enum": [value]}


def types_of(side: Side) -> str:
    """The types that a schema allows, in words."""
    return " or ".join(dict.fromkeys(str(one.get("type", "anything")) for one in branches(side)))


def branches(side: Side) -> list[dict[str, Any]]:
    """The alternatives of a schema, each of one type at most, references and ``allOf`` resolved at this level."""
    schema = resolved(side)
    for keyword in ("anyOf", "oneOf"):
        if keyword in schema:
            rest = {key: value for key, value in schema.items() if key != keyword}
            found = []
            for one in schema[keyword]:
                found += branches(side.at(_both(rest, resolved(side.at(one)))))
            return _gathered(found)
    types = schema.get("type")
    if types is None:
        inferred = _inferred(schema)
        return [_for_type(schema, one) for one in inferred] if inferred else [dict(schema)]
    listed = list(types) if isinstance(types, list) else [types]
    if schema.get("nullable") is True and "null" not in listed:
        listed.append("null")
    return [_for_type(schema, one) for one in listed]


def _gathered(found: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Alternatives that only enumerate, ``anyOf: [{const: a}, {const: b}]``, are one enumeration a type."""
    listed: dict[str, dict[str, Any]] = {}
    others = []
    for one in found:
        if one.keys() - {"type", "enum", "title", "description"} or "enum" not in one:
            others.append(one)
        elif (known := listed.get(one["type"])) is not None:
            known["enum"] = [*known["enum"], *one["enum"]]
        else:
            listed[one["type"]] = dict(one)
    return [*listed.values(), *others]


def resolved(side: Side) -> dict[str, Any]:
    """The schema without references and ``allOf`` at its top. Raises ContractsError for one that leads nowhere."""
    schema: Schema = side.schema
    if isinstance(schema, bool):
        return {} if schema else {"enum": []}
    found = dict(schema)
    for _ in range(100):
        if "$ref" in found:
            target = found.pop("$ref")
            found = _both(found, pointed_at(side.document, target))
        elif "allOf" in found:
            for part in found.pop("allOf"):
                found = _both(found, resolved(side.at(part)))
        else:
            return found
    raise ContractsError("a schema refers to itself without end")


def pointed_at(document: Mapping[str, Any], reference: str) -> dict[str, Any]:
    """What a local ``$ref`` names. Raises ContractsError."""
    if not reference.startswith("#/"):
        raise ContractsError(
            f"$ref {reference!r}: only references inside one document are followed; bundle it first"
        )
    place: Any = document
    for key in reference[2:].split("/"):
        key = key.replace("~1", "/").replace("~0", "~")
        if not isinstance(place, Mapping) or key not in place:
            raise ContractsError(f"$ref {reference!r}: there is nothing at that place")
        place = place[key]
    return dict(place) if isinstance(place, Mapping) else resolved(Side(place, document))


def _both(one: Mapping[str, Any], other: Mapping[str, Any]) -> dict[str, Any]:
    """A schema that asks for what both ask for; of two bounds the tighter."""
    merged = {**other, **one}
    for keyword in merged.keys() & one.keys() & other.keys():
        mine, yours = one[keyword], other[keyword]
        if keyword == "properties":
            merged[keyword] = {**yours, **mine}
        elif keyword == "required":
            merged[keyword] = [*mine, *(name for name in yours if name not in mine)]
        elif keyword == "enum":
            merged[keyword] = [value for value in mine if value in yours]
        elif keyword == "allOf":
            merged[keyword] = [*mine, *yours]
        elif keyword in UPPER or keyword in ("maximum",):
            merged[keyword] = min(mine, yours)
        elif keyword in LOWER or keyword in ("minimum",):
            merged[keyword] = max(mine, yours)
    return merged


def _inferred(schema: Mapping[str, Any]) -> list[str]:
    if "enum" in schema or "const" in schema:
        return list(dict.fromkeys(_type_of(value) for value in _values(schema) or ()))
    if "properties" in schema or "additionalProperties" in schema:
        return ["object"]
    return ["array"] if "items" in schema else []


def _for_type(schema: Mapping[str, Any], type_: str) -> dict[str, Any]:
    """With only those of the enumerated values that are of this type."""
    found = {**schema, "type": type_}
    values = _values(schema)
    if values is not None:
        found.pop("const", None)
        found["enum"] = [value for value in values if _is_of(value, type_)]
    return found


def _values(schema: Mapping[str, Any]) -> list[Any] | None:
    """The enumerated values; None for any."""
    if "const" in schema:
        return [schema["const"]]
    values = schema.get("enum")
    return None if values is None else list(values)


def _type_of(value: object) -> str:
    match value:
        case None:
            return "null"
        case bool():
            return "boolean"
        case int():
            return "integer"
        case float():
            return "integer" if value.is_integer() else "number"
        case str():
            return "string"
        case list():
            return "array"
    return "object"


def _is_of(value: object, type_: str) -> bool:
    found = _type_of(value)
    return found == type_ or (found == "integer" and type_ == "number")


def _distance(found: list[Gap], path: str) -> tuple[bool, int]:
    """How far a branch is from the one that was meant: another type is the farthest."""
    return any(gap.path == path and gap.rule == "type" for gap in found), len(found)


def _gaps_of_branch(
    given: Side, taken: Side, tolerated: frozenset[str], path: str, seen: frozenset[tuple[int, int]]
) -> Iterator[Gap]:
    g, t = resolved(given), resolved(taken)
    values = _values(g)
    if values == []:
        return
    if "type" in t and not _type_fits(g.get("type"), t["type"]):
        yield Gap(path, "type", g.get("type", "anything"), t["type"])
        return
    for gap in _gaps_of_value(g, t, values, path):
        if gap.rule not in tolerated:
            yield gap
    if t.get("type") == "object" or g.get("type") == "object":
        yield from _gaps_of_object(given, taken, tolerated, path, seen)
    if "items" in t:
        items = given.at(g.get("items", True))
        yield from gaps(items, taken.at(t["items"]), tolerated, f"{path}[*]", seen)


def _type_fits(given: object, taken: object) -> bool:
    return given == taken or (given == "integer" and taken == "number")


def _gaps_of_value(
    g: Mapping[str, Any], t: Mapping[str, Any], values: list[Any] | None, path: str
) -> Iterator[Gap]:
    allowed = _values(t)
    if allowed is not None:
        if values is None:
            yield Gap(path, "enum", "any value", allowed)
        elif strange := [value for value in values if value not in allowed]:
            yield Gap(path, "enum", strange, allowed)
    if values is not None:
        yield from _gaps_of_examples(values, t, path)
        return
    for keyword in ("format", "pattern", "multipleOf", "uniqueItems"):
        if t.get(keyword) not in (None, False) and g.get(keyword) != t[keyword]:
            yield Gap(path, keyword, g.get(keyword, "any"), t[keyword])
    for keyword in UPPER:
        if keyword in t and (keyword not in g or g[keyword] > t[keyword]):
            yield Gap(path, keyword, g.get(keyword, "any"), t[keyword])
    for keyword in LOWER:
        if t.get(keyword) and g.get(keyword, 0) < t[keyword]:
            yield Gap(path, keyword, g.get(keyword, "any"), t[keyword])
    for keyword, sign in (("maximum", 1), ("minimum", -1)):
        bound, limit = _bound(g, keyword, sign), _bound(t, keyword, sign)
        if limit is not None and (bound is None or bound > limit):
            yield Gap(path, keyword, _bound_in_words(g, keyword), _bound_in_words(t, keyword))
    for keyword in UNDECIDED:
        if keyword in t and g.get(keyword) != t[keyword]:
            yield Gap(path, keyword, g.get(keyword, "any"), t[keyword])


def _exclusive(keyword: str) -> str:
    return f"exclusive{keyword.capitalize()}"


def _bound(schema: Mapping[str, Any], keyword: str, sign: int) -> tuple[float, bool] | None:
    """Comparable: the greater lets more in. ``exclusiveMaximum: true`` is how OpenAPI 3.0 said it."""
    limit, exclusive = schema.get(keyword), schema.get(_exclusive(keyword))
    if isinstance(exclusive, bool):
        return None if limit is None else (sign * limit, not exclusive)
    found = [] if limit is None else [(sign * limit, True)]
    if exclusive is not None:
        found.append((sign * exclusive, False))
    return min(found, default=None)


def _bound_in_words(schema: Mapping[str, Any], keyword: str) -> object:
    exclusive = schema.get(_exclusive(keyword))
    if exclusive in (None, False):
        return schema.get(keyword, "any")
    return f"{schema[keyword] if exclusive is True else exclusive} (itself not)"


def _gaps_of_examples(values: list[Any], t: Mapping[str, Any], path: str) -> Iterator[Gap]:
    """Which of these very values the taken side does not let in."""
    for value in values:
        if isinstance(value, str):
            if (pattern := t.get("pattern")) is not None and not _matches(pattern, value):
                yield Gap(path, "pattern", value, pattern)
            if (form := FORMATS.get(t.get("format", ""))) is not None and not re.fullmatch(form, value):
                yield Gap(path, "format", value, t["format"])
            if len(value) > t.get("maxLength", len(value)):
                yield Gap(path, "maxLength", value, t["maxLength"])
            if len(value) < t.get("minLength", 0):
                yield Gap(path, "minLength", value, t["minLength"])
        elif isinstance(value, int | float) and not isinstance(value, bool):
            for keyword, sign in (("maximum", 1), ("minimum", -1)):
                limit = _bound(t, keyword, sign)
                if limit is not None and (sign * value, True) > limit:
                    yield Gap(path, keyword, value, _bound_in_words(t, keyword))


def _matches(pattern: str, value: str) -> bool:
    try:
        return re.search(pattern, value) is not None
    except re.error:  # a dialect that Python does not read is nobody's break
        return True


def _gaps_of_object(
    given: Side, taken: Side, tolerated: frozenset[str], path: str, seen: frozenset[tuple[int, int]]
) -> Iterator[Gap]:
    g, t = resolved(given), resolved(taken)
    has, wants = g.get("properties", {}), t.get("properties", {})
    has_rest, wants_rest = g.get("additionalProperties", True), t.get("additionalProperties", True)
    for name in wants:
        if name not in has and "absent" not in tolerated:
            yield Gap(f"{path}.{name}", "absent", None, name)
    if "required" not in tolerated:
        for name in t.get("required", ()):
            gone = name not in has and "absent" not in tolerated
            if name not in g.get("required", ()) and not gone:
                yield Gap(f"{path}.{name}", "required", name in has, True)
    for name, schema in has.items():
        place = f"{path}.{name}"
        if name in wants:
            yield from gaps(given.at(schema), taken.at(wants[name]), tolerated, place, seen)
        elif isinstance(wants_rest, Mapping) and wants_rest:
            yield from gaps(given.at(schema), taken.at(wants_rest), tolerated, place, seen)
        elif "field" not in tolerated:
            yield Gap(place, "field", name, None)
    if has_rest is False:
        return
    if wants_rest is False:
        if "closed" not in tolerated:
            yield Gap(path, "closed", True, False)
    elif isinstance(wants_rest, Mapping) and wants_rest:
        yield from gaps(given.at(has_rest), taken.at(wants_rest), tolerated, f"{path}.*", seen)


def in_words(value: object) -> str:
    """A value as JSON, short."""
    text = value if value and isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)
    return text if len(text) <= 80 else text[:77] + "…"
