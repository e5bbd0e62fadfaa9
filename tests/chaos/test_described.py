"""The drifted document: each change as OpenAPI says it, in one operation, and nothing else touched."""

from copy import deepcopy
from typing import Any

import pytest

from peakproof.chaos.described import drifted

DOCUMENT: dict[str, Any] = {
    "paths": {
        "/orders": {
            "post": {
                "operationId": "book",
                "requestBody": {"content": {"application/json": {"schema": {"$ref": "#/components/schemas/Order"}}}},
                "responses": {
                    "201": {
                        "headers": {"Location": {"schema": {"type": "string"}}},
                        "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Order"}}},
                    },
                    "422": {"content": {"application/problem+json": {"schema": {"type": "object"}}}},
                },
            },
            "get": {
                "operationId": "list",
                "responses": {"200": {"content": {"application/json": {"schema": {
                    "type": "object", "properties": {"items": {"type": "array", "items": {"$ref": "#/components/schemas/Order"}}},
                }}}}},
            },
        },
    },
    "components": {
        "schemas": {
            "Order": {
                "type": "object",
                "required": ["id", "lines"],
                "properties": {
                    "id": {"type": "string"},
                    "units": {"type": "integer"},
                    "total": {"anyOf": [{"type": "number"}, {"type": "string"}]},
                    "kind": {"type": "string", "enum": ["a", "b"]},
                    "lines": {"type": "array", "items": {"$ref": "#/components/schemas/Line"}},
                    "note": {"anyOf": [{"$ref": "#/components/schemas/Line"}, {"type": "null"}]},
                },
            },
            "Line": {"type": "object", "required": ["sku"], "properties": {"sku": {"type": "string"}}},
        }
    },
}  # fmt: skip
ORDER = DOCUMENT["components"]["schemas"]["Order"]
TEXT = {"type": "string"}


def schema_of(document: dict[str, Any], operation: str = "book", message: str = "201") -> dict[str, Any]:
    """Of an answer, or of the request."""
    told = next(one for one in document["paths"]["/orders"].values() if one["operationId"] == operation)
    part = told["requestBody"] if message == "request" else told["responses"][message]
    found: dict[str, Any] = part["content"]["application/json"]["schema"]
    return found


@pytest.mark.parametrize(
    ("change", "properties", "required"),
    [
        (("rename", "id", "key"), {"id": None, "key": TEXT}, ["lines", "key"]),
        (("rename", "units", "pieces"), {"units": None, "pieces": {"type": "integer"}}, ["id", "lines"]),
        (("remove", "id", None), {"id": None}, ["lines"]),
        (("remove", "nothing", None), {}, ["id", "lines"]),
        (("retype", "units", None), {"units": TEXT}, ["id", "lines"]),
        (("retype", "total", None), {"total": {"type": "number"}}, ["id", "lines"]),
        (("retype", "id", None), {"id": {"type": "array", "items": TEXT}}, ["id", "lines"]),
        (("retype", "lines", None), {"lines": {"$ref": "#/components/schemas/Line"}}, ["id", "lines"]),
        (("null", "id", None), {"id": {"anyOf": [TEXT, {"type": "null"}]}}, ["id", "lines"]),
        (("value", "kind", "c"), {"kind": {"type": "string", "enum": ["a", "b", "c"]}}, ["id", "lines"]),
        (("value", "units", "many"), {"units": TEXT}, ["id", "lines"]),
        (("add", "tier", "gold"), {"tier": TEXT}, ["id", "lines", "tier"]),
    ],
)
def test_a_field_of_the_answer(
    change: tuple[str, str, str | None], properties: dict[str, Any], required: list[str]
) -> None:
    made = drifted(DOCUMENT, "book", *change)
    expected = {name: one for name, one in {**ORDER["properties"], **properties}.items() if one is not None}
    assert schema_of(made) == {"type": "object", "required": required, "properties": expected}


@pytest.mark.parametrize("field", ["lines.sku", "note.sku"])
def test_a_field_inside_a_list_or_a_choice(field: str) -> None:
    made = drifted(DOCUMENT, "book", "rename", field, "article")
    inside = schema_of(made)["properties"][field.partition(".")[0]]
    line = inside["items"] if "items" in inside else inside["anyOf"][0]
    assert line == {"type": "object", "required": ["article"], "properties": {"article": TEXT}}


def test_of_a_page_it_is_each_item_and_without_an_operation_it_is_every_one() -> None:
    made = drifted(DOCUMENT, None, "remove", "id", None)
    assert "id" not in schema_of(made, "list", "200")["properties"]["items"]["items"]["properties"]
    assert "id" not in schema_of(made)["properties"]


def test_a_field_of_the_request() -> None:
    needed = schema_of(drifted(DOCUMENT, "book", "need", "hub", None), message="request")
    assert needed["required"] == ["id", "lines", "hub"]
    narrower = schema_of(drifted(DOCUMENT, "book", "refuse", "kind", "b"), message="request")
    assert narrower["properties"]["kind"] == {"type": "string", "enum": ["a"]}
    other = schema_of(drifted(DOCUMENT, "book", "refuse", "id", "7"), message="request")
    assert other["properties"]["id"] == {"allOf": [TEXT, {"not": {"const": "7"}}]}


def test_the_answer_as_a_whole() -> None:
    def answers(*change: Any) -> Any:
        return drifted(DOCUMENT, "book", *change)["paths"]["/orders"]["post"]["responses"]

    assert set(answers("status", None, "202")) == {"202", "422"}
    assert answers("drop-header", "location", None)["201"]["headers"] == {}
    assert set(answers("add-header", "X-Trace", "1")["201"]["headers"]) == {"Location", "X-Trace"}


def test_what_is_gone_is_not_described_and_the_rest_stays_as_it_is() -> None:
    before = deepcopy(DOCUMENT)
    made = drifted(DOCUMENT, "book", "gone", None, None)
    assert set(made["paths"]["/orders"]) == {"get"}
    assert drifted(DOCUMENT, None, "gone", None, None)["paths"] == {}
    renamed = drifted(DOCUMENT, "book", "rename", "id", "key")
    assert schema_of(renamed, message="request") == {"$ref": "#/components/schemas/Order"}
    assert schema_of(renamed, "list", "200") == schema_of(DOCUMENT, "list", "200")
    assert renamed["components"] == DOCUMENT["components"]
    assert before == DOCUMENT
