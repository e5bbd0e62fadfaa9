"""Suites: which scenarios they hold."""

import pytest

from peakproof.commands import suite
from peakproof.scenarios.config import SutConfig
from peakproof.scenarios.errors import UsageError
from peakproof.scenarios.scenario import Scenario
from peakproof.scenarios.suite import scenarios_of

STANDARD = {
    "quiet-day",
    "black-friday",
    "erp-outage",
    "erp-throttled-promotion",
    "lost-replies",
    "duplicate-webhooks",
    "out-of-order-events",
    "missed-webhooks",
    "cancel-race",
    "returns-wave",
}


def test_the_standard_suite_holds_what_ci_should_run_and_begins_without_faults() -> None:
    names = [one.name for one in scenarios_of("standard")]
    assert set(names) == STANDARD
    assert names[0] == "quiet-day"


def test_the_full_suite_holds_the_whole_library_but_first_contact() -> None:
    assert {one.name for one in scenarios_of("full")} == set(Scenario.names()) - {"first-contact"}


def test_an_unknown_suite_is_named_with_the_nearest() -> None:
    with pytest.raises(UsageError, match="unknown suite 'standart'; did you mean 'standard'"):
        scenarios_of("standart")


ELSEWHERE = SutConfig(
    url="http://127.0.0.1:9", flows=("order-to-ship",), api_key="sixteen-or-more-characters"
)


def test_what_a_system_under_test_cannot_do_is_known_before_anything_starts() -> None:
    impossible = {
        one.name: why for one in scenarios_of("full") if (why := one.impossible_with(ELSEWHERE)) is not None
    }
    assert impossible == {
        "middleware-paused": (
            "schedule.stands-still: sut-pause needs a system under test that peakproof starts itself "
            "(sut.command), and this one runs at http://127.0.0.1:9 (sut.url); leave the injection out or give the command"
        ),
        "middleware-restart": (
            "schedule.killed-at-the-peak: sut-kill needs a system under test that peakproof starts itself "
            "(sut.command), and this one runs at http://127.0.0.1:9 (sut.url); leave the injection out or give the command"
        ),
        "replay-parked": (
            "replay_parked: needs sut.exceptions_url, to have parked orders tried again, and sut names none; "
            "give it, or set replay_parked=0"
        ),
    }
    assert not [one for one in scenarios_of("full") if one.impossible_with(SutConfig.reference())]


def test_a_suite_leaves_out_what_cannot_be_and_one_that_is_named_is_refused(
    capsys: pytest.CaptureFixture[str],
) -> None:
    wanted = scenarios_of("full")
    kept = suite._possible(wanted, ELSEWHERE, named=False)
    assert {one.name for one in wanted} - {one.name for one in kept} == {
        "middleware-paused",
        "middleware-restart",
        "replay-parked",
    }
    assert (
        "left out: middleware-restart: schedule.killed-at-the-peak: sut-kill needs" in capsys.readouterr().err
    )
    with pytest.raises(UsageError, match=r"^scenario middleware-paused: schedule\."):
        suite._possible(wanted, ELSEWHERE, named=True)
