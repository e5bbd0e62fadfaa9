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
