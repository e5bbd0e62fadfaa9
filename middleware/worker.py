"""Carries orders through: events bring facts, flows say which steps follow, and each step is called until it is done."""

import asyncio
import logging
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import blake2b
from itertools import count
from typing import Any

import msgspec

from .client import SystemClient
from .flows import cancel, order_to_ship, return_to_refund
from .order import Order, Request, Step
from .policies import Policies, Reply, Verdict
from .store import Parked, Store, StoreError, Task

log = logging.getLogger(__package__)

ORDERS_IN_MEMORY = 20_000


FLOWS = (order_to_ship, cancel, return_to_refund)
"""Modules that each ``decide`` what follows from an order's facts and ``plan`` its ``STEPS``; conclusions come in this order."""
STEPS: dict[str, Step] = {step.name: step for flow in FLOWS for step in flow.STEPS}


@dataclass(slots=True)
class Running:
    """A task and the coroutine that works on it."""

    task: Task
    step: Step
    job: asyncio.Task[None] | None = None


class Worker:
    """Everything about one order happens in turn between its calls; its calls, and orders, run side by side."""

    def __init__(
        self,
        clients: Mapping[str, SystemClient],
        store: Store,
        policies: Policies,
        *,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._clients = clients
        self._of_kind = {client.kind: client for client in clients.values() if client.kind != "marketplace"}
        self._store = store
        self._policies = policies
        self._sleep = sleep
        self._orders: OrderedDict[str, Order] = OrderedDict()
        self._running: dict[str, dict[str, Running]] = {}
        self._spans = count(1)
        self.open = 0
        """Tasks that are not over."""

    def start(self) -> None:
        """Go on with what was open when the process ended; any of it may have been carried out."""
        orders = set()
        for task in self._store.tasks():
            task.attempts, task.unclear = max(task.attempts, 1), True
            orders.add(self.order(task.order_ref).ref)
            self._run(self.order(task.order_ref), STEPS[task.step], task)
        for ref in orders:
            self._replan(self.order(ref))

    async def stop(self) -> None:
        """Let go of every call; the tasks stay in the store."""
        jobs = [running.job for lane in self._running.values() for running in lane.values() if running.job]
        for job in jobs:
            job.cancel()
        await asyncio.gather(*jobs, return_exceptions=True)

    # Facts

    def knows(self, ref: str) -> Order | None:
        """The order, if anything is known about it."""
        order = self._orders.get(ref)
        if order is not None:
            self._orders.move_to_end(ref)
            return order
        order = self._store.order(ref)
        if order is not None:
            self._keep(order)
        return order

    def order(self, ref: str) -> Order:
        """The order; a new one where nothing is known about it yet."""
        order = self.knows(ref)
        if order is None:
            order = Order(ref=ref)
            self._keep(order)
        return order

    def tell(self, ref: str, fact: Callable[[Order], None], *, anew: tuple[str, ...] = ()) -> None:
        """Add a fact to an order and start what follows from it. ``anew``: steps to be done again."""
        order = self.order(ref)
        had_content = order.content is not None
        fact(order)
        for key in [key for key in order.done if key.partition(":")[0] in anew]:
            del order.done[key]
            order.generations[key] = order.generations.get(key, 0) + 1
        self._store.note_order(order, with_content=order.content is not None and not had_content)
        self._replan(order)

    def replay(self, order_ref: str) -> int:
        """Try what was parked of an order again; returns how much that was."""
        parked = [each for each in self._store.parked() if each.order_ref == order_ref]
        order = self.order(order_ref)
        for each in parked:
            order.refused.pop(each.step, None)
            order.generations[each.step] = order.generations.get(each.step, 0) + 1
            self._store.drop_parked(each.key)
        self.tell(order_ref, lambda order: None)
        return len(parked)

    def _keep(self, order: Order) -> None:
        self._orders[order.ref] = order
        if len(self._orders) > ORDERS_IN_MEMORY:
            oldest = next(iter(self._orders))
            if oldest in self._running:
                self._orders.move_to_end(oldest)
            else:
                del self._orders[oldest]

    # From facts to calls

    def _replan(self, order: Order) -> None:
        lane = self._running.get(order.ref, {})
        under_way = {key for key, running in lane.items() if running.task.attempts}
        wanted: dict[str, tuple[Step, str]] = {}
        for flow in FLOWS:
            flow.decide(order, under_way)
        for flow in FLOWS:
            for step, ref in self._policies.steps.chosen(order, flow.plan(order, under_way)):
                wanted[step.key(ref)] = (step, ref)
        for key in [key for key in lane if key not in wanted and key not in under_way]:
            self._withdraw(order, key)
        for key, (step, ref) in wanted.items():
            if key in order.done or key in order.refused or key in lane or self._client(order, step) is None:
                continue
            self._begin(order, step, ref)

    def _client(self, order: Order, step: Step) -> SystemClient | None:
        """None where the estate has no such system: its steps are not ours to do."""
        return self._clients.get(order.channel or "") if step.at == "channel" else self._of_kind.get(step.at)

    def _begin(self, order: Order, step: Step, ref: str) -> None:
        key = step.key(ref)
        try:
            request = step.request(order, ref)
        except (KeyError, ValueError, StopIteration) as error:
            self._park(order, f"{order.ref}:{key}", step, key, "middleware", f"cannot be asked for: {error}")
            return
        task = Task(
            key=f"{order.ref}:{key}",
            order_ref=order.ref,
            step=step.name,
            ref=ref,
            method=request.method,
            path=request.path,
            body=self._policies.wording.body(step.name, request.body),
            generation=order.generations.get(key, 0),
            unclear=order.found or step.looks_first,
        )
        self._store.note_task(task)
        self._run(order, step, task)

    def _run(self, order: Order, step: Step, task: Task) -> None:
        running = Running(task, step)
        self._running.setdefault(order.ref, {})[step.key(task.ref)] = running
        self.open += 1
        running.job = asyncio.get_running_loop().create_task(self._work(order, running))

    def _withdraw(self, order: Order, key: str) -> None:
        running = self._forget(order, key)
        self._store.drop_task(running.task.key)
        if running.job is not None:
            running.job.cancel()

    def _forget(self, order: Order, key: str) -> Running:
        lane = self._running[order.ref]
        running = lane.pop(key)
        if not lane:
            del self._running[order.ref]
        self.open -= 1
        return running

    # One task

    async def _work(self, order: Order, running: Running) -> None:
        task, step = running.task, running.step
        try:
            await self._store.commit()
            async with self._policies.turns.turn(order, step.name):
                while not await self._attempt(order, step, task):
                    self._store.note_task(task)
        except StoreError:
            return
        except Exception as error:
            log.exception("order %s: step %s failed in this service", order.ref, step.name)
            reason = f"{type(error).__name__}: {error}"
            self._refuse(order, step, task, "middleware", reason)

    async def _attempt(self, order: Order, step: Step, task: Task) -> bool:
        """Try once, when it is due; true when the step is over one way or the other."""
        wait_s = task.due_at - time.time()
        if wait_s > 0:
            await self._sleep(wait_s)
        client = self._client(order, step)
        if client is None:
            raise LookupError(f"there is no system for step {step.name}")
        if step.search is not None and self._policies.idempotency.looks_first(task.unclear):
            reply, document = await self._look(client, order, step, task.ref)
            if document is not None:
                self._finish(order, step, task, document)
                return True
            if self._policies.retry.verdict(reply) in (Verdict.AGAIN, Verdict.FORGET):
                return self._after(order, client, step, task, reply)
        reply = await client.call(
            Request(task.method, task.path, task.body),
            key=self._policies.idempotency.key(task.key, task.generation),
            trace=self._trace(order) if self._policies.trace.carried(task.attempts) else None,
            if_match=self._policies.condition.if_match(step.name, task.attempts),
            starting=lambda: _starting(task),
        )
        if reply.code == "duplicate_reference" and step.search is not None:
            _, document = await self._look(client, order, step, task.ref)
            if document is not None:
                self._finish(order, step, task, document)
                return True
        return self._after(order, client, step, task, reply)

    def _after(self, order: Order, client: SystemClient, step: Step, task: Task, reply: Reply) -> bool:
        """Draw the consequence of an answer; true when the step is over."""
        match self._policies.retry.verdict(reply):
            case Verdict.DONE:
                try:
                    document = msgspec.json.decode(reply.body, type=step.reads) if step.reads else None
                except msgspec.DecodeError as error:
                    log.warning("order %s: the answer to %s cannot be read: %s", order.ref, step.name, error)
                    reply = Reply(None, code="unreadable")
                else:
                    self._finish(order, step, task, document)
                    return True
            case Verdict.REFUSED:
                self._refuse(order, step, task, client.name, reply.code, reply)
                return True
            case Verdict.FORGET:
                order.refused[step.key(task.ref)] = "forgotten"
                self._over(order, step, task)
                return True
        task.unclear = task.unclear or reply.unclear
        if reply.status == 409 and reply.code != "idempotency_key_in_use":
            task.generation += 1  # the key stands for this refusal now, and nothing was done
        elif reply.replayed and reply.unclear and step.search is not None:
            task.generation += (
                1  # the key stands for this failure now; before a new one is used, it is looked up
            )
        task.due_at = time.time() + self._policies.retry.wait_s(task.attempts, reply)
        return False

    async def _look(self, client: SystemClient, order: Order, step: Step, ref: str) -> tuple[Reply, Any]:
        """The document that shows that the step has been carried out; None where there is none, or no answer."""
        search = step.search
        assert search is not None, "asked only of steps that can be looked up"
        path = search.path(order, ref)
        if not search.listed:
            reply, document = await client.read(path, search.reads)
            found = document is not None and search.matches(order, ref, document)
            return reply, document if found else None
        reply, items = await client.read_list(path, search.reads)
        return reply, next((item for item in items if search.matches(order, ref, item)), None)

    def _finish(self, order: Order, step: Step, task: Task, document: Any) -> None:
        had_content = order.content is not None
        order.done[step.key(task.ref)] = step.done(order, task.ref, document) or ""
        if order.content is not None and not had_content:
            self._store.note_order(order, with_content=True)
        self._over(order, step, task)

    def _refuse(
        self, order: Order, step: Step, task: Task, system: str, reason: str, reply: Reply | None = None
    ) -> None:
        """A system has said no for good: settle the step, or park it for a person."""
        key = step.key(task.ref)
        order.generations[key] = task.generation
        if reason in step.means_done or (step.refused is not None and step.refused(order, task.ref, reason)):
            order.done[key] = ""
        else:
            detail = f"{reason}: {reply.detail}" if reply is not None and reply.detail else reason
            self._park(order, task.key, step, key, system, detail)
        self._over(order, step, task)

    def _park(self, order: Order, task_key: str, step: Step, key: str, system: str, reason: str) -> None:
        log.warning("order %s: %s parked: %s says %s", order.ref, step.name, system, reason)
        order.refused[key] = reason
        system, reason = self._policies.parking.words(system, reason)
        self._store.note_order(order)
        self._store.note_parked(
            Parked(
                key=task_key,
                order_ref=order.ref,
                system=system,
                step=key,
                reason=reason,
                since=f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}",
                impact=f"{step.name} is not done",
            )
        )

    def _over(self, order: Order, step: Step, task: Task) -> None:
        self._forget(order, step.key(task.ref))
        self._store.drop_task(task.key)
        self._store.note_order(order)
        self._replan(order)

    def _trace(self, order: Order) -> str:
        trace_id = blake2b(order.ref.encode(), digest_size=16).hexdigest()
        return f"00-{trace_id}-{next(self._spans):016x}-01"


def _starting(task: Task) -> None:
    """From now on the call cannot be taken back."""
    task.attempts += 1
