"""The face: what is asked wrongly is refused with a problem document, changes nothing, and is declared."""

import re
from collections.abc import Iterator
from typing import Any

import pytest

from peakproof.chaos.throttles.token_bucket import TokenBucket
from peakproof.simulators.erp.documents import Job
from peakproof.simulators.kit.door import MAX_BODY_BYTES
from peakproof.simulators.kit.face import Face
from peakproof.simulators.kit.refusal import Refusal

from .doors import Answered, AskedErp, asked_erp, order_body
from .estates import unstarted_estate

LINE = {"line_id": "1", "sku": "22423", "quantity": 1, "unit_price": "1.00"}


def problem(answered: Answered) -> dict[str, Any]:
    """The problem document, which must be whole and agree with status and headers."""
    document: dict[str, Any] = answered.document
    assert answered.headers["content-type"] == "application/problem+json"
    assert document["type"] == f"https://peakproof.invalid/problems/{answered.code}"
    assert document["status"] == answered.status
    assert document["title"] and document["detail"]
    return document


def declared(erp: AskedErp, operation: str, answered: Answered) -> None:
    """The OpenAPI document says that this operation may answer so."""
    described = next(
        each
        for methods in erp.face.openapi()["paths"].values()
        for each in methods.values()
        if each["operationId"] == operation
    )
    response = described["responses"][str(answered.status)]
    assert "application/problem+json" in response["content"]
    assert f"`{answered.code}`" in response["description"]


def refused_order(**changed: Any) -> tuple[AskedErp, Answered]:
    """What became of an order with something wrong; nothing changed."""
    erp = asked_erp()
    before = erp.state()
    answered = erp.book(**changed)
    assert erp.state() == before
    assert erp.made.of_kind("sales_order_received") == []
    problem(answered)
    declared(erp, "create_sales_order", answered)
    return erp, answered


# Bodies


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"{",
        b"nonsense",
        b"{'order_ref': 1}",
        b"\xff\xfe",
        b'{"a":1}}',
        b"[" * 100_000,
        b'{"a":' * 50_000,
    ],
    ids=["empty", "cut off", "word", "quotes", "no UTF-8", "one brace more", "deep lists", "deep objects"],
)
def test_a_body_that_is_no_json_gets_400_or_422(raw: bytes) -> None:
    erp = asked_erp()
    before = erp.state()
    answered = erp.ask("POST", "/v1/sales-orders", raw=raw)
    assert (answered.status, answered.code) == (
        (422, "invalid_request") if raw == b"" else (400, "malformed_body")
    )
    problem(answered)
    declared(erp, "create_sales_order", answered)
    assert erp.state() == before


@pytest.mark.parametrize("body", [[], "text", 7, True, {}, {"wanted": {}}])
def test_a_body_of_another_shape_gets_422(body: object) -> None:
    erp = asked_erp()
    assert erp.ask("POST", "/v1/sales-orders", body).code == "invalid_request"


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("order_ref", ""),
        ("order_ref", "x" * 65),
        ("order_ref", "web 1"),
        ("order_ref", "web-1\n"),
        ("order_ref", "web-\x00"),
        ("order_ref", 7),
        ("currency", "gbp"),
        ("currency", "GBPX"),
        ("currency", None),
        ("lines", []),
        ("lines", None),
        ("lines", [LINE] * 5_001),
        ("lines", [{"line_id": "1"}]),
        ("lines", [LINE | {"quantity": 0}]),
        ("lines", [LINE | {"quantity": -1}]),
        ("lines", [LINE | {"quantity": 1.5}]),
        ("lines", [LINE | {"quantity": 10**30}]),
        ("lines", [LINE | {"quantity": "2"}]),
        ("lines", [LINE | {"quantity": True}]),
        ("lines", [LINE | {"unit_price": "-1.00"}]),
        ("lines", [LINE | {"unit_price": "1e400"}]),
        ("lines", [LINE | {"unit_price": "NaN"}]),
        ("lines", [LINE | {"unit_price": "1" * 400}]),
        ("lines", [LINE | {"unit_price": "1,00"}]),
        ("lines", [LINE | {"unit_price": " 1.00"}]),
        ("lines", [LINE | {"unit_price": "1_0.00"}]),
        ("lines", [LINE | {"unit_price": "\u0661.\u0660\u0660"}]),
        ("lines", [LINE | {"unit_price": True}]),
        ("lines", [LINE | {"unit_price": [1]}]),
        ("lines", [LINE | {"unit_price": {"amount": 1}}]),
        ("lines", [LINE | {"unit_price": None}]),
        ("shipping", "0.0000001"),
        ("total", 1e300),
        ("customer", {"name": "Zoë"}),
        ("customer", {"name": "", "email": "zoe@example.com"}),
        ("ship_to", "Leeds"),
        ("service_level", "overnight"),
        ("priority", 0),
        ("priority", 10),
        ("priority", "high"),
        ("priority", "5"),
        ("ship_by", "tomorrow"),
        ("ship_by", "2026-11-28"),
        ("ship_by", "2026-11-28T12:00:00"),
        ("ship_by", "2026-02-30T12:00:00Z"),
        ("channel", "x" * 65),
    ],
)
def test_a_field_that_cannot_be_gets_422_with_its_name(field: str, value: object) -> None:
    _, answered = refused_order(**{field: value})
    assert (answered.status, answered.code) == (422, "invalid_request")
    assert answered.document["errors"][0]["field"].split(".")[0] == field
    assert answered.document["detail"].startswith(field)


@pytest.mark.parametrize(
    ("changed", "code"),
    [
        ({"currency": "XXX"}, "unknown_currency"),
        ({"total": "11.20"}, "amount_mismatch"),
        ({"shipping": "4.955"}, "inexact_amount"),
        ({"currency": "JPY"}, "inexact_amount"),
        ({"lines": [LINE, LINE], "total": "6.95"}, "invalid_request"),
        ({"lines": [LINE | {"quantity": 1_000_001}]}, "invalid_request"),
    ],
)
def test_content_that_breaks_a_rule_gets_422(changed: dict[str, Any], code: str) -> None:
    _, answered = refused_order(**changed)
    assert (answered.status, answered.code, answered.reply.permanent) == (422, code, True)


@pytest.mark.parametrize("raw", [b"NaN", b"Infinity", b"-Infinity", b"1e999", b"-0.01"])
def test_numbers_that_are_none_get_422(raw: bytes) -> None:
    erp = asked_erp()
    body = b'{"change_id":"C-1","sku":"22423","cause":"count","quantity":%b}' % raw
    assert erp.ask("POST", "/v1/stock-adjustments", raw=body).status == 422
    assert erp.made.of_kind("stock_adjusted") == []


def test_amounts_may_be_strings_or_numbers_and_are_written_as_strings() -> None:
    erp = asked_erp()
    lines = [LINE | {"unit_price": 2.08}, LINE | {"line_id": "2", "unit_price": 1e2}]
    answered = erp.book(lines=lines, total="107.03")
    assert answered.status == 201
    assert [line["unit_price"] for line in answered.document["lines"]] == ["2.08", "100.0"]


def test_unicode_is_kept_as_it_came() -> None:
    erp = asked_erp()
    name = "Żółć 🎄 O'Brien \u202eright to left"
    answered = erp.book(customer={"name": name, "email": "x@example.com"})
    assert answered.document["customer"]["name"] == name


def test_equal_texts_and_amounts_of_many_orders_are_held_once() -> None:
    erp = asked_erp()
    for number in range(2):
        erp.book(f"web-{number:06d}")
    one, other = (order.lines[0] for order in erp.ledger.orders)
    assert one.unit_price is other.unit_price
    assert one.sku is other.sku


@pytest.mark.parametrize(
    "content_type",
    [
        "text/plain",
        "application/xml",
        "application/x-www-form-urlencoded",
        "application/jsonlines",
        "application/json; charset=latin-1",
        'application/json; charset="utf-16"',
        "",
    ],
)
def test_another_content_type_gets_415(content_type: str) -> None:
    erp = asked_erp()
    answered = erp.ask("POST", "/v1/sales-orders", order_body(), headers={"content-type": content_type})
    assert (answered.status, answered.code) == (415, "unsupported_media_type")
    declared(erp, "create_sales_order", answered)


def test_a_body_of_no_content_type_gets_415() -> None:
    erp = asked_erp()
    headers = [(b"authorization", b"Bearer key-sut")]
    reply = erp.door.answer_at_once("POST", "/v1/sales-orders", b"", headers, b"{}")
    assert (reply.status, reply.error) == (415, "unsupported_media_type")
    assert b"there is no Content-Type; send application/json" in reply.body


def test_the_token_endpoint_says_that_it_takes_a_form() -> None:
    erp = asked_erp()
    answered = erp.ask("POST", "/oauth/token", {"grant_type": "client_credentials"}, token=None)
    assert problem(answered)["title"] == "The body must be application/x-www-form-urlencoded."
    declared(erp, "issue_token", answered)


@pytest.mark.parametrize(
    "content_type",
    ["application/json; charset=utf-8", 'Application/JSON;charset="UTF-8"', "application/json;v=1"],
)
def test_json_may_name_its_charset(content_type: str) -> None:
    answered = asked_erp().ask(
        "POST", "/v1/sales-orders", order_body(), headers={"content-type": content_type}
    )
    assert answered.status == 201


def test_a_body_that_is_too_large_gets_413_and_is_not_kept() -> None:
    erp = asked_erp()
    answered = erp.ask("POST", "/v1/sales-orders", raw=b" " * (MAX_BODY_BYTES + 1))
    assert (answered.status, answered.code) == (413, "body_too_large")
    declared(erp, "create_sales_order", answered)
    [call] = erp.record.calls
    assert (call.operation, call.request_body) == ("create_sales_order", None)


# Paths and methods


@pytest.mark.parametrize(
    "path", ["/", "", "/v1", "/v1/", "/v1/nothing", "/v1/sales-orders/", "/v1/items/a/b", "*"]
)
def test_a_path_that_is_none_gets_404(path: str) -> None:
    erp = asked_erp()
    answered = erp.ask("GET", path)
    assert (answered.status, answered.code) == (404, "no_such_path")
    problem(answered)
    assert erp.record.calls[0].operation == "unknown_operation"


@pytest.mark.parametrize("method", ["PUT", "DELETE", "HEAD", "OPTIONS", "TRACE"])
def test_a_method_that_a_path_does_not_know_gets_405_and_the_ones_it_does(method: str) -> None:
    answered = asked_erp().ask(method, "/v1/sales-orders")
    assert (answered.status, answered.code) == (405, "method_not_allowed")
    assert answered.headers["allow"] == "GET, POST"
    assert "allow" not in problem(answered)


def test_an_unknown_id_gets_404() -> None:
    erp = asked_erp()
    answered = erp.ask("GET", "/v1/sales-orders/SO-999999")
    assert (answered.status, answered.code) == (404, "not_found")
    problem(answered)
    declared(erp, "get_sales_order", answered)


def test_an_endless_id_gets_422() -> None:
    erp = asked_erp()
    answered = erp.ask("GET", "/v1/sales-orders/" + "x" * 201)
    assert answered.status == 422
    declared(erp, "get_sales_order", answered)


@pytest.mark.parametrize(
    "query",
    [
        "limit=0",
        "limit=501",
        "limit=many",
        "limit=",
        "cursor=-",
        "cursor=zzz",
        "cursor=0",
        "cursor=" + "1" * 33,
        "updated_since=noon",
        "updated_since=2026-11-27T12:00:00",
        "updated_since=",
        "order_ref=" + "x" * 65,
    ],
)
def test_a_query_that_cannot_be_gets_422(query: str) -> None:
    erp = asked_erp()
    answered = erp.ask("GET", f"/v1/sales-orders?{query}")
    if query == "updated_since=":
        assert answered.status == 200, "nothing said is nothing asked"
        return
    assert (answered.status, answered.code) == (422, "invalid_request")
    declared(erp, "list_sales_orders", answered)


def test_numbers_in_a_query_are_text_all_the_same() -> None:
    assert asked_erp().ask("GET", "/v1/sales-orders?limit=5").status == 200


def test_a_capped_page_holds_no_more_however_many_are_asked_for() -> None:
    erp = asked_erp(page_items=2)
    for number in range(1, 6):
        erp.book(f"web-00000{number}")
    first = erp.ask("GET", "/v1/sales-orders?limit=500").document
    assert [one["order_ref"] for one in first["items"]] == ["web-000001", "web-000002"]
    rest = erp.ask("GET", f"/v1/sales-orders?cursor={first['next_cursor']}").document
    assert len(rest["items"]) == 2
    assert len(erp.ask("GET", "/v1/sales-orders?limit=1").document["items"]) == 1


@pytest.mark.parametrize("query", ["limit=%ff", "%00=%00", "limit=5&limit=6", "colour=blue"])
def test_an_odd_query_is_no_failure_of_ours(query: str) -> None:
    assert asked_erp().ask("GET", f"/v1/sales-orders?{query}").status in (200, 400, 422)


# Versions


def updated(erp: AskedErp, if_match: str | None) -> Answered:
    headers = {} if if_match is None else {"if-match": if_match}
    customer = {"customer": {"name": "Zoë", "email": "zoe@example.com"}}
    return erp.ask("PATCH", "/v1/sales-orders/SO-000001", customer, headers=headers)


@pytest.mark.parametrize(
    ("if_match", "status", "code"),
    [
        (None, 428, "precondition_required"),
        ('"v7"', 412, "precondition_failed"),
        ("v0", 412, "precondition_failed"),
    ],
)
def test_an_update_needs_the_version_that_was_read(if_match: str | None, status: int, code: str) -> None:
    erp = asked_erp()
    erp.book()
    before = erp.state()
    answered = updated(erp, if_match)
    assert (answered.status, answered.code) == (status, code)
    declared(erp, "update_sales_order", answered)
    assert erp.state() == before


@pytest.mark.parametrize("if_match", ['"v0"', "*", ' "v0" '])
def test_an_update_of_what_was_read_moves_the_version(if_match: str) -> None:
    erp = asked_erp()
    assert erp.book().headers["etag"] == '"v0"'
    answered = updated(erp, if_match)
    assert (answered.status, answered.headers["etag"]) == (200, '"v1"')
    assert erp.ask("GET", "/v1/sales-orders/SO-000001").headers["etag"] == '"v1"'


def test_where_if_match_is_optional_it_is_honoured_all_the_same() -> None:
    erp = asked_erp()
    erp.book()
    wish = {"reason": "changed my mind"}
    path = "/v1/sales-orders/SO-000001/cancel"
    assert erp.ask("POST", path, wish, headers={"if-match": '"v9"'}).status == 412
    assert erp.ask("POST", path, wish, headers={"if-match": '"v0"'}).status == 200


# Answers


def test_an_accepted_document_says_where_its_job_is() -> None:
    erp = asked_erp()
    erp.book()
    erp.made.advance(3_600)
    invoice = {
        "order_ref": "web-000001",
        "sales_order_id": "SO-000001",
        "shipment_id": "SHP-1",
        "currency": "GBP",
        "lines": [{"line_id": "1", "quantity": 2}],
        "shipping": "4.95",
        "total": "9.11",
    }
    answered = erp.ask("POST", "/v1/invoices", invoice)
    assert answered.status == 202
    job = erp.ask("GET", answered.headers["location"])
    assert (job.document["status"], job.document["document_id"]) == ("queued", "INV-000001")


def test_a_version_that_is_set_to_go_says_so_on_every_answer() -> None:
    erp = asked_erp(deprecation={"deprecation": "@1795780800", "sunset": "Fri, 25 Dec 2026 00:00:00 GMT"})
    answered = erp.ask("GET", "/v1/items")
    assert answered.headers["deprecation"] == "@1795780800"
    assert answered.headers["sunset"] == "Fri, 25 Dec 2026 00:00:00 GMT"


def test_a_batch_answers_item_by_item() -> None:
    erp = asked_erp()
    good = {"change_id": "C-1", "sku": "22423", "quantity": 5, "cause": "receipt"}
    answered = erp.ask(
        "POST", "/v1/stock-adjustments/batch", {"items": [good, good | {"sku": "unknown"}, good]}
    )
    assert answered.status == 207
    assert [result["status"] for result in answered.document["results"]] == [200, 404, 200]
    assert answered.document["results"][1]["problem"]["type"].endswith("/not_found")
    assert len(erp.made.of_kind("stock_adjusted")) == 2
    assert erp.record.calls[-1].subjects == ["22423", "unknown", "22423"]


def test_a_batch_is_read_whole_or_not_at_all() -> None:
    erp = asked_erp()
    good = {"change_id": "C-1", "sku": "22423", "quantity": 5, "cause": "receipt"}
    for items in ([good, good | {"cause": "theft"}], [], [good] * 501):
        assert erp.ask("POST", "/v1/stock-adjustments/batch", {"items": items}).status == 422
    assert erp.made.of_kind("stock_adjusted") == []


def test_a_throttle_refuses_before_the_ledger_is_asked() -> None:
    erp = asked_erp()
    erp.gate.throttle = TokenBucket(rate_per_s=1, burst=2)
    answers = [erp.book(f"web-{number:06d}") for number in range(3)]
    assert [answer.status for answer in answers] == [201, 201, 429]
    throttled = answers[-1]
    problem(throttled)
    declared(erp, "create_sales_order", throttled)
    assert int(throttled.headers["retry-after"]) >= 1
    call = erp.record.calls[-1]
    assert (call.outcome, call.refused_by, call.bucket) == ("refused", "throttle", "erp/sut-erp")
    assert call.retry_after_s == float(throttled.headers["retry-after"])
    assert len(erp.ledger.orders) == 2


def test_our_own_failure_is_a_500_that_is_noted(monkeypatch: pytest.MonkeyPatch) -> None:
    erp = asked_erp()
    erp.face.operations["get_job"].handler = lambda job_id: 1 / 0
    answered = erp.ask("GET", "/v1/jobs/JOB-000001", headers={"idempotency-key": "k"})
    assert (answered.status, answered.code) == (500, "internal_error")
    assert len(erp.face.errors) == 1
    assert "ZeroDivisionError" in erp.face.errors[0]
    assert erp.record.calls[-1].outcome == "unknown"


def test_a_caller_in_a_trace_is_recorded_in_it() -> None:
    erp = asked_erp()
    trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    for traceparent in (trace, "nonsense", "00-" + "0" * 32 + "-b7ad6b7169203331-01"):
        erp.ask("GET", "/v1/items", headers={"traceparent": traceparent})
    assert [call.trace_id for call in erp.record.calls] == ["0af7651916cd43dd8448eb211c80319c", None, None]


def test_events_carry_the_trace_of_the_call_that_caused_them() -> None:
    erp = asked_erp()
    trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    erp.ask("POST", "/v1/sales-orders", order_body(), headers={"traceparent": trace})
    erp.made.advance(3_600)
    [posted] = erp.made.of_topic("sales_order.posted")
    assert posted.traceparent == trace


def test_attempts_are_counted_by_operation_and_subject() -> None:
    erp = asked_erp()
    for order_ref in ("web-000001", "web-000002", "web-000001"):
        erp.book(order_ref)
    erp.ask("GET", "/v1/sales-orders?order_ref=web-000001")
    assert [(call.subject, call.attempt) for call in erp.record.calls] == [
        ("web-000001", 1),
        ("web-000002", 1),
        ("web-000001", 2),
        ("web-000001", 1),
    ]
    erp.door.forget()
    erp.book()
    assert erp.record.calls[-1].attempt == 1


# The OpenAPI documents of all systems


@pytest.fixture(scope="module")
def faces(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Face]]:
    with unstarted_estate(tmp_path_factory.mktemp("faces")) as estate:
        yield {name: system.face for name, system in estate.systems.items()}


def described(face: Face) -> list[dict[str, Any]]:
    return [each for methods in face.openapi()["paths"].values() for each in methods.values()]


def test_operation_ids_are_unique_and_read_well(faces: dict[str, Face]) -> None:
    for name, face in faces.items():
        ids = [each["operationId"] for each in described(face)]
        assert len(set(ids)) == len(ids) > 5, name
        assert all(re.fullmatch(r"[a-z]+(_[a-z0-9]+)*", each) for each in ids)
        assert sorted(ids) == sorted(face.operations)


def test_every_operation_says_in_a_sentence_what_it_does(faces: dict[str, Face]) -> None:
    for name, face in faces.items():
        for each in described(face):
            assert each.get("description"), f"{name} {each['operationId']}"


def test_every_operation_declares_what_any_of_its_kind_can_refuse(faces: dict[str, Face]) -> None:
    for face in faces.values():
        by_id = {each["operationId"]: each for each in described(face)}
        for operation in face.operations.values():
            responses = by_id[operation.name]["responses"]
            expected = {429, 503}
            if operation.scope is not None:
                expected |= {401, 403}
            if operation.method != "GET":
                expected |= {413}
            if operation.body is not None:
                expected |= {400, 415, 422}
            if operation.query is not None:
                expected |= {422}
            if "{" in operation.path:
                expected |= {404, 422}
            if operation.keyed and operation.scope is not None:
                expected |= {400, 409, 422}
            if operation.headers:
                expected |= {412}
            missing = expected - {int(status) for status in responses}
            assert missing == set(), f"{face.system} {operation.name}"
            assert str(operation.status) in responses


def test_every_refusal_in_the_documents_is_a_problem_document(faces: dict[str, Face]) -> None:
    for face in faces.values():
        for each in described(face):
            if each["operationId"] == "issue_token":
                continue
            for status, response in each["responses"].items():
                if int(status) >= 400:
                    assert list(response["content"]) == ["application/problem+json"]
                    assert response["description"].startswith("`")


def test_keyed_operations_take_an_idempotency_key(faces: dict[str, Face]) -> None:
    for face in faces.values():
        by_id = {each["operationId"]: each for each in described(face)}
        for operation in face.operations.values():
            headers = {
                parameter["name"]
                for parameter in by_id[operation.name].get("parameters", [])
                if parameter["in"] == "header"
            }
            assert ("Idempotency-Key" in headers) == (operation.keyed and operation.scope is not None)


def test_references_inside_the_documents_lead_somewhere(faces: dict[str, Face]) -> None:
    for face in faces.values():
        document = face.openapi()
        schemas = document["components"]["schemas"]
        references = set(re.findall(r"#/components/schemas/([\w.-]+)", repr(document)))
        assert references <= set(schemas)
        assert "HTTPValidationError" not in schemas
        assert document["openapi"].startswith("3.1")


# Mistakes in a declaration are found when it is made


def test_an_unknown_scope_is_no_declaration() -> None:
    with pytest.raises(ValueError, match="scope 'wrte' is none of read, write, shop"):
        asked_erp().face.get("/v1/x", scope="wrte")


def test_a_parameter_of_no_known_kind_is_no_declaration() -> None:
    def get_job(job_id: str, colour: int) -> Job:
        raise NotImplementedError

    with pytest.raises(TypeError, match="parameter 'colour' is no path segment"):
        asked_erp().face.get("/v1/x/{job_id}")(get_job)


def test_refusals_are_equal_by_value() -> None:
    assert Refusal("a", 409, "A.") == Refusal("a", 409, "A.")


@pytest.mark.parametrize(
    "path",
    [
        "/v1/items/*",
        "/v1/items/%2A",
        "/v1/orders//GET",
        "/v1/items//",
        "/v1/items/",
        "//",
        "/",
        "/v1/items/{sku}",
    ],
)
def test_odd_segments_of_a_path_are_no_keys_of_the_router(path: str) -> None:
    erp = asked_erp()
    assert erp.ask("GET", path).status == 404
    assert erp.face.errors == []
