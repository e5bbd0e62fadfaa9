"""The scenario as a value: the library, windows in per cent, the same again from JSON, and changes by path."""

import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from peakproof.chaos.fault import Call
from peakproof.chaos.registry import FAULTS
from peakproof.history.clock import Clock
from peakproof.history.writer import HistoryWriter
from peakproof.loadtests.plan import (
    Count,
    Damage,
    PlaceOrder,
    PriceChange,
    Receipt,
    RequestCancellation,
    RequestReturn,
)
from peakproof.scenarios import catalogue
from peakproof.scenarios.config import SutConfig
from peakproof.scenarios.errors import ScenarioError
from peakproof.scenarios.estate_choice import EstateChoice
from peakproof.scenarios.scenario import Scenario
from peakproof.scenarios.schedule_entry import ScheduleEntry
from peakproof.scenarios.shop import opening
from peakproof.scenarios.validation import Wrong
from peakproof.simulators.estate import Estate
from peakproof.simulators.registry import KINDS

USUAL = ["web", "bazaar", "oms", "erp", "wms", "payments"]


def scenario(**keys: Any) -> Scenario:
    return Scenario.of_document({"name": "mine", **keys}, "test")


@pytest.mark.parametrize("name", Scenario.names())
def test_every_scenario_of_the_library_is_whole(name: str) -> None:
    found = Scenario.load(name)
    assert found.name == name
    assert found.title
    assert found.description
    assert list(found.estate.standing) == USUAL


NOT_IN_THE_LIBRARY = {
    "drifted",
    "key-ignored",
    "lost-update",
    "missing-field",
    "never-completes",
    "unsubscribed",
}
"""Faults that only a middleware of a certain shape can meet, or that break what the documents promise (keys are honoured)."""

LATE_STEPS = {
    "payments",
    "payments.capture_payment",
    "payments.refund_payment",
    "erp.create_credit_memo",
    "erp.cancel_sales_order",
    "wms.create_fulfilment",
}
"""Where an order comes late in its life."""

HABITS = {
    "partial-batch",
    "early-event",
    "not-found-yet",
    "precondition-failed",
    "key-forgotten",
    "key-ignored",
}
"""Faults that only a middleware with a certain habit meets."""


def test_the_library_has_nearly_every_fault() -> None:
    found = {entry.fault for name in Scenario.names() for entry in Scenario.load(name).schedule}
    assert set(FAULTS.names()) - found == NOT_IN_THE_LIBRARY


@pytest.mark.parametrize("name", Scenario.names())
def test_no_scenario_takes_long(name: str) -> None:
    found = Scenario.load(name)
    assert found.duration_s <= (45 if name == "black-friday" else 30)


@pytest.mark.parametrize("name", Scenario.names())
def test_faults_on_late_steps_and_in_windows_wait_for_a_slow_middleware(name: str) -> None:
    hurried = [
        entry.id
        for entry in Scenario.load(name).schedule
        if entry.until is None
        and entry.optional is None
        and entry.build().seam in ("call", "connection")
        and (entry.on in LATE_STEPS or entry.lasts is not None)
    ]
    assert hurried == []


@pytest.mark.parametrize("name", Scenario.names())
def test_faults_on_what_the_flows_leave_open_are_optional(name: str) -> None:
    """To publish and book one by one or in bulk, to read or not, to send keys or not."""
    open_to_choice = [
        entry
        for entry in Scenario.load(name).schedule
        if re.search(r"_batch$|publish_|set_stock", entry.operation or "") or entry.fault in HABITS
    ]
    assert [entry.id for entry in open_to_choice if entry.optional is None] == []


@pytest.mark.parametrize("name", Scenario.names())
def test_a_scenario_comes_back_from_json_as_it_was(name: str) -> None:
    found = Scenario.load(name)
    again = Scenario.of_document(json.loads(json.dumps(found.document())), "json")
    assert again == found
    assert again.injections() == found.injections()


def test_a_scenario_stored_by_a_run_is_loaded_with_its_seed(tmp_path: Path) -> None:
    found = Scenario.load("black-friday").with_duration(20)
    (tmp_path / "run.json").write_text(json.dumps({"scenario": found.model_dump(mode="json"), "seed": 7}))
    assert Scenario.of_run(tmp_path) == (found, 7)


def test_percentages_move_with_the_duration_and_seconds_stay() -> None:
    found = scenario(
        duration_s=40,
        schedule=[
            {"id": "a", "fault": "outage", "on": "erp", "at": "25%", "for": "10%"},
            {"id": "b", "fault": "outage", "on": "wms", "at": 5, "for": 2.5},
            {"id": "c", "fault": "latency", "on": "oms"},
        ],
    )
    windows = [(one.when.start_s, one.when.stop_s) for one in found.injections()]
    assert windows == [(10.0, 14.0), (5.0, 7.5), (0.0, None)]
    windows = [(one.when.start_s, one.when.stop_s) for one in found.with_duration(20).injections()]
    assert windows == [(5.0, 7.0), (5.0, 7.5), (0.0, None)]


def test_an_injection_says_where_and_when_as_written() -> None:
    (injection,) = scenario(
        schedule=[
            {
                "id": "x",
                "fault": "lost-reply",
                "on": "erp.create_sales_order",
                "probability": 0.5,
                "limit": 3,
                "nth": 1,
                "order_ref": "web-000001",
                "set": {"how": "hang"},
            }
        ]
    ).injections()
    assert (injection.where.system, injection.where.operation) == ("erp", "create_sales_order")
    assert (injection.where.nth, injection.where.order_ref) == (1, "web-000001")
    assert (injection.when.probability, injection.when.limit) == (0.5, 3)
    assert injection.fault_name == "lost-reply"


@pytest.mark.parametrize("duration_s", [20, 45, 300])
def test_black_friday_keeps_its_shape_in_any_time(duration_s: float) -> None:
    outage, cut = Scenario.load("black-friday").with_duration(duration_s).injections()[:2]
    assert outage.when.start_s / duration_s == pytest.approx(0.30)
    assert cut.when.stop_s is not None
    assert cut.when.stop_s / duration_s == pytest.approx(0.70)


@pytest.mark.parametrize("seed", range(3))
def test_orders_certainly_come_in_the_windows_of_black_friday(seed: int) -> None:
    """An outage or a cut that meets no call would make the run inconclusive."""
    found = Scenario.load("black-friday").with_duration(20)
    placed = [order.at_s for order in found.plan(seed).orders]
    for injection in found.injections()[:2]:
        inside = [at for at in placed if injection.when.start_s <= at < (injection.when.stop_s or 20)]
        assert len(inside) >= 15


def test_the_usual_systems_stand_unless_changed_or_taken_away() -> None:
    found = scenario(
        estate={
            "systems": {"erp": {"idempotency": "required"}, "bazaar": None, "till": {"kind": "marketplace"}}
        }
    )
    assert sorted(found.estate.standing) == ["erp", "oms", "payments", "till", "web", "wms"]
    assert found.estate.standing["erp"].idempotency == "required"
    assert Scenario.of_document(found.document(), "again") == found


def test_a_rule_of_ones_own_leaves_the_usual_ones_of_the_system() -> None:
    web = scenario(estate={"systems": {"web": {"strict_versions": True}}}).estate_settings(1).systems["web"]
    assert dict(web.rules) == {"currencies": ("GBP", "JPY"), "strict_versions": True}


def test_a_system_can_have_a_vendors_plan_with_changes_that_survive_being_stored() -> None:
    throttle = {"plan": "shopify-rest", "tier": "plus", "scale": 0.5, "calls": {"size": 7}}
    found = scenario(estate={"systems": {"web": {"throttle": throttle}}})
    assert Scenario.of_document(found.document(), "again") == found
    changed = found.with_overrides({"estate.systems.web.throttle.calls.size": 9})
    call = Call("web-1", "web", "get_order", "o", 1, "GET", "/", {}, b"", 0, False, "sut-web")
    for one, told in ((found, "1/7"), (changed, "1/9")):
        built = one.estate_settings(1).systems["web"].throttle
        assert built is not None
        assert built.admit(call, 0).headers == (("x-shopify-shop-api-call-limit", told),)


def test_systems_with_the_same_share_are_counted_together() -> None:
    throttle = {"plan": "netsuite", "share": "account", "account": {"limit": 1}}
    found = scenario(estate={"systems": {"erp": {"throttle": throttle}, "wms": {"throttle": throttle}}})
    systems = found.estate_settings(1).systems
    erp, wms = systems["erp"].throttle, systems["wms"].throttle
    assert erp is not None
    assert wms is not None
    call = Call("erp-1", "erp", "get_item", "o", 1, "GET", "/", {}, b"", 0, False, "sut-erp")
    first = erp.admit(call, 0)
    assert (first.bucket, first.refusal) == ("account", None)
    assert wms.admit(replace(call, system="wms"), 0).refusal is not None
    assert first.release is not None
    first.release()
    assert wms.admit(replace(call, system="wms"), 0).refusal is None


def test_two_estates_of_one_scenario_share_no_throttle() -> None:
    found = Scenario.load("black-friday")
    first, second = (found.estate_settings(1).systems["erp"].throttle for _ in range(2))
    assert first is not None
    assert first is not second


def test_the_estate_gets_seed_scale_and_patience() -> None:
    settings = scenario(time_scale=0.5, deliveries={"ladder_s": [0, 1], "timeout_s": 2}).estate_settings(9)
    assert (settings.seed, settings.time_scale) == (9, 0.5)
    assert (settings.deliveries.ladder_s, settings.deliveries.timeout_s) == ((0.0, 1.0), 2.0)


def test_the_estate_is_reached_from_this_machine_only_unless_the_scenario_says_otherwise() -> None:
    usual = scenario().estate_settings(1)
    assert (usual.host, usual.reached_at) == ("127.0.0.1", None)
    open_ = scenario(estate={"host": "0.0.0.0", "reached_at": "estate"}).estate_settings(1, sut_host="sut")
    assert (open_.host, open_.reached_at) == ("0.0.0.0", "estate")
    assert open_.allowed_hosts - usual.allowed_hosts == {"sut"}


def test_channels_are_the_marketplaces_with_their_shares_and_currencies() -> None:
    found = Scenario.load("black-friday").channels
    assert [(one.name, one.currency, one.share, one.also_currency) for one in found] == [
        ("web", "GBP", 0.6, "JPY"),
        ("bazaar", "EUR", 0.4, None),
    ]
    assert [one.share for one in scenario().channels] == [0.5, 0.5]


def test_the_same_seed_plans_the_same() -> None:
    found = Scenario.load("quiet-day")
    assert found.plan(3) == found.plan(3)
    assert found.plan(3) != found.plan(4)


def test_orders_are_capped_and_kinds_of_events_left_out() -> None:
    found = scenario(workload={"orders": 12, "cancellations": False, "returns": False, "back_office": False})
    items = found.plan(1).items
    assert 10 <= len(items) <= 12
    assert all(isinstance(item, PlaceOrder) for item in items)


def test_a_whole_day_has_everything() -> None:
    kinds = {type(item) for item in Scenario.load("black-friday").plan(1).items}
    assert {PlaceOrder, RequestCancellation, RequestReturn, Receipt, PriceChange} <= kinds
    assert kinds & {Count, Damage}


def test_first_contact_is_one_order_and_nothing_else() -> None:
    (item,) = Scenario.load("first-contact").plan(1).items
    assert isinstance(item, PlaceOrder)
    assert (item.channel, item.currency) == ("web", "GBP")


@pytest.mark.parametrize("number", [0, 50, 136])
def test_a_replayed_order_finds_the_systems_as_they_were(number: int) -> None:
    """Stock, hot articles, prices, earlier orders and unknown items are those of the whole day."""
    day = Scenario.load("black-friday")
    order = day.plan(1).orders[number]
    alone = day.replaying(order.order_ref, 1, (), {line.sku for line in order.lines})
    assert alone.plan(1).orders == (order,)
    assert alone.workload.sold_out == {}

    clock = Clock()

    def held(one: Scenario) -> object:
        items, earlier = opening(one.plan(1), clock, one.workload.unknown_items)
        return items, [(each.channel, each.content.order_ref, each.content.lines) for each in earlier]

    assert held(alone) == held(day)
    assert Scenario.of_document(json.loads(json.dumps(alone.document())), "json") == alone


def test_a_replayed_order_goes_without_what_was_sold_out() -> None:
    day = Scenario.load("black-friday")
    order = next(one for one in day.plan(1).orders if len({line.sku for line in one.lines}) > 2)
    kept = {line.sku for line in order.lines[1:]} - {order.lines[0].sku}
    alone = day.replaying(order.order_ref, 1, (), kept)
    assert alone.workload.sold_out == {order.order_ref: (order.lines[0].sku,)}
    assert alone.plan(1).orders == (order.without({order.lines[0].sku}),)
    again = alone.replaying(order.order_ref, 1, (), kept)
    assert again.plan(1) == alone.plan(1)


def test_values_are_changed_by_their_path() -> None:
    found = Scenario.load("black-friday").with_overrides(
        {
            "settle.max_s": 60,
            "schedule.erp-outage.at": "10%",
            "schedule.1.set.factor": 0.5,
            "estate.systems.erp.rules.posting_s": 120,
            "estate.systems.wms.throttle.rate_per_s": 5,
            "flows": ["cancel"],
        }
    )
    assert found.settle.max_s == 60
    assert found.schedule[0].at == "10%"
    assert found.schedule[1].settings == {"factor": 0.5}
    assert found.estate.standing["erp"].rules == {"posting_s": 120}
    assert found.estate.standing["wms"].throttle is not None
    assert found.flows == ("cancel",)


def late(**keys: Any) -> ScheduleEntry:
    entry = {"id": "lost", "fault": "lost-reply", "on": "payments.refund_payment", **keys}
    return scenario(duration_s=10, schedule=[entry]).schedule[0]


def test_a_fault_ends_when_it_has_fired_so_often_and_not_with_the_workload() -> None:
    when = late(until="5 fired").injection(10).when
    assert (when.limit, when.until_fired, when.stop_s) == (5, 5, None)


def test_a_window_that_is_to_fire_lasts_its_time_at_least_and_fires_as_often_as_it_can() -> None:
    when = late(**{"at": "20%", "for": "30%", "until": "2 fired"}).injection(10).when
    assert (when.limit, when.until_fired, when.start_s, when.stop_s) == (None, 2, 2.0, 5.0)


@pytest.mark.parametrize(
    ("keys", "complaint"),
    [
        ({"until": "often"}, "must be how often it has fired, like '5 fired', got 'often'"),
        ({"until": "0 fired"}, "must be how often it has fired"),
        ({"until": "5 fired", "limit": 3}, r"until: and limit \(3\) exclude each other: choose one"),
        ({"needs": "refund_payment"}, "goes with 'optional'"),
    ],
)
def test_an_end_or_a_habit_that_cannot_be_is_refused(keys: dict[str, Any], complaint: str) -> None:
    with pytest.raises(ScenarioError, match=complaint):
        late(**keys)


def test_paths_in_a_file_begin_at_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "orders.csv").write_text("order_id\n")
    (tmp_path / "mine.yaml").write_text("name: mine\nworkload: { trace: orders.csv }\n")
    monkeypatch.chdir("/")
    assert Scenario.load(tmp_path / "mine.yaml").workload.trace == str(tmp_path / "orders.csv")


def test_a_small_middleware_meets_only_the_faults_of_its_flow() -> None:
    sut = SutConfig(command=("python3",), flows=("order-to-erp",), webhooks={"order.placed": "/w"})
    fit, left_out = Scenario.load("black-friday").fit_for(sut)
    assert [entry.id for entry in fit.kept] == [
        "erp-outage",
        "erp-throttled",
        "booking-reply-lost",
        "events-twice",
        "events-overtaken",
    ]
    assert left_out == [
        "capture-reply-lost",
        "fulfilment-reply-lost",
        "oms-errors",
        "wms-slow",
        "bazaar-lists-late",
    ]
    reasons = {entry.id: entry.left_out for entry in fit.schedule if entry.left_out}
    assert reasons["oms-errors"] == "the middleware's flows never call oms (sut.flows)"
    assert [one.id for one in fit.injections()] == [entry.id for entry in fit.kept]


def test_what_was_left_out_for_one_middleware_comes_back_for_another() -> None:
    sut = SutConfig(command=("python3",), flows=("order-to-erp",), webhooks={"order.placed": "/w"})
    fit, _ = Scenario.load("black-friday").fit_for(sut)
    again, left_out = Scenario.of_document(fit.document(), "run.json").fit_for(SutConfig.reference())
    assert left_out == []
    assert again.kept == Scenario.load("black-friday").schedule


def test_a_middleware_of_all_flows_meets_every_fault() -> None:
    assert Scenario.load("black-friday").fit_for(SutConfig.reference())[1] == []


def test_a_middleware_that_polls_meets_no_fault_of_deliveries() -> None:
    sut = SutConfig(command=("python3",), flows=("order-to-ship", "stock-sync"))
    assert Scenario.load("black-friday").fit_for(sut)[1] == ["events-twice", "events-overtaken"]


@pytest.mark.parametrize(
    ("on", "webhooks", "left_out"),
    [
        pytest.param("web.order.placed", {"order.placed": "/in"}, [], id="in an event that it takes"),
        pytest.param("web.order.placed", {}, ["drift"], id="in an event that it does not take"),
        pytest.param("erp.create_sales_order", {}, [], id="in the answer to a call that it makes"),
        pytest.param("wms", {"order.placed": "/in"}, ["drift"], id="of a system that it does not know"),
        pytest.param("*", {}, [], id="anywhere"),
    ],
)
def test_a_fault_of_documents_is_met_in_events_and_in_answers(
    on: str, webhooks: dict[str, str], left_out: list[str]
) -> None:
    drifting = scenario(schedule=[{"id": "drift", "fault": "extra-field", "on": on}])
    polling = SutConfig(command=("x",), flows=("order-to-erp",), webhooks=webhooks)
    assert drifting.fit_for(polling)[1] == left_out


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_system_can_name_its_operations_and_topics(kind: str) -> None:
    assert len(catalogue.operations(kind)) > 5
    assert catalogue.topics(kind)


def test_the_library_is_named_when_a_scenario_is_unknown() -> None:
    with pytest.raises(ScenarioError, match="unknown scenario 'blak-friday'; did you mean 'black-friday'"):
        Scenario.load("blak-friday")


def test_the_middlewares_own_key_is_good_at_every_system(tmp_path: Path) -> None:
    key = "the-key-that-it-has-always-had"
    writer = HistoryWriter(tmp_path, "estate")
    estate = Estate(Scenario.load("quiet-day").estate_settings(1, key), writer, Clock())
    for name, address in estate.addresses().items():
        assert (address.api_key, address.client_secret) == (key, key), name
        shopper = estate.systems[name].shopper
        assert key not in (shopper.api_key, shopper.client_secret)
    for system in estate.systems.values():
        system.socket.close()
    writer.close()


def test_an_entry_of_the_schedule_can_say_exactly_which_calls_and_when() -> None:
    entry = ScheduleEntry.model_validate(
        {
            "id": "a",
            "fault": "latency",
            "on": "erp.create_sales_order",
            "sku": "22086",
            "client": "sut-erp",
            "match": {"currency": "JPY"},
            "after": 2,
            "ramp_s": 5,
            "seed": 3,
            "at": "10%",
        }
    )
    injection = entry.injection(40.0)
    assert (injection.where.sku, injection.where.client) == ("22086", "sut-erp")
    assert injection.where.match == {"currency": "JPY"}
    assert (injection.when.start_s, injection.when.after, injection.when.ramp_s) == (4.0, 2, 5)
    assert injection.when.seed == 3


def test_an_entry_by_hand_starts_now_and_heals_after_its_time() -> None:
    systems = EstateChoice().standing
    entry = ScheduleEntry.model_validate({"id": "a", "fault": "outage", "on": "erp", "for": 5})
    when = entry.by_hand(systems).when
    assert (when.start_s, when.stop_s, when.ttl_s) == (0.0, None, 5.0)


@pytest.mark.parametrize(
    ("given", "key", "said"),
    [
        ({"on": "er"}, "on", "unknown system 'er'; did you mean 'erp'"),
        (
            {"on": "erp.creat_invoice"},
            "on",
            "unknown operation of erp 'creat_invoice'; did you mean 'create_invoice'",
        ),
        ({"at": 3}, "at", "an injection by hand starts now"),
        ({"for": "30%"}, "for", "must be seconds above 0, got '30%'"),
        ({"for": 0}, "for", "must be seconds above 0, got 0"),
    ],
)
def test_an_entry_by_hand_that_cannot_be_is_refused(given: dict[str, object], key: str, said: str) -> None:
    entry = ScheduleEntry.model_validate({"id": "a", "fault": "outage", "on": "erp", **given})
    with pytest.raises(Wrong, match=said) as caught:
        entry.by_hand(EstateChoice().standing)
    assert caught.value.loc == (key,)


def test_objectives_are_read_when_the_scenario_is() -> None:
    assert scenario(objectives=["order_sync_latency_p95 <= 5"]).objectives == ("order_sync_latency_p95 <= 5",)
    with pytest.raises(ScenarioError, match=r"objectives: objective 'fast' cannot be read; expected e\.g\. "):
        scenario(objectives=["fast"])


def test_one_whose_injections_are_all_left_out_replays_nothing() -> None:
    replaying = Scenario.load("replay-parked")
    stock = SutConfig(command=("x",), flows=("stock-sync",), webhooks={"*": "/"})
    fit, left_out = replaying.fit_for(stock)
    assert (left_out, fit.replay_parked) == (["permission-taken-away"], 0)
    assert replaying.fit_for(SutConfig.reference())[0].replay_parked == 2


def test_a_peak_brings_so_many_orders_a_minute_by_chance_and_the_same_for_the_same_seed() -> None:
    scenario = Scenario.load("quiet-day").with_overrides(
        {
            "workload.profile": "soak",
            "workload.orders": None,
            "workload.peak_per_min": 600,
            "duration_s": 20,
        }
    )
    first, again, other = (scenario.plan(seed) for seed in (1, 1, 2))
    assert len(first.orders) == pytest.approx(200, abs=60)
    assert first == again
    assert [order.at_s for order in first.orders] != [order.at_s for order in other.orders]


def test_a_surge_on_one_channel_and_a_januarys_returns_shape_the_plan() -> None:
    quiet = Scenario.load("quiet-day").with_overrides({"workload.returned_share": None})
    surge = quiet.with_overrides({"workload.profile": "marketplace-surge"}).plan(1)
    assert {order.channel for order in surge.orders} == {list(quiet.estate.channels)[-1]}
    january = quiet.with_overrides({"workload.profile": "returns-january"}).plan(1)
    returned = {item.order_ref for item in january.items if isinstance(item, RequestReturn)}
    assert len(returned) == pytest.approx(20, abs=3), "half of 40"


def test_a_peak_and_a_number_of_orders_exclude_each_other() -> None:
    with pytest.raises(
        ScenarioError,
        match=r"^--set: workload\.peak_per_min: and orders exclude each other: both say how many orders come$",
    ):
        Scenario.load("quiet-day").with_overrides({"workload.orders": 5, "workload.peak_per_min": 60})
