"""A refused call belongs to its order, even where its body says nothing that can be read."""

import pytest

from .doors import asked_erp, order_body

TRACE = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"


@pytest.mark.parametrize(
    "raw",
    [
        pytest.param(b'{"order_ref": "web-000001", "lines": 7}', id="a field of the wrong type"),
        pytest.param(b'{"order_ref":"web-000001", "total": ', id="no JSON at all"),
        pytest.param(b'{"order": {"order_ref" : "web-000001"}}', id="at another place"),
    ],
)
def test_a_body_that_does_not_validate_still_names_its_order(raw: bytes) -> None:
    erp = asked_erp()
    erp.ask("POST", "/v1/sales-orders", raw=raw)
    call = erp.record.calls[-1]
    assert (call.outcome, call.refused_by) == ("refused", "validation")
    assert (call.order_ref, call.subject) == ("web-000001", "web-000001")


def test_a_path_names_its_order_where_the_body_does_not() -> None:
    erp = asked_erp()
    booked = erp.book("web-000007").document
    erp.ask("POST", f"/v1/sales-orders/{booked['sales_order_id']}/cancel", {"reason": 7})
    assert erp.record.calls[-1].status == 422
    assert erp.record.calls[-1].order_ref == "web-000007"


def test_a_trace_names_the_order_that_it_was_about() -> None:
    erp = asked_erp()
    erp.ask("POST", "/v1/sales-orders", order_body("web-000009"), headers={"traceparent": TRACE})
    erp.ask("POST", "/v1/invoices", {"lines": []}, headers={"traceparent": TRACE})
    assert erp.record.calls[-1].order_ref == "web-000009"


def test_a_request_that_names_nothing_stays_its_callers() -> None:
    erp = asked_erp()
    erp.ask("POST", "/v1/sales-orders", raw=b"[[[[[")
    assert erp.record.calls[-1].order_ref is None


def test_the_token_endpoint_is_never_looked_through() -> None:
    erp = asked_erp()
    erp.ask("POST", "/oauth/token", raw=b'{"order_ref": "web-000001"}')
    assert erp.record.calls[-1].order_ref is None


def test_the_precondition_is_recorded() -> None:
    erp = asked_erp()
    booked = erp.book().document
    path = f"/v1/sales-orders/{booked['sales_order_id']}/cancel"
    erp.ask("POST", path, {"reason": "customer"}, headers={"if-match": '"v9"'})
    assert erp.record.calls[-1].if_match == '"v9"'


def test_a_refusal_speaks_plainly() -> None:
    answer = asked_erp().book(total="1e400")
    assert "Value error" not in str(answer.document)
