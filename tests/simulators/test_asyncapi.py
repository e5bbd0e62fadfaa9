"""The AsyncAPI document tells the truth: it is well formed, and every event that a ledger emits is as it says."""

import re
from collections import defaultdict
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import jsonschema_rs
import msgspec
import pytest

from peakproof.simulators.asyncapi import asyncapi
from peakproof.simulators.erp.documents import CreditLine
from peakproof.simulators.erp.ledger import ErpLedger
from peakproof.simulators.kit.events import cloud_event
from peakproof.simulators.kit.orders import LineQuantity, PartLine
from peakproof.simulators.marketplace.documents import Checkout
from peakproof.simulators.marketplace.ledger import MarketplaceLedger
from peakproof.simulators.oms.ledger import OmsLedger
from peakproof.simulators.payments.ledger import PaymentsLedger
from peakproof.simulators.registry import KINDS
from peakproof.simulators.wms.ledger import WmsLedger

from .orders import HOME, content
from .world import MadeWorld, make_world

DOCUMENT = asyncapi()
TOPICS = {topic: kind for kind, entry in KINDS.items() for topic in entry.topics}
DAY_S = 86_400.0
LINE = ("1", "22423", 2)
UNITS = (LineQuantity("1", 2),)
PARTS = (PartLine("1", "22423", 2),)


# What each system does, so that it tells everything that it can tell


def the_marketplace(made: MadeWorld) -> None:
    web = MarketplaceLedger("web", made.world, lambda order_ref, amount, currency: "PAY-000001")
    web.seed_listing("22423", 10, {"GBP": Decimal("2.08")})
    bought = content(LINE)
    web.checkout(
        Checkout(
            order_ref=bought.order_ref,
            currency=bought.currency,
            lines=bought.lines,
            shipping=bought.shipping,
            total=bought.total,
            customer=bought.customer,
            ship_to=bought.ship_to,
            service_level="express",
        )
    )
    web.request_cancellation("web-000001", "changed my mind")
    web.ship("web-000001", shipment_id="SHP-1", lines=UNITS, carrier="DHL", tracking_number="DHL-1")
    web.request_return("web-000001", UNITS, "too small")


def the_oms(made: MadeWorld) -> None:
    oms = OmsLedger(made.world)
    oms.seed_stock([("22423", "north", 3)])
    oms.create(content(LINE))
    oms.create(content(("1", "22423", 9), order_ref="web-000002"))
    made.advance(DAY_S)


def the_erp(made: MadeWorld) -> None:
    erp = ErpLedger(made.world)
    erp.seed_item("22423", "A cake stand", 10)
    erp.set_price("22423", "GBP", Decimal("2.08"), "2026-11-27T12:00:00Z")
    order = erp.receive(content(LINE))
    erp.receive(content(("1", "unknown", 1), order_ref="web-000002"))
    made.advance(DAY_S)
    erp.invoice(
        order,
        shipment_id="SHP-1",
        currency="GBP",
        lines=UNITS,
        shipping=Decimal("4.95"),
        total=Decimal("9.11"),
    )
    made.advance(DAY_S)
    erp.credit(
        order_ref="web-000001",
        return_id="R-1",
        currency="GBP",
        lines=(CreditLine("1", "22423", 1, restock=True),),
        total=Decimal("2.08"),
    )
    made.advance(DAY_S)


def the_wms(made: MadeWorld) -> None:
    wms = WmsLedger(made.world)
    wms.seed_stock([("22423", "north", 3)])
    for number, units in enumerate((2, 9), 1):
        wms.request(
            order_ref=f"web-00000{number}",
            part_id=f"OMS-00000{number}-1",
            location="north",
            lines=(PartLine("1", "22423", units),),
            priority=5,
            ship_by="2026-11-28T12:00:00Z",
            service_level="standard",
            ship_to=HOME,
        )
    made.advance(DAY_S)
    wms.expect_return(return_id="R-1", order_ref="web-000001", lines=PARTS)
    made.advance(DAY_S)
    with made.world.acting("back-office"):
        wms.receive("22423", "north", 5)
        wms.count("22423", "north", 3)
        wms.damage("22423", "north", 1)


def the_payments(made: MadeWorld) -> None:
    payments = PaymentsLedger(made.world)
    ten = Decimal("10.00")
    taken, given_back, left = (payments.authorise(f"web-00000{n}", ten, "GBP") for n in (1, 2, 3))
    payments.capture(taken.payment_id, ten, "GBP", "SHP-1")
    payments.refund(taken.payment_id, Decimal("2.08"), "GBP", "R-1")
    payments.void(given_back.payment_id)
    made.advance(400 * DAY_S)
    assert left.status == "expired"


LIVES = {
    "marketplace": the_marketplace,
    "oms": the_oms,
    "erp": the_erp,
    "wms": the_wms,
    "payments": the_payments,
}


@pytest.fixture(scope="module")
def told() -> dict[str, list[dict[str, Any]]]:
    """Every event of every system's life as the SUT gets it, by topic."""
    by_topic: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for kind, live in LIVES.items():
        made = make_world()
        live(made)
        for number, event in enumerate(made.events, 1):
            assert TOPICS[event.topic] == kind
            received = msgspec.json.decode(cloud_event(event, f"{event.system}-evt-{number:07d}"))
            by_topic[event.topic].append(received)
    return by_topic


def test_every_topic_is_told(told: dict[str, list[dict[str, Any]]]) -> None:
    assert set(told) == set(TOPICS)


@pytest.mark.parametrize("topic", TOPICS)
def test_events_are_as_the_document_says(topic: str, told: dict[str, list[dict[str, Any]]]) -> None:
    reference = f"#/components/messages/{topic}/payload"
    schema = jsonschema_rs.validator_for({"$ref": reference, "components": DOCUMENT["components"]})
    for event in told[topic]:
        schema.validate(event)


@pytest.mark.parametrize("topic", TOPICS)
def test_events_say_nothing_that_the_document_does_not(
    topic: str, told: dict[str, list[dict[str, Any]]]
) -> None:
    payload = DOCUMENT["components"]["messages"][topic]["payload"]
    for event in told[topic]:
        assert list(undescribed(payload, event, topic)) == []


def undescribed(schema: dict[str, Any], value: Any, where: str) -> Iterator[str]:
    """Fields of a value that its schema has no property for."""
    if "$ref" in schema:
        yield from undescribed(looked_up(schema["$ref"]), value, where)
    elif isinstance(value, dict):
        options = [looked_up(one["$ref"]) for one in schema.get("anyOf", []) if "$ref" in one]
        properties = schema.get("properties") or (options[0]["properties"] if options else None)
        for name, part in value.items():
            if properties is None or name not in properties:
                yield f"{where}.{name}"
            else:
                yield from undescribed(properties[name], part, f"{where}.{name}")
    elif isinstance(value, list):
        for part in value:
            yield from undescribed(schema.get("items", {}), part, f"{where}[]")


def looked_up(reference: str) -> Any:
    found: Any = DOCUMENT
    for part in reference.removeprefix("#/").split("/"):
        found = found[part]
    return found


@pytest.mark.parametrize("topic", TOPICS)
def test_the_subject_is_what_the_document_says(topic: str, told: dict[str, list[dict[str, Any]]]) -> None:
    key = KINDS[TOPICS[topic]].topics[topic].key
    for event in told[topic]:
        assert event["subject"] == event["data"][key]


# AsyncAPI 3.0.0, section by section


def test_the_document_is_of_version_3() -> None:
    assert DOCUMENT["asyncapi"] == "3.0.0"
    assert {"title", "version"} <= DOCUMENT["info"].keys()
    assert DOCUMENT.keys() <= {
        "asyncapi",
        "id",
        "info",
        "servers",
        "defaultContentType",
        "channels",
        "operations",
        "components",
    }


def test_every_reference_leads_somewhere() -> None:
    references = set(re.findall(r"'\$ref': '([^']+)'", repr(DOCUMENT)))
    assert len(references) > 20
    for reference in references:
        assert isinstance(looked_up(reference), dict), reference


def test_every_topic_has_a_channel_a_message_and_an_operation_that_sends_it() -> None:
    assert set(DOCUMENT["channels"]) == set(DOCUMENT["components"]["messages"]) == set(TOPICS)
    for topic, channel in DOCUMENT["channels"].items():
        assert channel["address"] == topic
        assert channel["messages"] == {topic: {"$ref": f"#/components/messages/{topic}"}}
    sent = {
        operation["channel"]["$ref"].removeprefix("#/channels/"): operation
        for operation in DOCUMENT["operations"].values()
    }
    assert set(sent) == set(TOPICS)
    assert {operation["action"] for operation in sent.values()} == {"send"}


def test_component_names_are_legal() -> None:
    for components in DOCUMENT["components"].values():
        assert all(re.fullmatch(r"[A-Za-z0-9._-]+", name) for name in components)


def test_every_payload_and_header_is_a_valid_json_schema() -> None:
    for message in DOCUMENT["components"]["messages"].values():
        for schema in (message["payload"], message["headers"]):
            jsonschema_rs.meta.validate(schema)
        assert message["contentType"] == DOCUMENT["defaultContentType"]
        assert message["correlationId"]["location"].startswith("$message.payload#/")
