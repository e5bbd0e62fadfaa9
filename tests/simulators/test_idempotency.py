"""Idempotency keys: the first answer again, never the work again."""

from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Any, get_args, get_origin, get_type_hints

import pytest

from peakproof.simulators.kit.idempotency import IdempotencyStore, KeyMode, bare
from peakproof.simulators.kit.refusal import Refused

from .doors import READER, asked_erp, order_body
from .estates import unstarted_estate


class Watch:
    """A clock that is moved by hand."""

    def __init__(self) -> None:
        self.now_ns = 0

    def __call__(self) -> int:
        return self.now_ns

    def pass_s(self, seconds: float) -> None:
        self.now_ns += round(seconds * 1e9)


def store(mode: KeyMode = KeyMode.OPTIONAL, lifetime_s: float = 60.0) -> tuple[IdempotencyStore, Watch]:
    watch = Watch()
    return IdempotencyStore(mode, lifetime_s, watch), watch


def refusal_of(kept: IdempotencyStore, key: str | None, body: bytes = b"one", client: str = "sut") -> str:
    with pytest.raises(Refused) as refused:
        kept.claim(client, key, "POST", "/v1/orders", body)
    return refused.value.refusal.code


# The store


def test_a_key_is_claimed_once_and_keeps_its_first_answer() -> None:
    kept, _ = store()
    claim = kept.claim("sut", "k", "POST", "/v1/orders", b"one")
    assert claim is not None and claim.first is None
    claim.first = "answer"
    again = kept.claim("sut", "k", "POST", "/v1/orders", b"one")
    assert again is not None and again.first == "answer"


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("POST", "/v1/orders", b"two"),
        ("POST", "/v1/other", b"one"),
        ("PUT", "/v1/orders", b"one"),
    ],
    ids=["another body", "another path", "another method"],
)
def test_a_key_may_not_come_with_anything_else(method: str, path: str, body: bytes) -> None:
    kept, _ = store()
    kept.claim("sut", "k", "POST", "/v1/orders", b"one")
    with pytest.raises(Refused) as refused:
        kept.claim("sut", "k", method, path, body)
    assert refused.value.refusal.code == "idempotency_key_reused"


def test_two_clients_may_use_the_same_key() -> None:
    kept, _ = store()
    kept.claim("sut", "k", "POST", "/v1/orders", b"one")
    other = kept.claim("other", "k", "POST", "/v1/orders", b"two")
    assert other is not None and other.first is None


def test_a_key_is_free_again_when_it_has_expired() -> None:
    kept, watch = store(lifetime_s=60.0)
    first = kept.claim("sut", "k", "POST", "/v1/orders", b"one")
    assert first is not None
    first.first = "answer"
    watch.pass_s(59.9)
    assert kept.claim("sut", "k", "POST", "/v1/orders", b"one") is first
    watch.pass_s(0.3)
    later = kept.claim("sut", "k", "POST", "/v1/orders", b"two")
    assert later is not None and later.first is None


def test_expired_keys_are_forgotten_oldest_first() -> None:
    kept, watch = store(lifetime_s=60.0)
    for number in range(100):
        kept.claim("sut", f"k{number}", "POST", "/v1/orders", b"one")
        watch.pass_s(1.0)
    assert len(kept._claims["sut"]) <= 62


def test_a_released_key_is_free() -> None:
    kept, _ = store()
    kept.claim("sut", "k", "POST", "/v1/orders", b"one")
    kept.release("sut", "k")
    claim = kept.claim("sut", "k", "POST", "/v1/orders", b"two")
    assert claim is not None and claim.first is None


def test_without_a_key_there_is_no_claim_unless_one_is_required() -> None:
    assert store()[0].claim("sut", None, "POST", "/v1/orders", b"one") is None
    assert refusal_of(store(KeyMode.REQUIRED)[0], None) == "idempotency_key_required"


def test_ignored_keys_are_not_even_read() -> None:
    kept, _ = store(KeyMode.IGNORED)
    assert kept.claim("sut", "x" * 1_000, "POST", "/v1/orders", b"one") is None


@pytest.mark.parametrize("key", ["", "x" * 256])
def test_a_key_has_1_to_255_characters(key: str) -> None:
    assert refusal_of(store()[0], key) == "idempotency_key_invalid"


def test_a_key_at_work_is_refused_and_free_afterwards() -> None:
    kept, _ = store()
    with kept.working("sut", "k"):
        with pytest.raises(Refused) as refused, kept.working("sut", "k"):
            pass
        assert refused.value.refusal.code == "idempotency_key_in_use"
        with kept.working("other", "k"), kept.working("sut", "other"), kept.working("sut", None):
            pass
    with kept.working("sut", "k"):
        pass


@pytest.mark.parametrize(
    ("header", "key"),
    [
        (None, None),
        ("book-1", "book-1"),
        ('"book-1"', "book-1"),
        ('  "book-1" ', "book-1"),
        ('"a \\"quoted\\" \\\\ key"', 'a "quoted" \\ key'),
        ('""', ""),
        ('"', '"'),
    ],
)
def test_a_key_may_be_quoted_or_bare(header: str | None, key: str | None) -> None:
    assert bare(header) == key


# The same behind a door


def test_a_retry_gets_the_first_answer_and_books_nothing() -> None:
    erp = asked_erp()
    first = erp.book(key="k")
    erp.made.advance(1)
    again = erp.book(key='"k"')
    assert (first.status, again.status) == (201, 201)
    assert again.reply.body == first.reply.body
    assert again.headers == first.headers | {"idempotent-replayed": "true"}
    assert erp.made.kinds().count("sales_order_received") == 1
    replayed = erp.record.calls[-1]
    assert (replayed.replayed, replayed.committed, replayed.outcome) == (True, False, "ok")
    assert replayed.idempotency_key == "k"


def test_the_first_answer_stays_as_it_was_when_the_document_moves_on() -> None:
    erp = asked_erp()
    first = erp.book(key="k")
    erp.made.advance(3_600)
    assert erp.ledger.order("SO-000001").status == "posted"
    again = erp.book(key="k")
    assert again.reply.body == first.reply.body
    assert (again.document["status"], again.headers["etag"]) == ("received", '"v0"')


def test_a_replay_can_be_replayed() -> None:
    erp = asked_erp()
    bodies = [erp.book(key="k").reply.body for _ in range(3)]
    assert len(set(bodies)) == 1
    assert [call.replayed for call in erp.record.calls] == [False, True, True]


def test_without_a_key_the_same_order_is_booked_twice_as_in_life() -> None:
    erp = asked_erp()
    ids = [erp.book().document["sales_order_id"] for _ in range(2)]
    assert ids == ["SO-000001", "SO-000002"]


def test_another_payload_under_the_same_key_is_refused_and_changes_nothing() -> None:
    erp = asked_erp()
    erp.book(key="k")
    before = erp.state()
    refused = erp.book(key="k", priority=1)
    assert (refused.status, refused.code, refused.reply.permanent) == (422, "idempotency_key_reused", True)
    assert erp.state() == before


def test_a_refusal_for_good_is_replayed() -> None:
    erp = asked_erp()
    order = erp.book().document["sales_order_id"]
    wish = {"reason": "too late", "lines": None}
    erp.ask("POST", f"/v1/sales-orders/{order}/cancel", wish)
    refusals = [
        erp.ask("POST", f"/v1/sales-orders/{order}/cancel", wish, headers={"idempotency-key": "c"})
        for _ in range(2)
    ]
    assert [refused.code for refused in refusals] == ["order_cancelled", "order_cancelled"]
    assert [refused.reply.replayed for refused in refusals] == [False, True]
    assert refusals[0].reply.body == refusals[1].reply.body


def test_a_refusal_that_only_came_too_early_leaves_the_key_free() -> None:
    erp = asked_erp()
    order = erp.book().document["sales_order_id"]
    invoice = {
        "order_ref": "web-000001",
        "sales_order_id": order,
        "shipment_id": "SHP-1",
        "currency": "GBP",
        "lines": [{"line_id": "1", "quantity": 2}],
        "shipping": "4.95",
        "total": "9.11",
    }
    early = erp.ask("POST", "/v1/invoices", invoice, headers={"idempotency-key": "i"})
    erp.made.advance(3_600)
    in_time = erp.ask("POST", "/v1/invoices", invoice, headers={"idempotency-key": "i"})
    assert (early.code, in_time.status, in_time.reply.replayed) == ("not_posted", 202, False)
    again = erp.ask("POST", "/v1/invoices", invoice, headers={"idempotency-key": "i"})
    assert (again.status, again.reply.replayed) == (202, True)
    assert again.headers["location"] == in_time.headers["location"]


def test_a_body_that_cannot_be_read_claims_no_key() -> None:
    erp = asked_erp()
    broken = erp.ask("POST", "/v1/sales-orders", raw=b"{", headers={"idempotency-key": "k"})
    assert (broken.status, erp.book(key="k").status) == (400, 201)


def test_a_caller_who_may_not_write_claims_no_key() -> None:
    erp = asked_erp()
    body = order_body()
    for token in (READER.api_key, None):
        erp.ask("POST", "/v1/sales-orders", body, token=token, headers={"idempotency-key": "k"})
    assert erp.book(key="k").status == 201


def test_a_system_may_require_keys() -> None:
    erp = asked_erp(keys=KeyMode.REQUIRED)
    assert (erp.book().status, erp.book().code) == (400, "idempotency_key_required")
    assert erp.book(key="k").status == 201


def test_a_system_may_ignore_keys() -> None:
    erp = asked_erp(keys=KeyMode.IGNORED)
    ids = [erp.book(key="k").document["sales_order_id"] for _ in range(2)]
    assert ids == ["SO-000001", "SO-000002"]


def test_an_expired_key_books_again() -> None:
    erp = asked_erp(key_lifetime_s=60.0)
    erp.book(key="k")
    erp.made.advance(61)
    assert erp.book(key="k").document["sales_order_id"] == "SO-000002"


def mutable_parts(kind: Any) -> list[Any]:
    """What of a type could change in place."""
    if kind in (list, dict, set) or get_origin(kind) in (list, dict, set):
        return [kind]
    found = [part for argument in get_args(kind) for part in mutable_parts(argument)]
    if is_dataclass(kind):
        hints = get_type_hints(kind)
        found += [part for field in fields(kind) for part in mutable_parts(hints[field.name])]
        if not getattr(kind, "__dataclass_params__").frozen:  # noqa: B009 - typeshed does not know it
            found.append(kind)
    return found


def test_no_value_of_a_document_changes_in_place(tmp_path: Path) -> None:
    """First answers are given again from a document's values of then (``kit.face``)."""
    with unstarted_estate(tmp_path) as estate:
        documents = {
            get_type_hints(operation.handler)["return"]
            for system in estate.systems.values()
            for operation in system.face.operations.values()
            if operation.parts is not None
        }
    assert len(documents) > 15
    for document in documents:
        hints = get_type_hints(document)
        for part in fields(document):
            assert mutable_parts(hints[part.name]) == [], f"{document.__name__}.{part.name}"
