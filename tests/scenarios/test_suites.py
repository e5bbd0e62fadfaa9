"""Suites: which scenarios they hold."""

import pytest

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
