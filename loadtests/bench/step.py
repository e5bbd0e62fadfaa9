"""One step of a handful of orders: the records of what happens to all of them within a tick."""

from collections import defaultdict
from typing import Any

import msgspec

from ...history.records import Call, Delivery, Effect, FaultMark, WorkloadItem
from .handful import HANDFUL, TICK, Order

TICK_NS = 100_000_000
"""A handful begins with every tick."""
RECORD_NS = 20_000
"""From one record to the next."""


class Step:
    """What happens ``lag`` ticks after the handful began; ``counts`` number the records of all its steps."""

    def __init__(self, lag: int, counts: defaultdict[str, int]) -> None:
        self.lag = lag
        self.records: defaultdict[str, list[msgspec.Struct]] = defaultdict(list)
        self._counts = counts
        self._at_ns = TICK * TICK_NS

    def asked(self, system: str, operation: str, order: Order | None = None, **said: Any) -> str:
        """A call of the middleware's that changes state and succeeds, where nothing else is said; returns its id."""
        call_id = self._id(system, "c")
        body = HANDFUL + call_id[-3:]
        about: dict[str, Any] = {"subject": f"sut-{system}", "path": f"/v1/{operation}"}
        if order is not None:
            about = {
                "subject": order.ref,
                "order_ref": order.ref,
                "path": f"/v1/{operation}/{order.ref}",
                "trace_id": f"{HANDFUL}{order.place:02d}4c21f1b4e0e8e5ac9f37e0c4",
            }
        usual: dict[str, Any] = {
            "attempt": 1,
            "method": "POST",
            "at_ns": self._now(),
            "replied_ns": self._now(),
            "outcome": "ok",
            "changes": True,
            "committed": True,
            "status": 201,
            "client": f"sut-{system}",
            "idempotency_key": f"{about['subject']}:{operation}:{body}",
            "request_body": f"{body}4f1a7c02be9d3a6",
            "response_body": f"{body}d09c5e7713aa2f8",
        }
        self.records["calls"].append(
            Call(call_id=call_id, system=system, operation=operation, **usual | about | said)
        )
        return call_id

    def read(self, system: str, operation: str) -> None:
        """The middleware looked whether it had missed anything."""
        reads: dict[str, Any] = {
            "method": "GET",
            "status": 200,
            "idempotency_key": None,
            "request_body": None,
        }
        self.asked(system, operation, changes=False, committed=False, **reads)

    def happened(
        self,
        system: str,
        kind: str,
        order: Order | None = None,
        document: str | None = None,
        status: str | None = None,
        **said: Any,
    ) -> None:
        """An effect; ``document`` is the id of what changed, or the prefix of one of the order's ids."""
        if order is not None:
            said["order_ref"] = order.ref
            document = order.id(document) if document and document.isalpha() else document
        record = Effect(
            effect_id=self._id(system, "e"),
            at_ns=self._now(),
            system=system,
            kind=kind,
            document_id=document,
            status=status,
            **said,
        )
        self.records["effects"].append(record)

    def told(self, topic: str, times: int = 1) -> None:
        """The event of the effect that happened last, delivered; more than once where the network repeats itself."""
        effect = self.records["effects"][-1]
        assert isinstance(effect, Effect)
        event_id = self._id(effect.system, "evt-")
        for attempt in range(1, times + 1):
            record = Delivery(
                delivery_id=self._id(effect.system, "d"),
                event_id=event_id,
                system=effect.system,
                topic=topic,
                subject=effect.order_ref or str(effect.sku),
                attempt=attempt,
                emitted_ns=effect.at_ns,
                at_ns=self._now(),
                replied_ns=self._now(),
                acknowledged=True,
                status=202,
                order_ref=effect.order_ref,
                sku=effect.sku,
                version=effect.version,
                effect_id=effect.effect_id,
                subscription=f"{effect.system}-sub-0001",
                body=f"{HANDFUL}{event_id[-3:]}72be46f7de8a511",
            )
            self.records["deliveries"].append(record)

    def shopped(self, kind: str, order: Order) -> None:
        """A shopper did something, and in time."""
        now = self._now()
        record = WorkloadItem(
            at_ns=now, due_ns=now, kind=kind, channel=order.channel, order_ref=order.ref, status=201
        )
        self.records["workload"].append(record)

    def fault(self, injection: str, fault: str, mark: str, system: str, call_id: str | None = None) -> None:
        """A line of the fault log."""
        record = FaultMark(
            at_ns=self._now(), injection=injection, fault=fault, mark=mark, system=system, call_id=call_id
        )
        self.records["faults"].append(record)

    def _now(self) -> int:
        self._at_ns += RECORD_NS
        return self._at_ns

    def _id(self, system: str, letter: str) -> str:
        self._counts[system + letter] += 1
        return f"{system}-{letter}{HANDFUL}{self._counts[system + letter]:03d}"
