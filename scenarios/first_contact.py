"""First contact: one order is followed through every system, hop by hop, and the first step that is missing is named."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from ..history.compressed import decompressed
from ..simulators.kit.auth import shopper_of
from ..verdict.render.wording import counted
from .config import SutConfig
from .errors import UsageError
from .runner import Progress, Runner
from .scenario import Scenario

SHOWN_LINES = 2
"""Lines of the order that an example body shows."""

Table = Literal["effects", "deliveries", "calls"]


@dataclass(frozen=True, slots=True)
class Step:
    """One hop of the order's way: how it shows in the history, and what has to be sent for it."""

    sentence: str
    kind: str
    """Of the effect that proves it; for a delivery its topic."""
    flows: frozenset[str]
    """It is expected of whoever claims one of these."""
    system: str
    """Kind of the system where it happens."""
    method: str = ""
    """Empty where the system takes this step by itself."""
    path: str = ""
    operation: str = ""
    body: Callable[["Order"], Any] | None = None
    table: Table = "effects"


@dataclass(slots=True)
class Order:
    """The one order, as the history tells of it."""

    ref: str = ""
    channel: str = ""
    placed: Mapping[str, Any] = field(default_factory=dict)
    """Its ``order_placed`` effect."""
    seen: dict[str, Mapping[str, Any]] = field(default_factory=dict)
    """The first effect of each kind."""

    def content(self) -> dict[str, Any]:
        """What the order says, as the next system wants it; long orders are cut."""
        data = self.placed.get("data") or {}
        lines = [
            dict(zip(("line_id", "sku", "quantity", "unit_price"), line, strict=True))
            for line in self.placed["lines"]
        ]
        more = [f"… {len(lines) - SHOWN_LINES} more lines"] if len(lines) > SHOWN_LINES else []
        names = (
            "channel",
            "shipping",
            "customer",
            "ship_to",
            "service_level",
            "priority",
            "ship_by",
            "payment_id",
        )
        return {
            "order_ref": self.ref,
            "currency": self.placed.get("currency"),
            "lines": [*lines[:SHOWN_LINES], *more],
            "total": self.placed.get("amount"),
            **{name: data[name] for name in names if name in data},
        }

    def of(self, kind: str, key: str, default: str) -> Any:
        """A detail of an earlier effect, or a placeholder."""
        return self.seen.get(kind, {}).get(key) or default

    def shipped(self, *keys: str) -> list[Any]:
        lines = self.seen.get("shipment_confirmed", {}).get("lines") or [["1", "SKU", 1, None]]
        found: list[Any] = [
            {key: line[("line_id", "sku", "quantity").index(key)] for key in keys}
            for line in lines[:SHOWN_LINES]
        ]
        return found + ([f"… {len(lines) - SHOWN_LINES} more lines"] if len(lines) > SHOWN_LINES else [])


SHIP = frozenset({"order-to-ship"})
BOOK = frozenset({"order-to-ship", "order-to-erp"})
STOCK = frozenset({"stock-sync"})
ANY = BOOK | STOCK

STEPS = (
    Step("a shopper bought on {channel}: {order_ref}", "order_placed", ANY, "marketplace"),
    Step(
        "your middleware took the webhook order.placed",
        "order.placed",
        BOOK,
        "marketplace",
        table="deliveries",
    ),
    Step(
        "acknowledged at {channel}",
        "order_acknowledged",
        SHIP,
        "marketplace",
        "POST",
        "/v1/orders/{order_ref}/acknowledge",
        "acknowledge_order",
        lambda order: {},
    ),
    Step(
        "the OMS has the order",
        "oms_order_created",
        SHIP,
        "oms",
        "POST",
        "/v1/orders",
        "create_order",
        lambda order: order.content(),
    ),
    Step(
        "the ERP received the sales order",
        "sales_order_received",
        BOOK,
        "erp",
        "POST",
        "/v1/sales-orders",
        "create_sales_order",
        lambda order: order.content(),
    ),
    Step("the OMS allocated it, by itself", "order_allocated", SHIP, "oms"),
    Step("the ERP posted it, by itself", "sales_order_posted", BOOK, "erp"),
    Step(
        "the WMS was asked to ship",
        "fulfilment_requested",
        SHIP,
        "wms",
        "POST",
        "/v1/fulfilments",
        "create_fulfilment",
        lambda order: {
            "order_ref": order.ref,
            "part_id": "part_id from order.allocated",
            "location": order.of("order_allocated", "location", "location from order.allocated"),
            "lines": [{"line_id": "1", "sku": "sku", "quantity": 1}],
            "priority": order.content().get("priority"),
            "ship_by": order.content().get("ship_by"),
            "service_level": order.content().get("service_level"),
            "ship_to": order.content().get("ship_to"),
        },
    ),
    Step("the WMS shipped, by itself", "shipment_confirmed", SHIP, "wms"),
    Step(
        "the payment was captured",
        "payment_captured",
        SHIP,
        "payments",
        "POST",
        "/v1/payments/{payment_id}/captures",
        "capture_payment",
        lambda order: {
            "amount": "shipped lines, and the shipping with the first shipment",
            "currency": order.placed.get("currency"),
            "shipment_id": order.of("shipment_confirmed", "ref", "shipment_id from shipment.confirmed"),
        },
    ),
    Step(
        "the ERP has the invoice",
        "invoice_received",
        SHIP,
        "erp",
        "POST",
        "/v1/invoices",
        "create_invoice",
        lambda order: {
            "order_ref": order.ref,
            "sales_order_id": order.of("sales_order_received", "document_id", "SO-000001"),
            "shipment_id": order.of("shipment_confirmed", "ref", "shipment_id from shipment.confirmed"),
            "currency": order.placed.get("currency"),
            "lines": order.shipped("line_id", "quantity"),
            "shipping": "the order's shipping with the first shipment, else 0",
            "total": "as captured",
        },
    ),
    Step(
        "the OMS knows that it was shipped",
        "oms_order_shipped",
        SHIP,
        "oms",
        "POST",
        "/v1/orders/{order_id}/ship",
        "ship_order",
        lambda order: {
            "shipment_id": order.of("shipment_confirmed", "ref", "shipment_id from shipment.confirmed"),
            "lines": order.shipped("line_id", "quantity"),
        },
    ),
    Step(
        "{channel} was told, with the tracking number",
        "shipment_recorded",
        SHIP,
        "marketplace",
        "POST",
        "/v1/orders/{order_ref}/shipments",
        "ship_order",
        lambda order: {
            "shipment_id": order.of("shipment_confirmed", "ref", "shipment_id from shipment.confirmed"),
            "lines": order.shipped("line_id", "quantity"),
            "carrier": "carrier from shipment.confirmed",
            "tracking_number": "tracking_number from shipment.confirmed",
        },
    ),
    Step("stock moved in the WMS, by itself", "stock_moved", STOCK, "wms"),
    Step(
        "the OMS was told the stock",
        "stock_set",
        STOCK,
        "oms",
        "PUT",
        "/v1/stock/{sku}/locations/{location}",
        "set_stock",
        lambda order: {"on_hand": "on_hand from stock.changed", "version": "version from stock.changed"},
    ),
    Step(
        "{channel} lists what is available",
        "availability_listed",
        STOCK,
        "marketplace",
        "PUT",
        "/v1/listings/{sku}/availability",
        "publish_availability",
        lambda order: {
            "quantity": "available from availability.changed",
            "version": "version from availability.changed",
        },
    ),
)
"""In the order of FLOWS.md."""


@dataclass(frozen=True, slots=True)
class Hop:
    """A step of this very order."""

    sentence: str
    seen: bool
    expected: str | None = None
    """Only of a missing one: the request that was expected, or what should have happened by itself."""
    instead: str | None = None
    """What came instead, if anything did."""


@dataclass(frozen=True, slots=True)
class Contact:
    """How far the order came."""

    folder: Path
    hops: tuple[Hop, ...]

    @property
    def missing(self) -> Hop | None:
        """The first step that nobody saw."""
        return next((hop for hop in self.hops if not hop.seen), None)


class FirstContact:
    """Runs the scenario ``first-contact`` and calls ``on_tick`` as each hop is seen."""

    def __init__(
        self,
        scenario: Scenario,
        sut: SutConfig,
        *,
        seed: int,
        out: Path,
        on_tick: Callable[[Hop], None],
        on_progress: Callable[[Progress], None] = lambda progress: None,
    ) -> None:
        self.steps = steps_of(sut)
        self._sut = sut
        self._on_tick = on_tick
        self._on_progress = on_progress
        self._trail: Trail | None = None
        self._told: set[str] = set()
        self._runner = Runner(scenario, sut, seed=seed, out=out, on_progress=self._progress)

    def run(self) -> Contact:
        """Raises RunError where the run could not be made."""
        folder = self._runner.run()
        trail = self._look(folder)
        return Contact(folder, tuple(self._hop(step, trail) for step in self.steps))

    def _progress(self, progress: Progress) -> None:
        self._on_progress(progress)
        self._look(self._runner.folder)

    def _look(self, folder: Path) -> "Trail":
        if self._trail is None or self._trail.folder != folder:
            self._trail = Trail(folder)
        self._trail.read_on()
        for step in self.steps:
            if step.kind not in self._told and self._trail.shows(step):
                self._told.add(step.kind)
                self._on_tick(Hop(self._trail.words(step.sentence), True))
        return self._trail

    def _hop(self, step: Step, trail: "Trail") -> Hop:
        sentence = trail.words(step.sentence)
        if trail.shows(step):
            return Hop(sentence, True)
        return Hop(sentence, False, trail.expected(step, self._sut), trail.instead(step))


def steps_of(sut: SutConfig) -> tuple[Step, ...]:
    """The hops that can be expected of this middleware. UsageError where one order shows nothing of its flows."""
    claimed = set(sut.flows)
    steps = tuple(step for step in STEPS if step.flows & claimed)
    if not steps:
        raise UsageError(
            f"one order shows nothing of {', '.join(sut.flows)}; try these with: peakproof run quiet-day"
        )
    return steps


class Trail:
    """What a history says of its one order so far; reads on where it stopped, and only whole lines."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.order = Order()
        self.deliveries: list[Mapping[str, Any]] = []
        self.calls: list[Mapping[str, Any]] = []
        self._offsets: dict[Path, int] = {}

    def read_on(self) -> None:
        for row in self._new_rows("effects"):
            if row.get("actor") in ("before-run", "stand-in"):
                continue
            kind = row["kind"]
            if kind == "order_placed" and not self.order.ref:
                self.order.ref, self.order.channel, self.order.placed = row["order_ref"], row["system"], row
            self.order.seen.setdefault(kind, row)
        self.deliveries += self._new_rows("deliveries")
        self.calls += self._new_rows("calls")

    def shows(self, step: Step) -> bool:
        """It happened. A middleware that polls has learned of the order by reading it."""
        if step.table == "effects":
            return step.kind in self.order.seen
        told = any(row["topic"] == step.kind and row.get("acknowledged") for row in self.deliveries)
        polled = any(
            row["operation"] in ("list_orders", "get_order")
            and row["system"] == self.order.channel
            and row["outcome"] == "ok"
            for row in self.calls
        )
        return told or polled

    def words(self, sentence: str) -> str:
        return sentence.replace("{channel}", self.order.channel or "the channel").replace(
            "{order_ref}", self.order.ref or "no order yet"
        )

    def expected(self, step: Step, sut: SutConfig) -> str:
        if step.table == "deliveries":
            address = sut.webhooks.get(step.kind, sut.webhooks.get("*"))
            if address is None:
                return "GET /v1/orders?updated_since=… at the channel, again and again: sut.webhooks names no address"
            return f"a 2xx answer from your middleware to POST {address} (CloudEvents JSON, signed)"
        if not step.method:
            return f"the {step.system} to do this by itself, once the steps before it are done"
        system = self._system_of(step)
        path = self.words(step.path).replace(
            "{payment_id}", str((self.order.placed.get("data") or {}).get("payment_id"))
        )
        lines = [
            f"{step.method} {system.get('url', '')}{path}",
            "Authorization: Bearer (a token or the api_key)",
        ]
        if step.method == "POST":
            lines.append("Idempotency-Key: (the same over all retries of this one intent)")
        if step.body is not None and self.order.ref:
            lines.append(json.dumps(step.body(self.order), indent=2, ensure_ascii=False))
        return "\n".join(lines)

    def instead(self, step: Step) -> str | None:
        """The last thing that happened where this step should have."""
        if step.table == "deliveries":
            tries = [row for row in self.deliveries if row["topic"] == step.kind]
            if not tries:
                return None
            last = tries[-1]
            return (
                f"{len(tries)} attempts, the last was answered with {last.get('status') or last.get('error')}"
            )
        if not step.method:
            rejected = self.order.seen.get("sales_order_rejected") or self.order.seen.get("order_unfillable")
            return f"{rejected['kind']}: {rejected.get('cause')}" if rejected else None
        name = self._system_of(step).get("name")
        calls = [
            row
            for row in self.calls
            if row["system"] == name
            and row["operation"] != "issue_token"
            and row.get("client") != shopper_of(row["system"])
        ]
        own = [row for row in calls if row["operation"] == step.operation]
        if not calls:
            return f"your middleware never called {name}"
        last = (own or calls)[-1]
        answer = f"{last.get('status') or 'no reply'} {last.get('error') or ''}".strip()
        what = f"{last['method']} {last['path']} → {answer}"
        detail = self._detail(last.get("response_body")) if last.get("error") else None
        others = f"your middleware called {name} {counted(len(calls), 'time')}, last: "
        return f"{'' if own else others}{what}{f': {detail}' if detail else ''}"

    def _system_of(self, step: Step) -> dict[str, str]:
        try:
            systems = json.loads((self.folder / "run.json").read_text("utf-8"))["systems"]
        except (OSError, ValueError, KeyError):
            return {}
        if step.system == "marketplace" and self.order.channel in systems:
            return {"name": self.order.channel, **systems[self.order.channel]}
        return next(
            ({"name": name, **one} for name, one in systems.items() if one["kind"] == step.system), {}
        )

    def _detail(self, name: str | None) -> str | None:
        """The sentence of a problem document."""
        for path in sorted((self.folder / "history").glob("bodies-*.jsonl.zst")) if name else ():
            for line in decompressed(path).splitlines():
                row = _row(line)
                if row is not None and row.get("hash") == name:
                    problem = _row(str(row.get("text")).encode())
                    return str(problem["detail"]) if problem and "detail" in problem else None
        return None

    def _new_rows(self, table: Table) -> list[Mapping[str, Any]]:
        rows: list[Mapping[str, Any]] = []
        for path in sorted((self.folder / "history").glob(f"{table}-*.jsonl")):
            with path.open("rb") as file:
                file.seek(self._offsets.get(path, 0))
                whole, newline, _ = file.read().rpartition(b"\n")
            self._offsets[path] = self._offsets.get(path, 0) + len(whole) + len(newline)
            rows += [row for line in whole.splitlines() if (row := _row(line)) is not None]
        return rows


def _row(line: bytes) -> dict[str, Any] | None:
    try:
        row = json.loads(line)
    except ValueError:
        return None
    return row if isinstance(row, dict) else None
