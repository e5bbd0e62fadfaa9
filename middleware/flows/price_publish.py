"""price-publish: the ERP's prices to every channel, each not before it holds."""

from collections.abc import Mapping

from ..client import SystemClient
from ..documents import Listing, Price
from ..policies import Policies
from ..publisher import Publisher
from ..store import Store


class PricePublish:
    """Versioned by SKU and currency."""

    def __init__(
        self, clients: Mapping[str, SystemClient], store: Store, policies: Policies, *, gather_s: float
    ) -> None:
        self._times = policies.times
        self.publishers = [
            Publisher(
                f"price@{client.name}",
                "/v1/listings/prices/batch",
                client,
                store,
                policies,
                gather_s=gather_s,
            )
            for client in clients.values()
            if client.kind == "marketplace"
        ]

    def price_changed(self, price: Price) -> None:
        """``price.changed``. Raises ValueError for a ``valid_from`` that is no time with a zone."""
        valid_from = self._times.moment(price.valid_from)
        body = {
            "sku": price.sku,
            "amount": price.amount,
            "currency": price.currency,
            "valid_from": price.valid_from,
            "version": price.version,
        }
        for target in self.publishers:
            target.offer(f"{price.sku}/{price.currency}", price.version, body, valid_from.timestamp())

    def listing_seen(self, channel: str, listing: Listing, asked_at: float) -> None:
        """What a channel shows: an older version that came late is put right."""
        for target in self.publishers:
            if target.system == channel:
                for price in listing.prices:
                    target.seen(f"{listing.sku}/{price.currency}", price.version, asked_at)
