"""stock-sync: the warehouse's stock to the OMS, its corrections to the ERP, the OMS's availability to every channel."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

from ..client import SystemClient
from ..documents import Availability, Listing, StockAdjustment, StockChange, StockLevel
from ..policies import Policies
from ..publisher import Publisher
from ..store import Store

CORRECTIONS = ("receipt", "count", "damage")
"""Causes that the ERP's book does not learn of by itself."""
MOST_CORRECTIONS = 10
"""In one call: a call whose outcome is unknown is repeated as it was, and a small one is sooner answered."""
DOUBT_LASTS = timedelta(minutes=10)
"""How far back an adjustment is looked for when its booking was not answered."""


class StockSync:
    """Values go out in bulk, versioned; a correction is booked once, by its change id."""

    def __init__(
        self, clients: Mapping[str, SystemClient], store: Store, policies: Policies, *, gather_s: float
    ) -> None:
        def publisher(topic: str, path: str, client: SystemClient) -> Publisher:
            name = f"{topic}@{client.name}"
            if topic == "adjustment":
                return Publisher(
                    name,
                    path,
                    client,
                    store,
                    policies,
                    gather_s=gather_s,
                    most=MOST_CORRECTIONS,
                    exists=_booked,
                )
            return Publisher(name, path, client, store, policies, gather_s=gather_s)

        self._stock, self._corrections, self._availability = (
            [publisher(topic, path, client) for client in clients.values() if client.kind == kind]
            for topic, path, kind in (
                ("stock", "/v1/stock/batch", "oms"),
                ("adjustment", "/v1/stock-adjustments/batch", "erp"),
                ("availability", "/v1/listings/availability/batch", "marketplace"),
            )
        )
        self.publishers = [*self._stock, *self._corrections, *self._availability]

    def stock_changed(self, change: StockChange) -> None:
        """``stock.changed``."""
        for target in self._stock:
            body = {
                "sku": change.sku,
                "location": change.location,
                "on_hand": change.on_hand,
                "version": change.version,
            }
            target.offer(f"{change.sku}/{change.location}", change.version, body)
        if change.cause in CORRECTIONS:
            for target in self._corrections:
                body = {
                    "change_id": change.change_id,
                    "sku": change.sku,
                    "quantity": change.delta,
                    "cause": change.cause,
                }
                target.offer(change.change_id, 1, body)

    def availability_changed(self, availability: Availability) -> None:
        """``availability.changed``."""
        body = {
            "sku": availability.sku,
            "quantity": availability.available,
            "version": availability.version,
        }
        for target in self._availability:
            target.offer(availability.sku, availability.version, body)

    def stock_seen(self, level: StockLevel, asked_at: float) -> None:
        """What the OMS shows: an older version that came late is put right."""
        for target in self._stock:
            target.seen(f"{level.sku}/{level.location}", level.version, asked_at)

    def listing_seen(self, channel: str, listing: Listing, asked_at: float) -> None:
        """What a channel shows."""
        for target in self._availability:
            if target.system == channel:
                target.seen(listing.sku, listing.availability_version, asked_at)


async def _booked(erp: SystemClient, change_ids: set[str]) -> set[str] | None:
    """Which of these changes the ERP has booked; None where it cannot be asked."""
    since = (datetime.now(UTC) - DOUBT_LASTS).strftime("%Y-%m-%dT%H:%M:%SZ")
    reply, items = await erp.read_list(
        f"/v1/stock-adjustments?updated_since={since}&limit=500", StockAdjustment
    )
    if reply.status != 200:
        return None
    return {item.change_id for item in items} & change_ids
