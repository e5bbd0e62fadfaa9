"""What a user says about several generators, and the one line where it cannot be."""

import pytest

from peakproof import __version__
from peakproof.loadtests.generator.job import ALONE, DONE, MORE_TO_COME, NOT_TAKEN, Creed, Enlistment
from peakproof.scenarios.errors import UsageError
from peakproof.scenarios.scenario import Scenario
from peakproof.scenarios.spread import (
    TOKEN,
    WAIT_S,
    Spread,
    check_peak,
    creed_of,
    enlist,
    environment,
    served,
    spread_of,
)

SET = {TOKEN: "a-secret-of-more-than-24-characters"}
MAKE_ONE = f"make one and give it to both sides: export {TOKEN}="


def test_one_generator_does_it_all_unless_workers_are_wanted() -> None:
    assert spread_of(None, None, None, {}) is None


def test_workers_of_this_machine_need_no_more_than_their_number() -> None:
    first, second = spread_of(3, None, None, {}), spread_of(3, None, 5.0, {})
    assert first is not None
    assert second is not None
    assert (first.workers, first.host, first.port, first.is_here) == (3, "127.0.0.1", 0, True)
    assert (first.wait_s, second.wait_s) == (WAIT_S, 5.0)
    assert first.token != second.token, "nobody can guess it"
    assert len(first.token) > 40
    assert first.token not in repr(first)


def test_a_master_waits_where_it_is_told_to_with_the_secret_that_is_set() -> None:
    spread = spread_of(2, "localhost:5557", None, SET)
    assert spread is not None
    assert (spread.workers, spread.host, spread.port, spread.is_here) == (2, "127.0.0.1", 5557, False)
    told = spread.distribution(creed_of("soak", 7))
    assert (told.token, told.creed) == (SET[TOKEN], Creed(__version__, "soak", 7))


@pytest.mark.parametrize(
    ("workers", "master", "env", "message"),
    [
        pytest.param(0, None, {}, "--workers 0: must be a whole number from 1 up", id="no workers"),
        pytest.param(
            None,
            "127.0.0.1:5557",
            SET,
            "--master 127.0.0.1:5557: say with --workers N for how many workers it waits",
            id="a master of nobody",
        ),
        pytest.param(
            2, "5557", SET, "--master '5557': must be an address like 10.0.0.5:5557", id="no address"
        ),
        pytest.param(2, "::", SET, "--master '::': must be an address like 10.0.0.5:5557", id="no port"),
        pytest.param(
            2,
            "192.0.2.200:5557",
            SET,
            "--master 192.0.2.200:5557: nothing can listen at 192.0.2.200 on this machine: ",
            id="somebody else's address",
        ),
        pytest.param(2, "127.0.0.1:5557", {}, f"--master: {TOKEN} is not set; {MAKE_ONE}", id="no secret"),
        pytest.param(
            2,
            "127.0.0.1:5557",
            {TOKEN: "guess me"},
            f"--master: {TOKEN} is too short: give it at least 24 characters; {MAKE_ONE}",
            id="a poor secret",
        ),
    ],
)
def test_what_cannot_be_is_said_in_one_line(
    workers: int | None, master: str | None, env: dict[str, str], message: str
) -> None:
    with pytest.raises(UsageError) as error:
        spread_of(workers, master, None, env)
    assert str(error.value).startswith(message)
    assert "guess me" not in str(error.value)


@pytest.mark.parametrize(
    ("master", "env", "message"),
    [
        ("10.0.0.5", SET, "--worker '10.0.0.5': must be an address like 10.0.0.5:5557"),
        ("10.0.0.5:70000", SET, "--worker '10.0.0.5:70000': must be an address like 10.0.0.5:5557"),
        ("10.0.0.5:5557", {}, f"--worker: {TOKEN} is not set; {MAKE_ONE}"),
    ],
)
def test_a_worker_that_cannot_be_starts_no_process(master: str, env: dict[str, str], message: str) -> None:
    with pytest.raises(UsageError) as error:
        enlist("soak", 1, master, env=env)
    assert str(error.value).startswith(message)


def test_a_master_whose_name_nobody_knows_is_looked_up_until_the_time_is_over() -> None:
    slept: list[float] = []
    with pytest.raises(UsageError) as error:
        enlist("soak", 1, "nowhere.invalid:5557", 3.0, env=SET, sleep=slept.append)
    assert str(error.value).startswith("--worker 'nowhere.invalid:5557': no such host within 3 s: ")
    assert slept == [1, 1, 1]


def test_a_profile_of_ones_own_is_named_by_its_file_which_may_lie_elsewhere_on_each_machine() -> None:
    assert creed_of("/home/me/my-peak.toml", 3) == Creed(__version__, "my-peak", 3)


def test_workers_of_other_machines_reach_the_estate_where_they_reach_their_master() -> None:
    plain = Scenario(name="plain")
    for spread in (Spread(2), Spread(2, host="127.0.0.1", port=5557, is_here=False)):
        assert spread.opened(plain) is plain, "all are on this machine"
    far = Spread(2, host="10.0.0.5", port=5557, is_here=False)
    assert far.opened(plain).estate.host == "10.0.0.5"
    named = plain.with_overrides({"estate.host": "0.0.0.0", "estate.reached_at": "shop"})
    assert far.opened(named) is named


def test_a_master_everywhere_does_not_know_where_workers_reach_the_estate() -> None:
    with pytest.raises(UsageError) as error:
        Spread(2, host="0.0.0.0", port=5557, is_here=False).opened(Scenario(name="plain"))
    assert str(error.value) == (
        "--master 0.0.0.0:5557: workers must reach the estate, too; say at which name of this machine: "
        "--set estate.host=0.0.0.0 --set estate.reached_at=NAME"
    )


def served_so(*codes: int, seconds_each: float = 1.0) -> tuple[int, list[int]]:
    """The exit code where these are those of each turn, and how many runs each turn was told to be over."""
    enlistment = Enlistment(creed=creed_of("soak", 1), host="127.0.0.1", port=1, token="t", wait_s=60)
    told: list[int] = []
    now_s = [0.0]

    def serve_once(enlistment: Enlistment) -> int:
        now_s[0] += seconds_each
        told.append(enlistment.runs)
        return codes[len(told) - 1]

    return served(enlistment, serve_once, sleep=lambda seconds: None, now=lambda: now_s[0]), told


def test_a_worker_serves_one_run_unless_its_master_says_that_more_may_come() -> None:
    assert served_so(DONE) == (DONE, [0])
    assert served_so(NOT_TAKEN) == (NOT_TAKEN, [0])
    assert served_so(MORE_TO_COME, MORE_TO_COME, DONE) == (DONE, [0, 1, 2])


def test_a_worker_that_still_meets_the_last_runs_master_tries_again() -> None:
    assert served_so(MORE_TO_COME, ALONE, ALONE, MORE_TO_COME, DONE) == (DONE, [0, 1, 1, 1, 2])


def test_a_worker_that_loses_its_master_in_a_later_run_says_so() -> None:
    assert served_so(MORE_TO_COME, ALONE, seconds_each=100) == (ALONE, [0, 1])


@pytest.mark.parametrize(
    ("peak", "per_min", "workers", "message"),
    [
        (
            "5000/s",
            300_000,
            None,
            (
                "--peak 5000/s: one generator sends 2,000 orders a second at best, and these are 5,000; "
                "say --workers 3, on so many processors or machines (--master), or a lower peak"
            ),
        ),
        (
            "5000/s",
            300_000,
            2,
            (
                "--peak 5000/s: 2 generators send 4,000 orders a second at best, and these are 5,000; "
                "say --workers 3, on so many processors or machines (--master), or a lower peak"
            ),
        ),
    ],
)
def test_a_peak_that_no_generator_sends_is_refused_with_the_number_that_it_does(
    peak: str, per_min: float, workers: int | None, message: str
) -> None:
    with pytest.raises(UsageError) as error:
        check_peak(peak, per_min, workers)
    assert str(error.value) == message


def test_a_peak_that_may_be_sent_is_tried() -> None:
    check_peak("2000/s", 120_000, None)
    check_peak("5000/s", 300_000, 3)


def test_what_we_start_does_not_inherit_the_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(TOKEN, SET[TOKEN])
    assert TOKEN not in environment()
