"""Joins store, clients, worker, publishers and polling to one service, and starts and stops them."""

import asyncio
import time
from collections.abc import Coroutine
from typing import Any

from .client import SystemClient, new_session
from .flows.price_publish import PricePublish
from .flows.stock_sync import StockSync
from .intake import Intake
from .policies import EVENTS_REMEMBERED, Policies
from .reconciliation import Reconciliation
from .settings import Settings
from .store import Store
from .worker import Worker


class Service:
    """The middleware without its own HTTP door. ``start`` needs a running event loop."""

    def __init__(self, settings: Settings, policies: Policies | None = None) -> None:
        self.settings = settings
        self.policies = policies or Policies()
        self.ready = False

    async def start(self) -> None:
        """Open the store, go on with what was open, and be ready for events."""
        settings, policies = self.settings, self.policies
        await asyncio.sleep(policies.starts_in_s or 0.0)
        self.store = store = Store(settings.data / "middleware.sqlite3")
        policies.deduplicate.remember(store.recent_events(EVENTS_REMEMBERED))
        self._session = new_session()
        clients = {
            name: SystemClient(
                name, address, self._session, policies, timeout_s=policies.patience_s or settings.timeout_s
            )
            for name, address in settings.systems.items()
        }
        for client in clients.values():
            self._keep_pauses(client)
        self.worker = Worker(clients, store, policies)
        gather_s = policies.gather.seconds(settings.gather_s)
        stock = StockSync(clients, store, policies, gather_s=gather_s)
        prices = PricePublish(clients, store, policies, gather_s=gather_s)
        self.publishers = [*stock.publishers, *prices.publishers]
        self.intake = Intake(self.worker, stock, prices, store, policies, settings.webhook_secret)
        self.reconciliation = Reconciliation(
            clients, self.intake, store, policies.reading, poll_s=settings.poll_s
        )
        self._jobs: set[asyncio.Task[None]] = set()
        for publisher in self.publishers:
            publisher.load()
            self._spawn(publisher.run())
        if policies.reconciles:
            self.reconciliation.load()
            await store.commit()
            self._spawn(self.reconciliation.run())
        self.worker.start()
        self.ready = True

    async def stop(self) -> None:
        """Let go of what is under way; it is in the store."""
        self.ready = False
        for job in self._jobs:
            job.cancel()
        await asyncio.gather(*self._jobs, return_exceptions=True)
        await self.worker.stop()
        await self._session.close()
        await self.store.close()

    @property
    def healthy(self) -> bool:
        """Ready, with a disk that takes what it must and every part at work."""
        return self.ready and not self.store.broken and not any(job.done() for job in self._jobs)

    def pending(self) -> int:
        """What is known to be left to do; parked exceptions do not count."""
        return self.worker.open + sum(publisher.pending() for publisher in self.publishers)

    def _keep_pauses(self, client: SystemClient) -> None:
        """What a system has asked for holds over a restart as well."""
        name = f"pause of {client.name}"
        until = float(self.store.cursor(name) or 0.0)
        if until > time.time():
            client.pace.pause(until - time.time())

        def keep(pause_s: float) -> None:
            self.store.note_cursor(name, str(time.time() + pause_s))
            self.store.commit()

        client.pace.on_pause = keep

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        self._jobs.add(asyncio.get_running_loop().create_task(work))
