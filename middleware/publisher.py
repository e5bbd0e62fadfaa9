"""Versioned values on their way to one system: gathered, sent in bulk, an older one never over a newer one."""

import asyncio
import logging
import sys
import time
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from hashlib import blake2b

import msgspec

from .client import SystemClient
from .documents import ItemResult
from .order import Request, encoded
from .policies import Policies, Reply, Verdict
from .shelf import Item, Shelf, Value
from .store import Parked, Store, StoreError

log = logging.getLogger(__package__)

MOST_ITEMS = 200
MOST_CALLS = 4
"""Under way at once, when there is more to send than one call may hold."""


Exists = Callable[[SystemClient, set[str]], Awaitable[set[str] | None]]


class Publisher:
    """One bulk endpoint of one system; of each item one call is under way at a time.

    Values of one item need not come in order; one that is superseded before it is sent is dropped. ``exists`` is for
    values that must be booked once: asked after a call whose outcome is unknown, it says which of some items the
    target has, or None where it cannot be reached. Values that are absolute are simply sent again.
    """

    def __init__(
        self,
        topic: str,
        path: str,
        client: SystemClient,
        store: Store,
        policies: Policies,
        *,
        gather_s: float = 0.05,
        most: int = MOST_ITEMS,
        exists: Exists | None = None,
    ) -> None:
        self.topic = topic
        self.system = client.name
        self._path = path
        self._client = client
        self._store = store
        self._policies = policies
        self._gather_s = gather_s
        looks_up = policies.looks_up_bulk or policies.idempotency.looks_first(True)
        self._exists = exists if looks_up else None
        self._shelf = Shelf(policies.version)
        self._free = asyncio.Semaphore(1 if exists else MOST_CALLS)
        self._calls: set[asyncio.Task[None]] = set()
        self._wake = asyncio.Event()
        self._widest = most
        self._most = most
        """Items of the next call: halved after a failure, doubled after a success."""
        self._failures = 0
        self._doubt: dict[str, Value] | None = None
        """Values that must be booked once, of a call whose outcome is unknown."""
        self._generations: dict[str, int] = {}
        """How often a call of this intent was answered in a way that left some of its items to be sent again."""

    def load(self) -> None:
        """Know what was known when the process ended."""
        for name, doc in self._store.publications(self.topic):
            self._shelf.put_back(name, msgspec.msgpack.decode(doc, type=Item))
        if self._exists is not None:
            self._doubt = self._shelf.take(sys.maxsize, time.time()) or None

    def offer(self, name: str, version: int, body: object, due_at: float = 0.0) -> None:
        """Here is a version of an item; it is dropped if a newer one is known."""
        worded = self._policies.wording.body(self.topic, encoded(body))
        item = self._shelf.offer(name, Value(version, worded, due_at))
        if item is not None:
            self._note(name, item)
            self._wake.set()

    def seen(self, name: str, version: int, asked_at: float) -> None:
        """The target showed this version when it was asked; what it lost is sent again."""
        item = self._shelf.seen(name, version, asked_at)
        if item is not None:
            log.info("%s: %s was overwritten by version %d", self.topic, name, version)
            self._note(name, item)
            self._wake.set()

    def pending(self) -> int:
        """Items with a value that could be sent now."""
        return self._shelf.pending(time.time())

    async def run(self) -> None:
        """Send what is due, until cancelled."""
        try:
            while True:
                await self._free.acquire()
                batch = self._doubt or self._shelf.take(self._most, time.time())
                if not batch:
                    self._free.release()
                    await self._idle()
                    continue
                full = len(batch) >= self._most
                call = asyncio.get_running_loop().create_task(self._carry(batch))
                self._calls.add(call)
                call.add_done_callback(self._calls.discard)
                if not full:
                    await asyncio.sleep(self._gather_s)
        finally:
            for call in self._calls:
                call.cancel()

    async def _idle(self) -> None:
        """Until something is offered, due or free again, and a little longer so that more can come along."""
        self._wake.clear()
        due_at = self._shelf.next_due()
        timeout_s = None if due_at is None else max(0.0, due_at - time.time())
        try:
            async with asyncio.timeout(timeout_s):
                await self._wake.wait()
        except TimeoutError:
            return
        await asyncio.sleep(self._gather_s)

    async def _carry(self, batch: dict[str, Value]) -> None:
        """One call, and the wait that is due after it; meanwhile its items are nobody else's."""
        try:
            wait_s = await self._send(batch)
            self._failures = self._failures + 1 if wait_s else 0
            if wait_s:
                await asyncio.sleep(wait_s)
        except StoreError:
            return
        except Exception:
            log.exception("%s: a call failed in this service", self.topic)
            await asyncio.sleep(1.0)
        finally:
            if batch is not self._doubt:
                self._shelf.give_back(batch)
            self._free.release()
            self._wake.set()

    async def _send(self, batch: dict[str, Value]) -> float:
        """Make one bulk call; returns how long to wait when its items must be sent again."""
        await self._store.commit()
        if self._doubt is not None and self._exists is not None:
            there = await self._exists(self._client, set(batch))
            if there is None:
                return max(0.05, self._policies.retry.wait_s(self._failures, Reply(None)))
            if there:
                self._doubt = None
                for name in there:
                    self._settle(name, batch[name])
                return 0.0
        body = b'{"items":[' + b",".join(value.body for value in batch.values()) + b"]}"
        repeated = sum(value.repeated for value in batch.values())
        intent = f"{self.topic}:{blake2b(b'%d' % repeated + body, digest_size=16).hexdigest()}"
        key = self._policies.idempotency.key(intent, self._generations.get(intent, 0))
        reply = await self._client.call(Request("POST", self._path, body), key=key)
        verdict = self._policies.retry.verdict(reply)
        results = self._policies.batch.results(reply.body, len(batch)) if verdict is Verdict.DONE else []
        if results is None:
            log.warning("%s: the answer to %d items cannot be read", self.topic, len(batch))
            reply, verdict = Reply(None, code="unreadable"), Verdict.AGAIN
        if verdict is Verdict.AGAIN:
            if reply.unclear:
                self._doubt = batch if self._exists else None
                self._most = max(1, len(batch) // 2)
            return max(0.01, self._policies.retry.wait_s(self._failures, reply))
        self._doubt = None
        if results:
            self._most = min(max(self._most, len(batch)) * 2, self._widest)
            wait_s = self._take(batch, results)
            if wait_s:
                self._generations[intent] = self._generations.get(intent, 0) + 1
            return wait_s
        if verdict is Verdict.REFUSED:
            self._refused(batch, reply)
        else:
            for name, value in batch.items():
                self._settle(name, value)
        return 0.0

    def _take(self, batch: dict[str, Value], results: list[ItemResult]) -> float:
        """Each item stands or falls alone."""
        wait_s = 0.0
        names = list(batch)
        for result in results:
            name = names[result.index]
            code = result.problem.code if result.problem else ""
            detail = result.problem.detail if result.problem else ""
            reply = Reply(result.status, code=code, detail=detail)
            verdict = self._policies.retry.verdict(reply)
            if verdict is Verdict.AGAIN:
                wait_s = max(wait_s, 0.05)
                continue
            self._settle(name, batch[name])
            if verdict is Verdict.REFUSED and code not in ("stale_version", "duplicate_reference"):
                self._park(name, reply)
        return wait_s

    def _refused(self, batch: dict[str, Value], reply: Reply) -> None:
        """Nothing of it was taken: halve the batch until the item that spoils it is alone."""
        if len(batch) > 1:
            self._most = len(batch) // 2
            return
        self._most = self._widest
        for name, value in batch.items():
            self._settle(name, value)
            self._park(name, reply)

    def _settle(self, name: str, value: Value) -> None:
        self._note(name, self._shelf.settle(name, value, time.time()))

    def _park(self, name: str, reply: Reply) -> None:
        log.warning("%s %s parked: %s says %s", self.topic, name, self._client.name, reply.code)
        self._store.note_parked(
            Parked(
                key=f"{self.topic}:{name}",
                order_ref=None,
                system=self._client.name,
                step=self.topic,
                reason=f"{name}: {reply.code}: {reply.detail}",
                since=f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}",
                impact="this value is not published",
            )
        )

    def _note(self, name: str, item: Item) -> None:
        self._store.note_publication(self.topic, name, msgspec.msgpack.encode(item))
