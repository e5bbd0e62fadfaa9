"""Every mistake in a scenario gives one line: file, line, key, value, what was expected, the nearest names."""

from pathlib import Path

import pytest

from peakproof.scenarios.errors import ScenarioError
from peakproof.scenarios.scenario import Scenario

OUTAGE = "schedule:\n  - { id: down, fault: outage, on: erp"


def refusal(tmp_path: Path, text: str) -> str:
    path = tmp_path / "mine.yaml"
    path.write_text(text)
    with pytest.raises(ScenarioError) as refused:
        Scenario.load(path)
    line = str(refused.value)
    assert refused.value.exit_code == 2
    assert "\n" not in line
    assert line.startswith(f"{path}")
    return line.removeprefix(str(path))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        pytest.param("nam: x\n", ":1: nam: unknown key 'nam'; did you mean 'name'", id="a misspelt key"),
        pytest.param("name: x\nworkload:\n  ordrs: 3\n", ":3: workload.ordrs: unknown key 'ordrs'; did you mean 'orders'", id="a misspelt key further down"),
        pytest.param("duration_s: 10\n", ": name: is missing", id="no name"),
        pytest.param("name: My Run\n", ":1: name: must be small letters, digits and hyphens, got 'My Run'", id="a name that is no folder"),
        pytest.param("name: x\nduration_s: 0\n", ":2: duration_s: must be above 0, got 0", id="no time at all"),
        pytest.param("name: x\nduration_s: -5\n", ":2: duration_s: must be above 0, got -5", id="less than no time"),
        pytest.param("name: x\nduration_s: '45'\n", ":2: duration_s: must be a number, got '45'", id="a text for a number"),
        pytest.param("name: x\nduration_s: .inf\n", ":2: duration_s: must be a finite number, got inf", id="for ever"),
        pytest.param("name: x\nduration_s: .nan\n", ":2: duration_s: must be", id="not a number"),
        pytest.param("name: x\ntime_scale: fast\n", ":2: time_scale: must be a number, got 'fast'", id="a word for a number"),
        pytest.param("name: x\nflows: [order-to-shp]\n", ":2: flows: unknown flow 'order-to-shp'; did you mean 'order-to-ship'", id="an unknown flow"),
        pytest.param("name: x\nflows: []\n", ":2: flows: must be a list that is not empty, got []", id="no flow"),
        pytest.param("name: x\nflows: [cancel, cancel]\n", ":2: flows: names a flow twice", id="a flow twice"),
        pytest.param("name: x\nflows: cancel\n", ":2: flows: must be a list, got 'cancel'", id="a word for a list"),
        pytest.param("name: x\nsettle: 3\n", ":2: settle: must be a table of keys, got 3", id="a number for a table"),
        pytest.param("name: x\nsettle: { quiet_s: 5, max_s: 1 }\n", ":2: settle.max_s: must be at least quiet_s (5), got 1", id="a deadline that cannot be met"),
        pytest.param("name: x\ndeliveries: { ladder_s: [] }\n", ":2: deliveries.ladder_s: must be a list that is not empty", id="a ladder without rungs"),
        pytest.param("name: x\ndeliveries: { ladder_s: [0, -1] }\n", ":2: deliveries.ladder_s.1: must be at least 0, got -1", id="a rung below the ground"),
        pytest.param("name: x\ndeliveries: { in_flight: 1.5 }\n", ":2: deliveries.in_flight: must be a whole number, got 1.5", id="half a delivery"),
        pytest.param("name: x\nworkload: { repriced_between: [0.7, 0.2] }\n", ":2: workload.repriced_between: must end after it begins, got [0.7, 0.2]", id="prices that stop before they start"),
        pytest.param("name: x\nreplay_parked: 11\n", ":2: replay_parked: must be at most 10, got 11", id="more replays than anybody clicks"),
        pytest.param("name: x\nobjectives: [fast]\n", ":2: objectives: objective 'fast' cannot be read", id="an objective that says nothing"),
        # The estate
        pytest.param("name: x\nestate: { systems: { till: { kind: marketplce } } }\n", ":2: estate.systems.till.kind: unknown kind of system 'marketplce'; did you mean 'marketplace'", id="an unknown kind"),
        pytest.param("name: x\nestate: { systems: { till: {} } }\n", ":2: estate.systems.till: unknown system 'till' (valid: bazaar, erp, oms, payments, web, wms); one of your own needs a kind", id="a system without a kind"),
        pytest.param("name: x\nestate: { systems: { erpp: { port: 8102 } } }\n", ":2: estate.systems.erpp: unknown system 'erpp'; did you mean 'erp'", id="a misspelt system"),
        pytest.param("name: x\nestate: { systems: { erp: { idempotency: optionl } } }\n", ":2: estate.systems.erp.idempotency: must be 'optional', 'required' or 'ignored', got 'optionl'; did you mean 'optional'", id="an unknown mode"),
        pytest.param("name: x\nestate: { systems: { erp: { rules: { postng_s: 3 } } } }\n", ":2: estate.systems.erp.rules.postng_s: unknown rule of a system of kind erp 'postng_s'; did you mean 'posting_s'", id="an unknown rule"),
        pytest.param("name: x\nestate: { systems: { erp: { rules: { posting_s: soon } } } }\n", ":2: estate.systems.erp.rules.posting_s: must be a number, got 'soon'", id="a rule of a wrong type"),
        pytest.param("name: x\nestate: { systems: { erp: { rules: { posting_s: -1 } } } }\n", ":2: estate.systems.erp.rules.posting_s: must be at least 0, got -1", id="a rule below nothing"),
        pytest.param("name: x\nestate: { systems: { wms: { rules: { split_share: 2 } } } }\n", ":2: estate.systems.wms.rules.split_share: must be from 0 to 1, got 2", id="a share above one"),
        pytest.param("name: x\nestate: { systems: { erp: { strict_versions: true } } }\n", ":2: estate.systems.erp.strict_versions: a system of kind erp has no such rule", id="a strictness that the kind has not"),
        pytest.param("name: x\nestate: { systems: { web: { rules: { currencies: [XXX] } } } }\n", ":2: estate.systems.web.rules", id="an unknown currency"),
        pytest.param("name: x\nestate: { systems: { oms: null } }\n", ":2: estate.systems: has no system of kind oms", id="a kind that the flows need, taken away"),
        pytest.param("name: x\nestate: { systems: { erp2: { kind: erp } } }\n", ":2: estate.systems: has 2 systems of kind erp", id="two of a kind of which there is one"),
        pytest.param("name: x\nestate: { systems: { erp: { port: 9000 }, oms: { port: 9000 } } }\n", ":2: estate.systems: gives port 9000 to 2 systems", id="one port for two"),
        pytest.param("name: x\nestate: { systems: { erp: { port: 70000 } } }\n", ":2: estate.systems.erp.port: must be at most 65535, got 70000", id="a port that is none"),
        pytest.param("name: x\nestate: { host: sut.local }\n", ":2: estate.host: must be an IPv4 address of this machine like 127.0.0.1, or 0.0.0.0 for all of them, got 'sut.local'", id="a name to listen on"),
        pytest.param("name: x\nestate: { host: 0.0.0.0 }\n", ":2: estate.reached_at: is missing; where the systems listen on 0.0.0.0, say under which name", id="everywhere, under no name"),
        pytest.param("name: x\nestate: { reached_at: 'http://a:1' }\n", ":2: estate.reached_at: must be a host name or address without port, like estate.local, got 'http://a:1'", id="a name with more to it"),
        pytest.param("name: x\nestate: { systems: { 'My ERP': { kind: marketplace } } }\n", ":2: estate.systems.My ERP: a system's name must be small letters", id="a system's name that is no address"),
        pytest.param("name: x\nestate: { systems: { erp: { throttle: { kind: token-buket } } } }\n", ":2: estate.systems.erp.throttle: unknown throttle 'token-buket'; did you mean 'token-bucket'", id="an unknown throttle"),
        pytest.param("name: x\nestate: { systems: { erp: { throttle: { rate_pr_s: 4 } } } }\n", ":2: estate.systems.erp.throttle: unknown setting of throttle 'token-bucket' 'rate_pr_s'; did you mean 'rate_per_s'", id="an unknown setting of a throttle"),
        pytest.param("name: x\nestate: { systems: { erp: { throttle: { rate_per_s: 0 } } } }\n", ":2: estate.systems.erp.throttle: throttle 'token-bucket': rate_per_s must be above 0", id="a throttle that lets nothing through"),
        pytest.param("name: x\nestate: { systems: { erp: { throttle: { plan: netsiute } } } }\n", ":2: estate.systems.erp.throttle: unknown throttle plan 'netsiute'; did you mean 'netsuite'", id="an unknown plan"),
        pytest.param("name: x\nestate: { systems: { erp: { throttle: { plan: netsuite, tier: gold } } } }\n", ":2: estate.systems.erp.throttle: unknown tier 'gold'", id="an unknown tier"),
        pytest.param("name: x\nestate: { systems: { erp: { throttle: { plan: netsuite, acount: { limit: 3 } } } } }\n", ":2: estate.systems.erp.throttle: unknown key of this plan 'acount'; did you mean 'account'", id="an unknown rule of a plan"),
        pytest.param("name: x\nestate: { systems: { erp: { throttle: { plan: netsuite, account: { limit: 0 } } } } }\n", ":2: estate.systems.erp.throttle: rule 'account': throttle 'concurrency-pool': limit must be at least 1, got 0", id="an impossible setting of a plan"),
        pytest.param("name: x\nestate: { systems: { erp: { throttle: { plan: netsuite, scale: 0 } } } }\n", ":2: estate.systems.erp.throttle.scale: must be above 0, got 0", id="a scale of nothing"),
        pytest.param("name: x\nestate: { systems: { erp: { throttle: { plan: netsuite, kind: token-bucket } } } }\n", ":2: estate.systems.erp.throttle.kind: and plan (netsuite) exclude each other", id="a kind and a plan"),
        pytest.param("name: x\nestate: { systems: { erp: { throttle: { rate_per_s: 4, scale: 0.1 } } } }\n", ":2: estate.systems.erp.throttle.scale: belongs to a plan; name one of amazon-sp-api", id="a scale without a plan"),
        pytest.param("name: x\nestate: { systems: { erp: { throttle: { plan: netsuite, share: a } }, wms: { throttle: { plan: netsuite, share: a, account: { limit: 3 } } } } }\n", ":2: estate.systems.wms.throttle: shares 'a' with erp, so it must say the same as erp's", id="a share that is not agreed"),
        # The workload
        pytest.param("name: x\nworkload: { profile: blackfriday }\n", ":2: workload.profile: unknown profile 'blackfriday'; did you mean 'black-friday'", id="an unknown profile"),
        pytest.param("name: x\nworkload: { profile: nowhere.toml }\n", ":2: workload.profile: no such file", id="a profile that is not there"),
        pytest.param("name: x\nworkload: { trace: nowhere.csv }\n", ":2: workload.trace: no such file", id="a trace that is not there"),
        pytest.param("name: x\nworkload: { day: yesterday }\n", ":2: workload.day: must be a day like '2011-12-05', got 'yesterday'", id="a day that is none"),
        pytest.param("name: x\nworkload: { volume: 0 }\n", ":2: workload.volume: must be above 0, got 0", id="no volume"),
        pytest.param("name: x\nworkload: { orders: 0 }\n", ":2: workload.orders: must be at least 1, got 0", id="no orders"),
        pytest.param("name: x\nworkload: { shares: { web: 0.5, bazar: 0.5 } }\n", ":2: workload.shares.bazar: unknown channel 'bazar'; did you mean 'bazaar'", id="an unknown channel"),
        pytest.param("name: x\nworkload: { shares: { web: 0.5, bazaar: 0.4 } }\n", ":2: workload.shares: must add up to 1, got 0.9", id="shares that leave something"),
        pytest.param("name: x\nworkload: { returns: maybe }\n", ":2: workload.returns: must be true or false, got 'maybe'", id="neither true nor false"),
        # The schedule
        pytest.param("name: x\nschedule:\n  - { id: a, fault: outtage, on: erp }\n", ":3: schedule.a.fault: unknown fault 'outtage'; did you mean 'outage'", id="an unknown fault"),
        pytest.param("name: x\nschedule:\n  - { fault: outage, on: erp }\n", ":3: schedule.0.id: is missing", id="no id"),
        pytest.param("name: x\nschedule:\n  - { id: a, fault: outage }\n", ":3: schedule.a.on: is missing", id="nowhere"),
        pytest.param("name: x\nschedule:\n  - { id: a, fault: outage, on: er }\n", ":3: schedule.a.on: unknown system 'er'; did you mean 'erp'", id="an unknown system"),
        pytest.param("name: x\nschedule:\n  - { id: a, fault: outage, on: erp.create_sales_ordr }\n", ":3: schedule.a.on: unknown operation of erp 'create_sales_ordr'; did you mean 'create_sales_order'", id="an unknown operation"),
        pytest.param("name: x\nschedule:\n  - { id: a, fault: drop-delivery, on: erp.create_sales_order }\n", ":3: schedule.a.on: unknown topic of erp 'create_sales_order'", id="an operation for a topic"),
        pytest.param("name: x\nschedule:\n  - { id: a, fault: rejected-later, on: erp.post }\n", ":3: schedule.a.on: unknown rule of erp 'post'; did you mean 'post_sales_order'", id="an unknown rule"),
        pytest.param("name: x\nschedule:\n  - { id: a, fault: throttle-cut, on: erp }\n", ":3: schedule.a.on: erp has no throttle to cut; give it one in estate.systems.erp.throttle", id="nothing to cut"),
        pytest.param("name: x\nschedule:\n  - { id: a, fault: throttle-cut, on: erp.create_invoice }\n", ":3: schedule.a.on: throttle-cut acts on a system's throttle as a whole", id="a cut of one operation"),
        pytest.param("name: x\nschedule:\n  - { id: a, fault: latency, on: erp, set: { secnds: 1 } }\n", ":3: schedule.a.set: unknown setting of fault 'latency' 'secnds'; did you mean 'seconds'", id="an unknown setting"),
        pytest.param("name: x\nschedule:\n  - { id: a, fault: latency, on: erp, set: { seconds: long } }\n", ":3: schedule.a.set: fault 'latency': seconds must be a number, got 'long'", id="a setting of a wrong type"),
        pytest.param("name: x\nschedule:\n  - { id: a, fault: server-error, on: erp, set: { status: 200 } }\n", ":3: schedule.a.set: fault 'server-error': status must be one of", id="a setting that cannot be"),
        pytest.param("name: x\nschedule:\n  - { id: a, fault: outage, on: erp }\n  - { id: a, fault: outage, on: wms }\n", ":4: schedule.a.id: 'a' is used twice", id="an id twice"),
        pytest.param("name: x\nschedule:\n  - { id: a, fault: outage, on: erp, at: 130% }\n", ":3: schedule.a.at: must be at most 100%, got '130%'", id="more than all"),
        pytest.param("name: x\nschedule:\n  - { id: a, fault: outage, on: erp, at: noon }\n", ":3: schedule.a.at: must be seconds from 0 up or a part of the workload like '30%', got 'noon'", id="a moment that is none"),
        pytest.param("name: x\nschedule:\n  - { id: a, fault: outage, on: erp, at: -3 }\n", ":3: schedule.a.at: must be seconds from 0 up or a part of the workload like '30%', got -3", id="before the start"),
        pytest.param("name: x\nschedule:\n  - { id: a, fault: outage, on: erp, at: 100% }\n", ":3: schedule.a.at: must be before the end of the workload (45 s), got '100%'", id="at the end"),
        pytest.param("name: x\nschedule:\n  - { id: a, fault: outage, on: erp, at: 50 }\n", ":3: schedule.a.at: must be before the end of the workload (45 s), got 50.0", id="after the end"),
        pytest.param("name: x\nschedule:\n  - { id: a, fault: outage, on: erp, for: 0 }\n", ":3: schedule.a.for: must be above 0, got 0", id="for no time"),
        pytest.param("name: x\nschedule:\n  - { id: a, fault: outage, on: erp, at: 80%, for: 30% }\n", ":3: schedule.a.for: ends at 49.5 s, after the workload (45 s), got '30%'", id="beyond the end"),
        pytest.param("name: x\nschedule:\n  - { id: a, fault: outage, on: erp, probability: 0 }\n", ":3: schedule.a.probability: must be above 0, got 0", id="never"),
        pytest.param("name: x\nschedule:\n  - { id: a, fault: outage, on: erp, probability: 1.1 }\n", ":3: schedule.a.probability: must be at most 1, got 1.1", id="more than always"),
        pytest.param("name: x\nschedule:\n  - { id: a, fault: outage, on: erp, every: 3, probability: 0.5 }\n", ":3: schedule.a: when.every (3) and when.probability (0.5) exclude each other", id="two triggers that exclude each other"),
        pytest.param("name: x\nschedule:\n  - { id: a, fault: outage, on: erp, after: -1 }\n", ":3: schedule.a.after: must be at least 0, got -1", id="after less than nothing"),
        pytest.param("name: x\nschedule:\n  - { id: a, fault: outage, on: erp, ramp_s: 0 }\n", ":3: schedule.a.ramp_s: must be above 0, got 0", id="a ramp without length"),
        pytest.param("name: x\nschedule:\n  - { id: a, fault: outage, on: erp, match: { lines: [] } }\n", ":3: schedule.a: where.match.lines must be a number, text, truth or null, got []", id="a list to match"),
        pytest.param("name: x\nschedule:\n  - { id: a, fault: duplicate-delivery, on: erp, set: { copies: 0 } }\n", ":3: schedule.a.set: fault 'duplicate-delivery': copies must be from 2 to 100, got 0", id="no copies"),
        pytest.param("name: x\nschedule:\n  - { id: a, fault: outage, on: erp, limit: 0 }\n", ":3: schedule.a.limit: must be at least 1, got 0", id="no time at all"),
        # The file
        pytest.param("name: x\nname: y\n", ":2: key 'name' is given twice, first on line 1", id="a key twice"),
        pytest.param("", ": is empty", id="an empty file"),
        pytest.param("- name: x\n", ": must be a table of keys like name, workload and schedule, got [{'name': 'x'}]", id="a list"),
        pytest.param("name: [x\n", ":2: is not YAML", id="broken YAML"),
    ],
)  # fmt: skip
def test_a_mistake_is_named_in_one_line(tmp_path: Path, text: str, said: str) -> None:
    line = refusal(tmp_path, text)
    assert line.startswith(said) or said in line


def test_several_mistakes_are_counted_and_the_misspelt_key_comes_first(tmp_path: Path) -> None:
    line = refusal(tmp_path, "name: x\nschedule:\n  - { id: a, falt: outage, on: erp }\nduration_s: -1\n")
    assert line.startswith(":3: schedule.a.falt: unknown key 'falt'; did you mean 'fault'")
    assert line.endswith("[and 2 more problems]")


def test_an_endless_value_is_quoted_in_part(tmp_path: Path) -> None:
    assert len(refusal(tmp_path, f"name: {'x ' * 5000}\n")) < 200


@pytest.mark.parametrize("name", ["no/such.yaml", "nothing.yaml", "nothing.json"])
def test_a_file_that_is_not_there_is_named(name: str) -> None:
    with pytest.raises(
        ScenarioError, match=f"{name}: no such file; give a .yaml file or one of black-friday"
    ):
        Scenario.load(name)


def test_a_folder_and_a_binary_file_are_no_scenario(tmp_path: Path) -> None:
    (tmp_path / "folder.yaml").mkdir()
    (tmp_path / "binary.yaml").write_bytes(b"\xff\xfe\x00")
    for name in ("folder.yaml", "binary.yaml"):
        with pytest.raises(ScenarioError, match=f"{name}: cannot be read"):
            Scenario.load(tmp_path / name)


@pytest.mark.parametrize(
    ("key", "value", "said"),
    [
        ("settle.max", 3, "--set: settle.max: unknown key 'max'; did you mean 'max_s'"),
        ("setle.max_s", 3, "--set: setle: unknown key 'setle'; did you mean 'settle'"),
        ("schedule.erp-outag.at", 3, "--set schedule.erp-outag: unknown entry 'erp-outag' of schedule; did you mean 'erp-outage'"),
        ("schedule.99.at", 3, "--set schedule.99: unknown entry '99' of schedule"),
        ("settle.max_s.deep", 3, "--set settle.max_s.deep: settle.max_s is 30.0 and has no keys"),
        ("settle..max_s", 3, "--set 'settle..max_s': must be a path of keys"),
        ("estate.systems.erp.throttle", None, "--set: schedule.erp-throttled.on: erp has no throttle to cut"),
        ("duration_s", "long", "--set: duration_s: must be a number, got 'long'"),
    ],
)  # fmt: skip
def test_a_wrong_override_is_named(key: str, value: object, said: str) -> None:
    with pytest.raises(ScenarioError) as refused:
        Scenario.load("black-friday").with_overrides({key: value})
    assert str(refused.value).startswith(said)


def test_a_duration_that_cuts_a_window_off_is_refused() -> None:
    found = Scenario.of_document(
        {
            "name": "x",
            "duration_s": 45,
            "schedule": [{"id": "late", "fault": "outage", "on": "erp", "at": 40, "for": 5}],
        },
        "x",
    )
    with pytest.raises(
        ScenarioError,
        match=r"--duration: schedule.late.at: must be before the end of the workload \(20 s\), got 40.0",
    ):
        found.with_duration(20)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (None, "cannot be read"),
        ("{", "is damaged"),
        ("{}", "is not what a run writes"),
        ("[]", "is damaged"),
        ('{"scenario": {"name": "x", "new_key": 1}, "seed": 1}', "unknown key 'new_key'"),
    ],
)
def test_a_run_that_says_no_scenario_is_refused(tmp_path: Path, text: str | None, said: str) -> None:
    if text is not None:
        (tmp_path / "run.json").write_text(text)
    with pytest.raises(ScenarioError, match=said):
        Scenario.of_run(tmp_path)
