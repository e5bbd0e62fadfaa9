"""A load run's scenario: a profile at a peak, on the plain estate or on a scenario's."""

import pytest

from peakproof.loadtests.profile import ProfileError
from peakproof.scenarios.errors import ScenarioError, UsageError
from peakproof.scenarios.load import loaded, peak_of
from peakproof.scenarios.scenario import Scenario


@pytest.mark.parametrize(
    ("text", "per_min"), [("600/min", 600), ("10/s", 600), ("36000/h", 600), (" 1.5 / s ", 90)]
)
def test_a_peak_is_a_number_of_orders_in_some_time(text: str, per_min: float) -> None:
    assert peak_of(text) == pytest.approx(per_min)


@pytest.mark.parametrize("text", ["600", "0/min", "-3/s", "600/day", "", "many/min"])
def test_a_peak_that_is_none_is_named(text: str) -> None:
    with pytest.raises(UsageError, match=r"must be a rate above 0 like 600/min, 10/s or 36000/h$"):
        peak_of(text)


def test_a_profile_alone_is_put_on_an_estate_without_faults() -> None:
    scenario = loaded("flash-sale", 600, 20)
    assert scenario.name == "load-flash-sale"
    assert scenario.schedule == ()
    assert (scenario.workload.profile, scenario.workload.peak_per_min) == ("flash-sale", 600)
    assert scenario.duration_s == 20


def test_with_a_scenario_its_estate_and_faults_stay() -> None:
    quiet, scenario = Scenario.load("quiet-day"), loaded("soak", 600, 20, "erp-outage")
    outage = Scenario.load("erp-outage")
    assert scenario.name == "load-soak-erp-outage"
    assert [entry.id for entry in scenario.schedule] == [entry.id for entry in outage.schedule]
    assert scenario.estate == outage.estate
    assert loaded("soak", 600, 20, "quiet-day").workload.orders is None, (
        f"not {quiet.workload.orders}, but as many as come"
    )


def test_what_does_not_exist_is_named() -> None:
    with pytest.raises(ProfileError, match=r"^unknown profile 'sok'; did you mean 'soak'\?"):
        loaded("sok", 600, 20)
    with pytest.raises(ScenarioError, match=r"^unknown scenario 'erp-out'"):
        loaded("soak", 600, 20, "erp-out")


def test_a_window_of_a_profile_is_played_in_real_time_unless_another_is_wanted() -> None:
    hour = loaded("black-friday", 60, None, window="peak+1h")
    assert (hour.duration_s, hour.workload.window) == (3_600, "peak+1h")
    assert hour.workload.shape().mean == pytest.approx(17.5, abs=0.1)
    assert loaded("black-friday", 60, 30, window="peak+1h").duration_s == 30
    assert loaded("black-friday", 60, None).duration_s == 60


def test_a_window_that_cannot_be_is_named() -> None:
    with pytest.raises(UsageError, match=r"^--window '1h': must be START\+LENGTH like 13:00\+1h"):
        loaded("soak", 600, None, window="1h")
    with pytest.raises(ScenarioError, match=r"workload.window: needs peak_per_min"):
        Scenario.load("quiet-day").with_overrides({"workload.window": "peak+1h"})
    with pytest.raises(ScenarioError, match=r"workload.window: must be START\+LENGTH"):
        Scenario.load("quiet-day").with_overrides({"workload": {"window": "now", "peak_per_min": 60}})
