"""Which finding accounts for which, and what a reader is told of first; the words of a finding decide nothing."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from peakproof.history.reader import History
from peakproof.history.records import Call, Effect
from peakproof.verdict.causes import in_causal_order
from peakproof.verdict.result import Breach, Finding, InvariantResult

HISTORY: list[Call | Effect] = [
    Effect(effect_id="e1", at_ns=1, system="erp", kind="sales_order_received", order_ref="A", call_id="c1"),
    Effect(effect_id="e2", at_ns=2, system="erp", kind="sales_order_received", order_ref="A", call_id="c2"),
    Effect(effect_id="e3", at_ns=3, system="oms", kind="oms_order_created", order_ref="A"),
    *(
        Call(
            call_id=f"c{n}",
            system=system,
            operation="create",
            subject="A",
            attempt=n,
            method="POST",
            path="/v1/x",
            at_ns=n,
            replied_ns=n,
            outcome="ok",
            changes=True,
        )
        for n, system in ((1, "erp"), (2, "erp"), (3, "payments"))
    ),
]


@pytest.fixture
def history() -> Iterator[History]:
    with History.of_records(HISTORY) as opened:
        yield opened


def act(order: str = "A", guilty: str = "e2", **more: Any) -> Finding:
    return Finding(order, "done twice", ("e1", "e2"), order, guilty=guilty, **more)


def omission(order: str = "A", **more: Any) -> Finding:
    return Finding(order, "never done", ("e1",), order, omission=True, **more)


def broken(
    name: str,
    *findings: Finding,
    step: int = 50,
    class_: str = "consistency",
    severity: str = "critical",
    leads_to: tuple[Breach, ...] = (),
    is_general: bool = False,
) -> InvariantResult:
    return InvariantResult(
        id=name,
        claim=name,
        flow="any",
        class_=class_,
        severity=severity,
        remedy="mend it",
        step=step,
        status="violated" if findings else "holds",
        examined=9,
        findings_count=len(findings),
        findings=findings,
        leads_to=leads_to,
        is_general=is_general,
    )


def told(history: History, *results: InvariantResult) -> list[tuple[str, list[str | None]]]:
    """Every violated invariant in the order in which it is told, with what each of its findings follows from."""
    ordered = in_causal_order(history, results, 50)
    return [(r.id, [f.consequence_of for f in r.findings]) for r in ordered if r.findings]


def test_a_wrong_act_comes_before_a_missing_one_of_an_earlier_step(history: History) -> None:
    late, early = broken("wrong_lines", act(), step=60), broken("not_told", omission(), step=10)
    assert told(history, early, late) == [("wrong_lines", [None]), ("not_told", ["wrong_lines"])]


def test_of_two_missing_acts_the_earlier_step_is_told(history: History) -> None:
    first, second = broken("first", omission(), step=10), broken("second", omission(), step=20)
    assert told(history, second, first) == [("first", [None]), ("second", ["first"])]


def test_an_unclear_request_that_was_not_followed_up_comes_before_what_is_missing(history: History) -> None:
    cause = broken("not_followed_up", act(guilty="c1"), step=100, class_="retry", leads_to=("omissions",))
    assert told(history, broken("lost", omission()), cause) == [
        ("not_followed_up", [None]),
        ("lost", ["not_followed_up"]),
    ]


def test_conduct_that_leads_to_nothing_stays_behind_the_outcome(history: History) -> None:
    loud = broken("hammers", act(guilty="c1"), step=1, class_="retry", severity="major")
    assert told(history, loud, broken("lost", omission()))[0] == ("lost", [None])


def test_a_changed_key_accounts_for_the_double_at_its_system_alone(history: History) -> None:
    at_erp = broken("key_changed", act(guilty="c2"), step=100, class_="idempotency", leads_to=("acts",))
    elsewhere = broken("key_changed", act(guilty="c3"), step=100, class_="idempotency", leads_to=("acts",))
    double = broken("booked_twice", act(), step=30)
    assert told(history, double, at_erp)[0] == ("key_changed", [None])
    assert told(history, double, elsewhere) == [("booked_twice", [None]), ("key_changed", ["booked_twice"])]


def test_the_specific_comes_before_the_outcome_as_a_whole(history: History) -> None:
    whole = broken("has_its_effect", omission(), step=5, is_general=True)
    specific = broken("not_captured", omission(), step=50)
    assert told(history, whole, specific)[0] == ("not_captured", [None])
    assert told(history, whole) == [("has_its_effect", [None])]


def test_an_outcome_as_a_whole_follows_from_what_is_wrong_with_what_it_names(history: History) -> None:
    event = replace(omission("evt-1"), order_ref=None, explains=("tea GBP",))
    whole = broken("has_its_effect", event, is_general=True)
    price = broken("price_missing", replace(omission("tea GBP"), order_ref=None), severity="major")
    assert told(history, whole, price) == [("price_missing", [None]), ("has_its_effect", ["price_missing"])]


def test_one_page_accounts_for_the_orders_that_it_names(history: History) -> None:
    page = replace(act("erp list", "c1"), order_ref=None, explains=("A", "B"))
    cause = broken("page_not_followed", page, severity="major", leads_to=("omissions",))
    lost = broken("lost", omission("A"), omission("B"), omission("C"))
    ordered = told(history, lost, cause)
    assert ordered[0] == ("page_not_followed", [None])
    assert ordered[1] == ("lost", [None, "page_not_followed", "page_not_followed"]), "that of C is its own"


def test_conduct_that_leads_to_more_stands_before_conduct_that_does_not(history: History) -> None:
    loud = broken("asked_for_ever", act(guilty="c1"), step=4, class_="retry", severity="major")
    poison = broken(
        "holds_up_others", act(guilty="c1", explains=("B",)), step=14, class_="retry", leads_to=("omissions",)
    )
    ordered = told(history, loud, poison, broken("lost", omission("B"), omission("C")))
    assert ordered[0] == ("holds_up_others", [None])


def test_the_gravest_is_told_first_and_a_cause_is_as_grave_as_what_follows(history: History) -> None:
    minor = broken("storms", act("B"), severity="minor", step=1)
    assert told(history, minor, broken("lost", omission(), step=90))[0][0] == "lost"
    cause = broken(
        "page", replace(act("B"), explains=("A",)), severity="minor", step=99, leads_to=("omissions",)
    )
    assert told(history, broken("lost", omission(), step=1), cause)[0][0] == "page"


def test_what_holds_keeps_its_place_behind(history: History) -> None:
    ordered = in_causal_order(history, [broken("fine", step=1), broken("lost", omission(), step=9)], 50)
    assert [result.id for result in ordered] == ["lost", "fine"]


def test_the_calls_behind_the_effects_are_evidence(history: History) -> None:
    (result,) = in_causal_order(history, [broken("twice", act())], 50)
    assert result.findings[0].evidence == ("c1", "e1", "c2", "e2")


def test_the_guilty_row_is_evidence_whatever_else_is(history: History) -> None:
    many = replace(act(), evidence=tuple(f"x{n}" for n in range(60)))
    (result,) = in_causal_order(history, [broken("twice", many)], 50)
    assert len(result.findings[0].evidence) == 50
    assert "e2" in result.findings[0].evidence


@pytest.mark.parametrize("words", ["0 times", "never lost", "asked 110 times, not without"])
def test_other_words_change_nothing(history: History, words: str) -> None:
    results = [broken("wrong_lines", act(), step=60), broken("not_told", omission(), step=10)]
    reworded = [replace(r, findings=tuple(replace(f, finding=words) for f in r.findings)) for r in results]
    plain, odd = in_causal_order(history, results, 50), in_causal_order(history, reworded, 50)
    assert [(r.id, [f.guilty for f in r.findings]) for r in plain] == [
        (r.id, [f.guilty for f in r.findings]) for r in odd
    ]
    assert [[f.consequence_of for f in r.findings] for r in plain] == [
        [f.consequence_of for f in r.findings] for r in odd
    ]
