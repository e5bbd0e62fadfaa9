"""What breaks a caller is found and named, what breaks nobody is left alone: in copies of the estate's own documents."""

import copy
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from peakproof.cli import app
from peakproof.contracts.compare import breaks_between, breaks_of_pact, compare
from peakproof.contracts.errors import ContractsError
from peakproof.contracts.openapi import Api
from peakproof.contracts.pact_file import pact_of

HERE = Path(__file__).parent
OPENAPI = HERE.parents[1] / "docs" / "openapi"
DOCUMENTS = {path.stem: json.loads(path.read_text("utf-8")) for path in OPENAPI.glob("*.json")}

Plant = Callable[[dict[str, Any]], object]


def operation(document: dict[str, Any], name: str) -> dict[str, Any]:
    found: dict[str, Any] = next(
        told
        for methods in document["paths"].values()
        for told in methods.values()
        if told["operationId"] == name
    )
    return found


def fields(document: dict[str, Any], schema: str) -> dict[str, Any]:
    found: dict[str, Any] = document["components"]["schemas"][schema]["properties"]
    return found


def needed(document: dict[str, Any], schema: str) -> list[str]:
    found: list[str] = document["components"]["schemas"][schema]["required"]
    return found


def without_field(document: dict[str, Any], schema: str, name: str) -> None:
    del fields(document, schema)[name]
    needed(document, schema).remove(name)


def with_field(document: dict[str, Any], schema: str, name: str) -> None:
    fields(document, schema)[name] = {"type": "string"}
    needed(document, schema).append(name)


def renamed(document: dict[str, Any], schema: str, old: str, new: str) -> None:
    properties = fields(document, schema)
    properties[new] = properties.pop(old)
    names = needed(document, schema)
    names[names.index(old)] = new


def without_parameter(document: dict[str, Any], of: str, name: str) -> None:
    told = operation(document, of)
    told["parameters"] = [one for one in told["parameters"] if one["name"] != name]


def parameter(document: dict[str, Any], of: str, name: str) -> dict[str, Any]:
    found: dict[str, Any] = next(one for one in operation(document, of)["parameters"] if one["name"] == name)
    return found


def with_parameter(document: dict[str, Any], of: str, required: bool) -> None:
    one = {"name": "tenant", "in": "query", "required": required, "schema": {"type": "string"}}
    operation(document, of)["parameters"].append(one)


def both(document: dict[str, Any], *plants: Plant) -> None:
    for plant in plants:
        plant(document)


BREAKS: list[tuple[str, str, Plant, str, str]] = [
    ("operation removed", "erp", lambda d: d["paths"].pop("/v1/jobs/{job_id}"), "operation", "get_job"),
    ("path renamed", "wms", lambda d: d["paths"].update({"/v1/picks": d["paths"].pop("/v1/fulfilments")}),
     "operation", "create_fulfilment"),
    ("response field removed", "erp",
     lambda d: without_field(d, "Job", "order_ref"), "absent", "order_ref"),
    ("response field renamed", "payments", lambda d: renamed(d, "Payment", "payment_id", "id"),
     "absent", "payment_id"),
    ("field deep inside removed", "erp",
     lambda d: without_field(d, "Address", "city"), "absent", "city"),
    ("response field may be missing", "oms", lambda d: needed(d, "Order").remove("order_id"),
     "required", "order_id"),
    ("response field may be null", "oms",
     lambda d: fields(d, "Order").update(status={"type": ["string", "null"]}), "type", "status"),
    ("response type changed", "wms", lambda d: fields(d, "StockLevel")["on_hand"].update(type="string"),
     "type", "on_hand"),
    ("response list became one", "erp",
     lambda d: fields(d, "SalesOrder").update(lines={"$ref": "#/components/schemas/OrderLine"}),
     "type", "lines"),
    ("status removed", "erp", lambda d: operation(d, "create_sales_order")["responses"].pop("409"),
     "status", "409"),
    ("success became another", "erp",
     lambda d: (r := operation(d, "create_sales_order")["responses"]).update({"202": r.pop("201")}),
     "status", "201"),
    ("status new", "payments",
     lambda d: operation(d, "capture_payment")["responses"].update({"402": {"description": "no"}}),
     "new-status", "402"),
    ("header dropped", "oms", lambda d: operation(d, "create_order")["responses"]["429"].pop("headers"),
     "header", "retry-after"),
    ("header type changed", "oms",
     lambda d: operation(d, "create_order")["responses"]["429"]["headers"]["Retry-After"].update(
         schema={"type": "string"}), "type", "retry-after"),
    ("response media type changed", "wms",
     lambda d: (c := operation(d, "list_stock")["responses"]["200"]["content"]).update(
         {"application/xml": c.pop("application/json")}), "media-type", "list_stock"),
    ("request field new and needed", "erp",
     lambda d: with_field(d, "OrderContent", "vat_id"), "required", "create_sales_order"),
    ("request field needed now", "erp", lambda d: needed(d, "OrderContent").append("channel"),
     "required", "channel"),
    ("request field taken no more", "erp", lambda d: fields(d, "CreditMemoRequest").pop("return_id"),
     "field", "return_id"),
    ("request enum narrowed", "erp",
     lambda d: fields(d, "OrderContent")["service_level"]["enum"].remove("same_day"), "enum", "same_day"),
    ("request type changed", "erp", lambda d: fields(d, "OrderLine")["quantity"].update(type="string"),
     "type", "quantity"),
    ("request format changed", "erp", lambda d: fields(d, "OrderContent")["ship_by"].update(format="date"),
     "format", "ship_by"),
    ("request format dropped from a union", "erp",
     lambda d: fields(d, "OrderContent")["total"]["anyOf"].pop(0), "type", "total"),
    ("request pattern changed", "erp", lambda d: fields(d, "OrderContent")["currency"].update(pattern="^EUR$"),
     "pattern", "currency"),
    ("request text shorter", "erp", lambda d: fields(d, "OrderContent")["order_ref"].update(maxLength=20),
     "maxLength", "order_ref"),
    ("request number smaller", "erp", lambda d: fields(d, "OrderContent")["priority"].update(maximum=5),
     "maximum", "priority"),
    ("request number above", "erp",
     lambda d: fields(d, "OrderLine")["quantity"].update(exclusiveMinimum=1), "minimum", "quantity"),
    ("request list shorter", "erp", lambda d: fields(d, "OrderContent")["lines"].update(maxItems=100),
     "maxItems", "lines"),
    ("unknown fields refused", "erp",
     lambda d: d["components"]["schemas"]["OrderContent"].update(additionalProperties=False),
     "closed", "create_sales_order"),
    ("request media type changed", "erp",
     lambda d: (c := operation(d, "create_invoice")["requestBody"]["content"]).update(
         {"application/xml": c.pop("application/json")}), "media-type", "application/json"),
    ("parameter removed", "marketplace", lambda d: without_parameter(d, "list_orders", "updated_since"),
     "parameter", "updated_since"),
    ("parameter limit tightened", "marketplace",
     lambda d: parameter(d, "list_orders", "limit")["schema"].update(maximum=50), "maximum", "limit"),
    ("parameter new and needed", "marketplace", lambda d: with_parameter(d, "list_orders", True),
     "required", "tenant"),
    ("header needed now", "payments",
     lambda d: parameter(d, "capture_payment", "Idempotency-Key").update(required=True),
     "required", "idempotency-key"),
    ("scope needed now", "erp",
     lambda d: operation(d, "list_items").update(security=[{"oauth2": ["admin"]}]), "security", "list_items"),
    ("base path moved", "erp", lambda d: d.update(servers=[{"url": "https://erp.example/api"}]),
     "base-path", "/api"),
]  # fmt: skip

COMPATIBLE: list[tuple[str, str, Plant]] = [
    ("nothing changed", "marketplace", lambda d: d),
    ("new operation", "erp", lambda d: d["paths"].update(
        {"/v1/vendors": {"get": {"operationId": "list_vendors", "responses": {"200": {"description": "all"}}}}})),
    ("new field in a response", "erp", lambda d: with_field(d, "Job", "eta")),
    ("new optional field in a request", "erp",
     lambda d: fields(d, "InvoiceRequest").update(note={"type": "string"})),
    ("new optional parameter", "oms", lambda d: with_parameter(d, "list_orders", False)),
    ("request enum widened", "erp",
     lambda d: fields(d, "OrderContent")["service_level"]["enum"].append("drone")),
    ("request limit loosened", "erp", lambda d: fields(d, "OrderContent")["order_ref"].update(maxLength=128)),
    ("request field optional now", "erp", lambda d: needed(d, "OrderContent").remove("priority")),
    ("request takes numbers too", "wms",
     lambda d: parameter(d, "list_stock", "limit")["schema"].update(type="number")),
    ("request pattern dropped", "erp", lambda d: fields(d, "OrderContent")["currency"].pop("pattern")),
    ("new header in a response", "wms",
     lambda d: operation(d, "list_stock")["responses"]["200"].update(
         headers={"X-Total": {"schema": {"type": "integer"}}})),
    ("response always there now", "erp", lambda d: needed(d, "SalesOrder").append("posted_at")),
    ("response never null now", "erp",
     lambda d: fields(d, "SalesOrder").update(posted_at={"type": "string"})),
    ("response tighter", "erp", lambda d: fields(d, "SalesOrder")["channel"].update(maxLength=10)),
    ("words changed", "payments", lambda d: operation(d, "capture_payment").update(description="other words")),
    ("path parameter renamed", "erp",
     lambda d: (d["paths"].update({"/v1/jobs/{id}": d["paths"].pop("/v1/jobs/{job_id}")}),
                parameter(d, "get_job", "job_id").update(name="id"))),
    ("schema moved and renamed", "erp", lambda d: both(
        d, lambda d: d["components"]["schemas"].update(Task=d["components"]["schemas"]["Job"]),
        lambda d: operation(d, "get_job")["responses"]["200"]["content"].update(
            {"application/json": {"schema": {"$ref": "#/components/schemas/Task"}}}))),
    ("limit said the other way", "erp",
     lambda d: (q := fields(d, "OrderContent")["priority"]).update(exclusiveMaximum=10) or q.pop("maximum")),
    ("key optional as before, longer", "erp",
     lambda d: parameter(d, "create_sales_order", "Idempotency-Key")["schema"].update(maxLength=999)),
]  # fmt: skip


@pytest.mark.parametrize(
    ("system", "plant", "rule", "named"), [pytest.param(*one[1:], id=one[0]) for one in BREAKS]
)
def test_a_planted_break_is_found_and_says_who_is_broken(
    system: str, plant: Plant, rule: str, named: str
) -> None:
    new = copy.deepcopy(DOCUMENTS[system])
    plant(new)
    found = list(breaks_between(Api(DOCUMENTS[system], "old"), Api(new, "new")))
    told = [one for one in found if one.rule == rule]
    assert told, [(one.where, one.rule, one.why) for one in found]
    assert any(named in f"{one.operation} {one.where} {one.why}" for one in told), told
    assert all(one.who and one.why for one in found)


@pytest.mark.parametrize(("system", "plant"), [pytest.param(*one[1:], id=one[0]) for one in COMPATIBLE])
def test_a_compatible_change_breaks_nobody(system: str, plant: Plant) -> None:
    new = copy.deepcopy(DOCUMENTS[system])
    plant(new)
    assert list(breaks_between(Api(DOCUMENTS[system], "old"), Api(new, "new"))) == []


def test_there_are_as_many_plants_as_were_asked_for() -> None:
    assert len(BREAKS) >= 20
    assert len(COMPATIBLE) >= 10


@pytest.mark.parametrize("system", sorted(DOCUMENTS))
def test_a_document_breaks_nobody_of_its_own(system: str) -> None:
    api = Api(DOCUMENTS[system], system)
    assert list(breaks_between(api, api)) == []


# Schemas that the estate's own documents do not hold


def body(schema: dict[str, Any], **components: Any) -> dict[str, Any]:
    content = {"content": {"application/json": {"schema": schema}}}
    return {
        "openapi": "3.1.0",
        "paths": {"/a": {"post": {"requestBody": content, "responses": {"200": content}}}},
        "components": {"schemas": components},
    }


def rules(old: dict[str, Any], new: dict[str, Any]) -> set[tuple[str, str]]:
    found = breaks_between(Api(old, "old"), Api(new, "new"))
    return {(one.where.split()[0], one.rule) for one in found}


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        pytest.param({"type": "string"}, {"type": ["string", "null"]}, {("response", "type")}, id="null"),
        pytest.param(
            {"type": "string", "nullable": True}, {"type": "string"}, {("request", "type")}, id="OpenAPI 3.0"
        ),
        pytest.param(
            {"enum": ["a", "b"]}, {"oneOf": [{"const": "a"}, {"const": "b"}]}, set(), id="an enum in parts"
        ),
        pytest.param({"enum": ["a"]}, {"enum": ["a", "b"]}, {("response", "enum")}, id="a new value comes"),
        pytest.param(
            {"type": "object", "additionalProperties": {"type": "integer"}},
            {"type": "object", "additionalProperties": {"type": "string"}},
            {("request", "type"), ("response", "type")},
            id="values of a map",
        ),
        pytest.param(
            {"allOf": [{"type": "integer"}, {"maximum": 9}]},
            {"type": "integer", "maximum": 9},
            set(),
            id="allOf",
        ),
        pytest.param(
            {"type": "integer"}, {"type": "integer", "multipleOf": 2}, {("request", "multipleOf")}, id="even"
        ),
        pytest.param({"type": "string"}, {"not": {"const": "x"}}, {("request", "not"), ("response", "type")},
                     id="what cannot be decided counts"),
        pytest.param({}, {}, set(), id="anything"),
    ],
)  # fmt: skip
def test_schemas_of_other_houses(
    old: dict[str, Any], new: dict[str, Any], expected: set[tuple[str, str]]
) -> None:
    assert rules(body(old), body(new)) == expected


def test_a_schema_that_holds_itself_is_read_to_its_end() -> None:
    def tree(kind: str) -> dict[str, Any]:
        node = {
            "type": "object",
            "properties": {"v": {"type": kind}, "next": {"$ref": "#/components/schemas/Node"}},
        }
        return body({"$ref": "#/components/schemas/Node"}, Node=node)

    assert rules(tree("string"), tree("string")) == set()
    assert rules(tree("string"), tree("integer")) == {("request", "type"), ("response", "type")}


@pytest.mark.parametrize(
    ("document", "said"),
    [
        pytest.param({"swagger": "2.0"}, "no key 'openapi'", id="Swagger"),
        pytest.param({"openapi": "4.0"}, "expected an OpenAPI 3.1", id="of the future"),
        pytest.param({"openapi": "3.1.0", "paths": {}}, "nothing to compare", id="without operations"),
        pytest.param(body({"$ref": "#/components/schemas/Gone"}), "nothing at that place", id="dangling"),
    ],
)
def test_what_cannot_be_compared_is_said(document: dict[str, Any], said: str) -> None:
    with pytest.raises(ContractsError, match=said):
        list(breaks_between(Api(body({}), "old"), Api(document, "new")))
        list(breaks_between(Api(document, "old"), Api(document, "new")))


# A pact and an API


def pact(version: int, **changes: Any) -> dict[str, Any]:
    """An order that the ERP takes, in the form of a version of the specification."""
    line = {"line_id": "1", "sku": "A-1", "quantity": 2, "unit_price": "9.50"}
    sent = {
        "order_ref": "web-1", "currency": "EUR", "lines": [line], "shipping": "0.00", "total": "19.00",
        "customer": {"name": "A", "email": "a@example.com"}, "service_level": "standard", "priority": 5,
        "ship_to": {"name": "A", "line1": "B 1", "line2": None, "city": "C", "postcode": "1", "country": "DE"},
        "ship_by": "2026-01-01T00:00:00Z", "payment_id": "PAY-1",
    } | changes.get("sent", {})  # fmt: skip
    read = {"sales_order_id": "SO-1", "status": "received"} | changes.get("read", {})
    request: dict[str, Any] = {"method": "POST", "path": changes.get("path", "/v1/sales-orders")}
    response: dict[str, Any] = {"status": changes.get("status", 201), "headers": changes.get("headers", {})}
    if version == 4:
        request["body"] = {"content": sent, "contentType": "application/json", "encoded": False}
        response["body"] = {"content": read, "contentType": "application/json", "encoded": False}
    else:
        request |= {"body": sent, "headers": {"Content-Type": "application/json"}}
        response["body"] = read
    interaction = {"description": "an order", "request": request, "response": response}
    if version == 4:
        interaction["type"] = "Synchronous/HTTP"
    return {
        "consumer": {"name": "hub"},
        "provider": {"name": "erp"},
        "interactions": [interaction],
        "metadata": {"pactSpecification": {"version": f"{version}.0.0"}},
    }


ERP = Api(DOCUMENTS["erp"], "erp.json")


@pytest.mark.parametrize("version", [2, 3, 4])
def test_a_pact_that_the_api_keeps_breaks_nobody(version: int) -> None:
    assert list(breaks_of_pact(pact_of(pact(version), "hub-erp.json"), ERP)) == []


@pytest.mark.parametrize("version", [2, 3, 4])
@pytest.mark.parametrize(
    ("changes", "rule", "named"),
    [
        pytest.param({"path": "/v1/orders"}, "operation", "no such operation", id="operation"),
        pytest.param({"status": 200}, "status", "200", id="status"),
        pytest.param({"sent": {"coupon": "X"}}, "field", "coupon", id="field sent"),
        pytest.param({"sent": {"service_level": "drone"}}, "enum", "drone", id="enum"),
        pytest.param({"sent": {"priority": 12}}, "maximum", "12", id="limit"),
        pytest.param({"sent": {"ship_by": "tomorrow"}}, "format", "tomorrow", id="format"),
        pytest.param({"sent": {"lines": []}}, "minItems", "minItems", id="no lines"),
        pytest.param({"read": {"number": 7}}, "field", "number", id="field read"),
        pytest.param({"read": {"sales_order_id": 7}}, "type", "sales_order_id", id="type read"),
        pytest.param({"headers": {"X-Total": "1"}}, "header", "X-Total", id="header"),
    ],
)
def test_an_expectation_that_the_api_contradicts_is_found(
    version: int, changes: dict[str, Any], rule: str, named: str
) -> None:
    found = list(breaks_of_pact(pact_of(pact(version, **changes), "hub-erp.json"), ERP))
    assert [one.rule for one in found] == [rule], found
    assert named in found[0].why
    assert found[0].who == "hub: an order"


def test_a_field_that_the_pact_does_not_send_and_the_api_needs() -> None:
    document = pact(4)
    del document["interactions"][0]["request"]["body"]["content"]["currency"]
    (found,) = breaks_of_pact(pact_of(document, "hub-erp.json"), ERP)
    assert (found.rule, found.where) == ("required", "request body $.currency")


def test_a_query_is_text_and_held_against_its_parameter() -> None:
    document = pact(2)
    one = document["interactions"][0]
    one["request"] = {"method": "get", "path": "/v1/sales-orders", "query": "limit=50&order_ref=web-1"}
    one["response"] = {"status": 200}
    assert list(breaks_of_pact(pact_of(document, "p"), ERP)) == []
    one["request"]["query"] = "limit=5000&page=2"
    found = list(breaks_of_pact(pact_of(document, "p"), ERP))
    assert [(one.rule, one.where) for one in found] == [
        ("maximum", "query parameter limit"),
        ("parameter", "query parameter page"),
    ]


# The command


def written(folder: Path, name: str, document: object) -> str:
    path = folder / name
    path.write_text(json.dumps(document), "utf-8")
    return str(path)


def test_the_command_says_what_breaks_whom(tmp_path: Path) -> None:
    new = copy.deepcopy(DOCUMENTS["erp"])
    fields(new, "OrderContent")["service_level"]["enum"].remove("same_day")
    old_path, new_path = str(OPENAPI / "erp.json"), written(tmp_path, "new.json", new)
    run = CliRunner()

    same = run.invoke(app, ["contracts", "compare", old_path, old_path])
    assert (same.exit_code, "nobody is broken" in same.stdout) == (0, True)
    broken = run.invoke(app, ["contracts", "compare", old_path, new_path])
    assert broken.exit_code == 1
    assert "same_day is taken no more" in " ".join(broken.stdout.replace('["', "").replace('"]', "").split())
    assert "1 difference breaks somebody" in broken.stdout
    document = json.loads(run.invoke(app, ["contracts", "compare", old_path, new_path, "--json"]).stdout)
    assert document["schema"] == "peakproof/contracts-compare/1"
    assert [(one["rule"], one["who"]) for one in document["breaks"]] == [
        ("enum", "who sends service_level to create_sales_order")
    ]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        pytest.param("{", "cannot be read", id="no JSON"),
        pytest.param("[]", "holds a list", id="a list"),
        pytest.param(json.dumps(pact(2)), "a pact goes first", id="the wrong way round"),
    ],
)
def test_the_command_refuses_in_one_line(tmp_path: Path, content: str, said: str) -> None:
    path = tmp_path / "new.json"
    path.write_text(content, "utf-8")
    done = CliRunner().invoke(app, ["contracts", "compare", str(OPENAPI / "erp.json"), str(path)])
    assert done.exit_code == 2
    assert said in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(ContractsError, match="no such file"):
        compare(str(tmp_path / "none.json"), str(OPENAPI / "erp.json"))


def test_yaml_is_read_too(tmp_path: Path) -> None:
    path = tmp_path / "api.yaml"
    path.write_text("openapi: 3.1.0\npaths: {/a: {get: {responses: {200: {description: all}}}}}\n", "utf-8")
    assert compare(str(path), str(path)).exit_code == 0
