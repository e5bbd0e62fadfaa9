"""What a middleware does about an answer that leaves something open: a page, a 409 in flight, a 207, a 412, a lost token."""

import msgspec
import pytest

from peakproof.history.records import Call, Delivery

from .cases import Case, cases, name_of
from .histories import (
    Row,
    accepted,
    at,
    body,
    booked,
    call,
    cancelled,
    created,
    failed,
    listed,
    mark,
    no_reply,
    parked,
    price_listed,
    price_set,
    refused,
    token,
    told,
)

FIRST_PAGE = body('{"items":[],"next_cursor":"a1"}')
LAST_PAGE = body('{"items":[],"next_cursor":null}')


def page(of: str, *, cursor: str | None = None) -> Call:
    made = call("list_orders", order=None, system="web", status=200, body=None, changes=False)
    return msgspec.structs.replace(made, response_body=of, cursor=cursor)


def many(answer: str, *subjects: str) -> Call:
    made = call("publish_availability_batch", order=None, system="web", status=207, subjects=list(subjects))
    return msgspec.structs.replace(made, response_body=answer)


def erp_says(topic: str) -> Delivery:
    return msgspec.structs.replace(told(topic), system="erp")


ONE_FAILED = body(
    '{"results":[{"index":0,"status":200},{"index":1,"status":503,"problem":{"type":"x/item_failed"}}]}'
)


def write(*, if_match: str | None = None, status: int = 200) -> Call:
    made = call("update_order", system="oms", status=status, outcome="ok" if status < 300 else "refused")
    return msgspec.structs.replace(made, if_match=if_match, path="/v1/orders/7")


def look() -> Call:
    made = call("get_order", system="oms", status=200, changes=False, body=None)
    return msgspec.structs.replace(made, path="/v1/orders/7")


def in_use() -> Call:
    return refused(error="idempotency_key_in_use", status=409, permanent=False, key="k1")


STRUCK: list[Row] = [
    at(1, mark("armed")),
    at(2, mark("fired")),
    at(3, mark("healed")),
]


def late(*at_s: float, placed_s: float = 2.0) -> list[Row]:
    """Orders that are booked at these times, after a fault that was healed at second 3."""
    rows: list[Row] = [*STRUCK]
    for number, second in enumerate(at_s):
        name = f"{number:02d}"
        rows += [
            at(placed_s + number / 100, accepted(name)),
            at(placed_s + number / 100, created(name)),
            at(second - 0.01, call(order=name)),
            at(second, booked(name)),
        ]
    return rows


CASES = [
    *cases(
        "unclear_requests_followed_up",
        ("not exercised", "every answer was clear", [accepted(), call(), refused()]),
        ("holds", "repeated", [accepted(), no_reply(), call()]),
        ("holds", "looked up", [accepted(), no_reply(), call("list_sales_orders", changes=False, body=None)]),
        ("holds", "told by an event", [accepted(), no_reply(committed=True), erp_says("sales_order.posted")]),
        ("holds", "cancelled meanwhile", [accepted(), no_reply(), cancelled()]),
        ("holds", "given up on, visibly", [accepted(), no_reply(), parked()]),
        ("violated", "taken for success, although it was one", [accepted(), no_reply(committed=True)]),
        ("violated", "taken for failure", [accepted(), no_reply()]),
        ("indeterminate", "the run was cut off", [accepted(), no_reply()]),
    ),
    *cases(
        "in_flight_conflicts_followed_up",
        ("not exercised", "nothing was in flight", [accepted(), call()]),
        ("holds", "in flight, then done", [accepted(), in_use(), call(key="k1")]),
        (
            "holds",
            "looked up",
            [accepted(), failed(key="k1"), in_use(), call("list_sales_orders", changes=False, body=None)],
        ),
        ("holds", "given up on, visibly", [accepted(), in_use(), parked()]),
        ("violated", "taken for success, and the first one failed", [accepted(), failed(key="k1"), in_use()]),
        ("indeterminate", "the run was cut off", [accepted(), failed(key="k1"), in_use()]),
    ),
    *cases(
        "failed_items_retried",
        (
            "not exercised",
            "every item succeeded",
            [many(body('{"results":[{"index":0,"status":200}]}').hash, "mug")],
        ),
        (
            "holds",
            "the failed one was sent again",
            [ONE_FAILED, many(ONE_FAILED.hash, "mug", "tea"), many("h", "tea")],
        ),
        (
            "holds",
            "alone",
            [
                ONE_FAILED,
                many(ONE_FAILED.hash, "mug", "tea"),
                call("publish_availability", order=None, system="web", subject="tea"),
            ],
        ),
        (
            "violated",
            "only the one that had succeeded was",
            [ONE_FAILED, many(ONE_FAILED.hash, "mug", "tea"), many("h", "mug")],
        ),
        ("indeterminate", "the run was cut off", [ONE_FAILED, many(ONE_FAILED.hash, "mug", "tea")]),
    ),
    *cases(
        "pages_followed_to_the_end",
        ("not exercised", "one page was all", [LAST_PAGE, page(LAST_PAGE.hash)]),
        (
            "holds",
            "the next page was asked for",
            [FIRST_PAGE, LAST_PAGE, page(FIRST_PAGE.hash), page(LAST_PAGE.hash, cursor="a1")],
        ),
        (
            "holds",
            "a later look came to the end",
            [FIRST_PAGE, LAST_PAGE, page(FIRST_PAGE.hash), page(LAST_PAGE.hash)],
        ),
        ("violated", "the first page each time", [FIRST_PAGE, page(FIRST_PAGE.hash), page(FIRST_PAGE.hash)]),
    ),
    *cases(
        "conditional_writes_not_overwritten",
        ("not exercised", "no condition failed", [write(if_match='"v1"')]),
        (
            "holds",
            "read again, then written",
            [write(if_match='"v1"', status=412), look(), write(if_match='"v2"')],
        ),
        ("holds", "read again, then written without", [write(if_match='"v1"', status=412), look(), write()]),
        ("holds", "left alone", [write(if_match='"v1"', status=412)]),
        ("violated", "written blindly", [write(if_match='"v1"', status=412), write()]),
    ),
    *cases(
        "access_regained",
        ("not exercised", "tokens all the way", [token(), call()]),
        ("holds", "repeated until it came", [token(outcome="refused", status=429), token(), call()]),
        (
            "holds",
            "a 401, a new token, and on",
            [call(outcome="refused", status=401, refused_by="auth", client=None), token(), call()],
        ),
        (
            "violated",
            "the token request was never repeated",
            [accepted(), call(), token(outcome="refused", status=429)],
        ),
        (
            "violated",
            "its error was kept for a token",
            [
                accepted(),
                token(outcome="refused", status=429),
                *(call(outcome="refused", status=401, refused_by="auth", client=None) for _ in range(3)),
            ],
        ),
        ("indeterminate", "the run was cut off", [call(), token(outcome="refused", status=429)]),
    ),
    *cases(
        "prices_published_in_time",
        ("not exercised", "no price reached a channel", [price_set("4.00"), listed(1)]),
        ("holds", "at once", [price_set("4.00"), price_listed("4.00")]),
        (
            "holds",
            "superseded in time",
            [price_set("4.00"), price_set("5.00", version=2), price_listed("5.00", version=2)],
        ),
        ("violated", "half a minute later", [at(1, price_set("4.00")), at(31, price_listed("4.00"))]),
        (
            "holds",
            "the channel was struck meanwhile",
            [
                at(1, price_set("4.00")),
                at(2, mark("armed", system="web")),
                at(30, mark("healed", system="web")),
                at(31, price_listed("4.00")),
            ],
        ),
    ),
    *cases(
        "progress_after_healing",
        ("not exercised", "no fault", [accepted(), created(), booked()]),
        ("holds", "soon after", late(5, 6)),
        ("holds", "busy all the time, in order", late(*(4 + n for n in range(30)))),
        ("violated", "nothing was asked for twenty seconds", late(24)),
        ("violated", "later ones went first", late(40, *(20 + n / 2 for n in range(35)), placed_s=4.0)),
        (
            "holds",
            "it was refused with a pause meanwhile",
            [*late(24), at(10, call(order="00", outcome="refused", status=503, retry_after_s=12.0))],
        ),
    ),
]


@pytest.mark.parametrize("case", CASES, ids=name_of)
def test_the_invariant_says_what_is_so(case: Case) -> None:
    case.check()
