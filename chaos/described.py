"""What a system's OpenAPI document says once the system has drifted: the same changes, made to the document."""

from collections.abc import Callable, Iterator, Mapping
from copy import deepcopy
from typing import Any

from .fields import LISTS

Document = dict[str, Any]
Schema = dict[str, Any]
Edit = Callable[[Schema, str], Schema]
"""From the schema of an object that may have a field, and its name, to the new schema of the object."""

BRANCHES = ("anyOf", "oneOf", "allOf")


def drifted(
    document: Document, operation: str | None, change: str, field: str | None, to: str | None
) -> Document:
    """A changed copy of an OpenAPI document; ``change``, ``field`` and ``to`` are those of the fault ``drifted``.

    Of one operation, or of all. What a document cannot say, as that Content-Type is missing, it does not say.
    """
    made = deepcopy(document)
    for methods, method in _named(made, operation):
        if change == "gone":
            del methods[method]
            continue
        told = methods[method]
        if change in ("need", "refuse"):
            edit = _needing if change == "need" else _refusing(to or "")
            _edit_contents(told.get("requestBody") or {}, field or "", edit, made)
            continue
        for status in [one for one in told["responses"] if one.startswith("2")]:
            answer = told["responses"][status]
            headers = {
                name: one
                for name, one in answer.get("headers", {}).items()
                if name.lower() != (field or "").lower()
            }
            match change:
                case "status":
                    told["responses"][str(to)] = told["responses"].pop(status)
                case "drop-header":
                    answer["headers"] = headers
                case "add-header":
                    answer["headers"] = {**headers, str(field): {"schema": {"type": "string"}}}
                case _:
                    _edit_contents(answer, field or "", _edit_of(change, to or ""), made)
    made["paths"] = {path: methods for path, methods in made["paths"].items() if methods}
    return made


def _named(document: Document, operation: str | None) -> Iterator[tuple[dict[str, Any], str]]:
    for methods in document["paths"].values():
        for method, told in list(methods.items()):
            if operation in (None, told["operationId"]):
                yield methods, method


def _edit_contents(message: dict[str, Any], field: str, edit: Edit, document: Document) -> None:
    for media, told in (message.get("content") or {}).items():
        if "json" in media and "schema" in told:
            told["schema"] = _edited_items(told["schema"], field.split("."), edit, document)


def _edited_items(schema: Schema, path: list[str], edit: Edit, document: Document) -> Schema:
    """Of a page, or of what became of a bulk call, each item is changed; else the whole."""
    whole = _resolved(schema, document)
    properties = whole.get("properties", {})
    name = next((one for one in LISTS if "items" in properties.get(one, {})), None)
    if name is None:
        return _edited(whole, path, edit, document)
    listed = {**properties[name], "items": _edited(properties[name]["items"], path, edit, document)}
    return {**whole, "properties": {**properties, name: listed}}


def _edited(schema: Schema, path: list[str], edit: Edit, document: Document) -> Schema:
    whole = _resolved(schema, document)
    for word in BRANCHES:
        if word in whole:
            whole = {**whole, word: [_edited(one, path, edit, document) for one in whole[word]]}
    if isinstance(whole.get("items"), dict):
        return {**whole, "items": _edited(whole["items"], path, edit, document)}
    name, *rest = path
    properties = whole.get("properties", {})
    if whole.get("type") != "object" and not properties:
        return whole
    if not rest:
        return edit(whole, name)
    if name not in properties:
        return whole
    return {**whole, "properties": {**properties, name: _edited(properties[name], rest, edit, document)}}


def _resolved(schema: Schema, document: Document) -> Schema:
    """A copy of its own: others that refer to the same stay as they are."""
    while "$ref" in schema:
        found: Any = document
        for key in schema["$ref"].removeprefix("#/").split("/"):
            found = found[key]
        schema = {**found, **{key: one for key, one in schema.items() if key != "$ref"}}
    return schema


# The changes


def _edit_of(change: str, to: str) -> Edit:
    def edit(schema: Schema, name: str) -> Schema:
        properties, required = dict(schema.get("properties", {})), list(schema.get("required", ()))
        if change == "add":
            return {
                **schema,
                "properties": {**properties, name: {"type": "string"}},
                "required": [*required, name],
            }
        if name not in properties:
            return schema
        told = properties.pop(name)
        if change in ("rename", "remove"):
            others = [one for one in required if one != name]
            if change == "rename":
                properties[to] = told
                others += [to] if name in required else []
            return {**schema, "properties": properties, "required": others}
        return {**schema, "properties": {**properties, name: CHANGED[change](told, to)}}

    return edit


def _retyped(told: Schema, _: str) -> Schema:
    """As ``changed-type`` does it: numbers become text, amounts in text numbers, a list its item, anything else a list."""
    kind = told.get("type")
    if {one.get("type") for one in told.get("anyOf", ())} == {"number", "string"}:
        return {"type": "number"}
    if kind == "array":
        return dict(told.get("items", {}))
    if kind in ("boolean", "integer", "number"):
        return {"type": "string"}
    return {"type": "number"} if kind == "string" and "pattern" in told else {"type": "array", "items": told}


def _nullable(told: Schema, _: str) -> Schema:
    return {"anyOf": [told, {"type": "null"}]}


def _valued(told: Schema, to: str) -> Schema:
    if "enum" in told:
        return {**told, "enum": [*told["enum"], to]}
    return told if told.get("type") == "string" and "const" not in told else {"type": "string"}


CHANGED: Mapping[str, Callable[[Schema, str], Schema]] = {
    "retype": _retyped,
    "null": _nullable,
    "value": _valued,
}


def _needing(schema: Schema, name: str) -> Schema:
    properties = {name: {"type": "string"}, **schema.get("properties", {})}
    return {**schema, "properties": properties, "required": [*schema.get("required", ()), name]}


def _refusing(to: str) -> Edit:
    def edit(schema: Schema, name: str) -> Schema:
        told = schema.get("properties", {}).get(name)
        if told is None:
            return schema
        if to in told.get("enum", ()):
            narrower = {**told, "enum": [one for one in told["enum"] if one != to]}
        else:
            narrower = {"allOf": [told, {"not": {"const": to}}]}
        return {**schema, "properties": {**schema["properties"], name: narrower}}

    return edit
