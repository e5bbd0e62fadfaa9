"""How a middleware asks again, and what it does meanwhile."""

import pytest

from peakproof.history.records import Delivery

from .cases import Case, cases, name_of
from .histories import (
    Row,
    accepted,
    at,
    booked,
    call,
    cancelled,
    computed,
    created,
    failed,
    lasting,
    listed,
    mark,
    no_reply,
    parked,
    refused,
    shipped,
    throttled,
    token,
    told,
)


def tries(*at_s: float, order: str = "A") -> list[Row]:
    """One request, failed at each of these times and done at the last."""
    *failures, last = at_s
    return [*(at(s, failed(order=order)) for s in failures), at(last, call(order=order))]


def ladder(*waits_s: float, requests: int = 10, apart_s: float = 0.0) -> list[Row]:
    """So many requests with the same waits between their attempts; each answer takes 10 ms."""
    rows: list[Row] = []
    for number in range(requests):
        begin_s = 1.0 + number * 0.01
        stretch = 1 + apart_s * number
        times = [begin_s]
        for wait_s in waits_s:
            times.append(times[-1] + 0.01 + wait_s * stretch)
        rows += tries(*times, order=f"{number:02d}")
    return rows


def herd(size: int, gap_s: float) -> list[Row]:
    """Twelve fail in an outage; after it so many calls of 0.5 s each come, one every ``gap_s``."""
    down: list[Row] = [
        at(1, mark("armed")),
        *(at(2 + n / 100, failed(order=f"{n:02d}")) for n in range(12)),
        at(9, mark("healed")),
    ]
    times = [9.1 + number * gap_s for number in range(size)]
    return [*down, *(lasting(0.5, at(time_s, call(order=f"{n:02d}"))) for n, time_s in enumerate(times))]


POISON: list[Row] = [at(1, accepted("P")), at(2, refused(order="P"))]


def queue(next_s: float, *, placed_s: float = 2.5) -> list[Row]:
    """Four orders are placed behind the poisoned one, and are asked about from then on."""
    names = ("B", "C", "D", "E")
    return [
        *POISON,
        *(at(placed_s, accepted(name)) for name in names),
        *(at(placed_s, told("order.placed", order=name, event=f"evt-{name}")) for name in names),
        *(at(next_s + n / 10, call(order=name)) for n, name in enumerate(names)),
    ]


DOWN: list[Row] = [
    at(1, mark("armed")),
    at(1.1, mark("fired")),
    *(at(1.2 + n / 10, accepted(name)) for n, name in enumerate("ABC")),
    at(9, mark("healed")),
]

CASES = [
    *cases(
        "transient_failures_retried",
        ("not exercised", "nothing failed", [call()]),
        ("not exercised", "what was refused for good need not be asked again", [accepted(), refused()]),
        ("holds", "failed, then done", [accepted(), failed(), call()]),
        ("holds", "done although the reply was lost", [accepted(), no_reply(committed=True)]),
        ("holds", "asked again in other words", [accepted(), failed(), call(body="b2")]),
        ("holds", "failed, then refused for good", [accepted(), failed(), refused()]),
        ("holds", "failed, then parked", [accepted(), failed(), parked()]),
        ("holds", "failed, and then there was no need", [accepted(), failed(), cancelled()]),
        (
            "holds",
            "too late to stop it by now",
            [accepted(), failed("cancel_order_fulfilments", system="wms"), shipped()],
        ),
        ("violated", "one 503 and it was forgotten", [accepted(), failed()]),
        ("violated", "one lost request and it was forgotten", [accepted(), no_reply()]),
        ("violated", "throttled and forgotten", [accepted(), throttled()]),
        ("indeterminate", "it may come yet", [accepted(), failed()]),
    ),
    *cases(
        "attempts_bounded",
        ("not exercised", "everything at once", [call(), call(order="B")]),
        ("not exercised", "ten different requests at once", [at(1, call(order=f"{n}")) for n in range(11)]),
        ("holds", "failed twice, then done", tries(1, 1.1, 1.5)),
        ("holds", "ten attempts in a second and a bit", tries(*(1 + n * 0.12 for n in range(11)))),
        ("violated", "every 20 ms", tries(*(1 + n * 0.02 for n in range(12)))),
        ("violated", "for ever", tries(*(1 + n for n in range(102)))),
    ),
    *cases(
        "retry_waits_grow",
        ("not exercised", "too few to tell", ladder(0.1, 0.1, 0.1, 0.1, requests=9)),
        ("not exercised", "too few attempts to tell", ladder(0.1, 0.1, 0.1)),
        (
            "not exercised",
            "the system said how long to wait",
            [
                row
                for n in range(10)
                for row in (
                    *(at(s, throttled(order=f"{n}", retry_after_s=1)) for s in (1, 2, 3, 4)),
                    at(5, call(order=f"{n}")),
                )
            ],
        ),
        ("holds", "doubling", ladder(0.1, 0.2, 0.4, 0.8)),
        ("holds", "always the same, but long", ladder(2, 2, 2, 2)),
        ("violated", "always half a second", ladder(0.5, 0.5, 0.5, 0.5)),
    ),
    *cases(
        "retry_waits_vary",
        ("not exercised", "too few to tell", ladder(0.1, 0.2, 0.4, 0.8, requests=9)),
        ("holds", "each waits a little longer than the last", ladder(0.1, 0.2, 0.4, 0.8, apart_s=0.1)),
        ("violated", "doubling in step", ladder(0.1, 0.2, 0.4, 0.8)),
    ),
    *cases(
        "no_herd_after_healing",
        ("not exercised", "hardly anybody waited", [mark("armed"), failed(), mark("healed"), call()]),
        ("holds", "one after the other", herd(12, 0.1)),
        ("holds", "twenty at a time", herd(20, 0.001)),
        ("violated", "all at once", herd(30, 0.001)),
        (
            "holds",
            "as many as there always were",
            [*(lasting(0.5, at(0.1, call(order=f"b{n}"))) for n in range(16)), *herd(30, 0.001)],
        ),
    ),
    *cases(
        "tokens_fetched_once",
        ("not exercised", "a static key", [call()]),
        ("holds", "one when it is needed", [token(), token(), token(), token(), token(), token()]),
        ("holds", "four processes, each its own", [at(1, token()) for _ in range(4)]),
        ("holds", "every system has its own", [at(1, token(system=f"s{n}")) for n in range(6)]),
        ("violated", "everybody who met the old one", [at(1 + n / 100, token()) for n in range(8)]),
    ),
    *cases(
        "throttling_within_budget",
        ("not exercised", "refused now and then", [call(), throttled(), throttled()]),
        ("holds", "one in twenty", [*(throttled() for _ in range(20)), *(call() for _ in range(380))]),
        ("violated", "one in two", [*(throttled() for _ in range(20)), *(call() for _ in range(20))]),
    ),
    *cases(
        "poison_orders_hold_up_nobody",
        ("not exercised", "nothing is refused for good", [accepted(), call()]),
        ("holds", "the others went on", queue(2.6)),
        ("holds", "nobody else was there", queue(30, placed_s=29.9)),
        ("violated", "the others waited ten seconds", queue(12)),
        (
            "violated",
            "it was tried again and again in front of them",
            [*queue(12), *(at(2 + n, refused(order="P")) for n in range(1, 9))],
        ),
        (
            "violated",
            "the others were never asked about",
            [*queue(0.5)[:10], at(20, call("list", changes=False))],
        ),
        (
            "not exercised",
            "it lost a race, which blames nobody",
            [accepted("P"), refused(order="P", error="too_late", status=409), *queue(12)[2:]],
        ),
        (
            "holds",
            "the others had not been heard of",
            [row for row in queue(12) if not isinstance(row, Delivery)],
        ),
        (
            "holds",
            "the system was down meanwhile",
            [*queue(12), at(3, mark("armed")), at(11, mark("healed"))],
        ),
        (
            "holds",
            "the system had asked for a pause",
            [*queue(12), at(2, throttled(retry_after_s=12.0, order="B"))],
        ),
    ),
    *cases(
        "outage_stops_only_what_needs_it",
        ("not exercised", "nothing was down", [accepted(), created()]),
        ("not exercised", "down for a second", [at(1, mark("armed")), mark("fired"), at(2, mark("healed"))]),
        (
            "not exercised",
            "two were down at once",
            [
                *DOWN,
                at(2, mark("armed", injection="inj-2", system="oms")),
                at(2, mark("fired", injection="inj-2", system="oms")),
                at(8, mark("healed", injection="inj-2", system="oms")),
            ],
        ),
        ("holds", "the ERP is down, the OMS has the orders", [*DOWN, *(at(5, created(o)) for o in "ABC")]),
        (
            "holds",
            "what needs it waits",
            [*DOWN, at(5, created("A")), at(5, created("B")), at(9.5, booked("A")), at(9.6, booked("B"))],
        ),
        ("violated", "the OMS hears of them when the ERP is back", [*DOWN, at(9.5, created("A"))]),
        ("violated", "one of three got through, then all stood still", [*DOWN, at(1.5, created("A"))]),
        (
            "not exercised",
            "the OMS was struck as well",
            [
                *DOWN,
                at(2, mark("armed", injection="inj-2", system="oms", fault="latency")),
                at(8, mark("healed", injection="inj-2", system="oms", fault="latency")),
            ],
        ),
        (
            "violated",
            "no channel hears of stock meanwhile",
            [
                at(1, mark("armed")),
                at(1.1, mark("fired")),
                *(at(1.2 + n / 10, computed(5 - n, version=n + 1)) for n in range(3)),
                at(9, mark("healed")),
                at(9.1, listed(3, version=3)),
            ],
        ),
    ),
]


@pytest.mark.parametrize("case", CASES, ids=name_of)
def test_the_invariant_says_what_is_so(case: Case) -> None:
    case.check()
