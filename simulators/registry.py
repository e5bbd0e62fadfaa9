"""The kinds of systems that an estate can have: one line each."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from . import erp, marketplace, oms, payments, wms
from .erp.effects import EFFECTS as ERP_EFFECTS
from .erp.ledger import ErpSettings
from .erp.routes import declare as declare_erp
from .erp.topics import TOPICS as ERP_TOPICS
from .kit.topics import Topic
from .marketplace.effects import EFFECTS as MARKETPLACE_EFFECTS
from .marketplace.ledger import MarketplaceSettings
from .marketplace.routes import declare as declare_marketplace
from .marketplace.topics import TOPICS as MARKETPLACE_TOPICS
from .oms.effects import EFFECTS as OMS_EFFECTS
from .oms.ledger import OmsSettings
from .oms.routes import declare as declare_oms
from .oms.topics import TOPICS as OMS_TOPICS
from .payments.effects import EFFECTS as PAYMENTS_EFFECTS
from .payments.ledger import PaymentsSettings
from .payments.routes import declare as declare_payments
from .payments.topics import TOPICS as PAYMENTS_TOPICS
from .wms.effects import EFFECTS as WMS_EFFECTS
from .wms.ledger import WmsSettings
from .wms.routes import declare as declare_wms
from .wms.topics import TOPICS as WMS_TOPICS


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of system: its title, settings, operations, topics and effects."""

    title: str
    description: str
    settings: type[Any]
    """A frozen dataclass: the rules that a scenario may set."""
    declare: Callable[..., None]
    topics: Mapping[str, Topic]
    effects: Mapping[str, str]


FACE_RULES = {
    "replay_key": "A call's Idempotency-Key has an answer: whether it is given again; about what the call is about.",
    "keep_answer": "A call with a new Idempotency-Key: whether it fails for as long as the key holds; likewise.",
    "read_document": "A document is read: whether it is shown as it stood a while ago; likewise.",
    "read_list": "A list is read: whether it misses the last changes; likewise.",
    "page_size": "A list is read: whether a page holds fewer items than were asked for; likewise.",
}
"""What every face asks."""

VALIDATE = "An order comes in: whether it can ever pass; about the order reference."
TAKE = "A value is set: whether it takes; about the SKU."

BATCH = "A bulk call does its items: whether this one fails, undone; about the SKU."

RULES: dict[str, dict[str, str]] = {
    "marketplace": {
        "take_update": TAKE,
        "batch_item": BATCH,
        "checkout_text": "A shopper checks out: whether name and address hold unusual letters; about the order reference.",
    },
    "oms": {"validate_order": VALIDATE, "take_update": TAKE, "batch_item": BATCH},
    "erp": {
        "validate_order": VALIDATE,
        "batch_item": BATCH,
        "compute_total": "An order comes in: whether its total is another here; about the order reference.",
        "post_sales_order": "An order is about to be posted: whether it is rejected; about the order reference.",
        "posting_time": "A document is about to be posted: whether it waits or is rejected; about the order reference.",
        "know_item": "An order is about to be posted: whether the item master has the article; about the SKU.",
        "reprice_after_order": "An order was placed: whether a price changes now; about the order reference.",
    },
    "wms": {
        "short_pick": "An order is picked: whether units are missing; about the order reference.",
        "damage_after_order": "An order was placed: whether units get lost now; about the order reference.",
    },
    "payments": {},
}


def rules_of(kind: str) -> dict[str, str]:
    """What systems of a kind ask injections about."""
    return {**FACE_RULES, **RULES[kind]}


KINDS: dict[str, Kind] = {
    "marketplace": Kind(
        "Marketplace",
        marketplace.__doc__ or "",
        MarketplaceSettings,
        declare_marketplace,
        MARKETPLACE_TOPICS,
        MARKETPLACE_EFFECTS,
    ),
    "oms": Kind("OMS", oms.__doc__ or "", OmsSettings, declare_oms, OMS_TOPICS, OMS_EFFECTS),
    "erp": Kind("ERP", erp.__doc__ or "", ErpSettings, declare_erp, ERP_TOPICS, ERP_EFFECTS),
    "wms": Kind("WMS", wms.__doc__ or "", WmsSettings, declare_wms, WMS_TOPICS, WMS_EFFECTS),
    "payments": Kind(
        "Payments",
        payments.__doc__ or "",
        PaymentsSettings,
        declare_payments,
        PAYMENTS_TOPICS,
        PAYMENTS_EFFECTS,
    ),
}
