"""The estate of one run: the one place that joins ledger, face, gate and tap, and wires the systems together."""

import asyncio
import gc
import socket
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal
from functools import partial
from pathlib import Path
from typing import Any, Literal, Protocol, Self

import msgspec
import uvicorn

from ..chaos.dice import Dice
from ..chaos.fault import Throttle
from ..chaos.gate import Gate
from ..history.clock import Clock
from ..history.records import Effect, FaultMark
from ..history.writer import HistoryWriter
from .agenda import Agenda
from .back_office import DeskAct, carry_out
from .erp.ledger import ErpLedger
from .kit import subscriptions
from .kit.auth import Authenticator, Client, shopper_of
from .kit.connection import WireProtocol
from .kit.door import Door
from .kit.events import DeliverySettings, Dispatcher
from .kit.face import Face
from .kit.idempotency import IdempotencyStore, KeyMode
from .kit.ledger import Event, Later, Ledger, World
from .kit.orders import LineQuantity, OrderContent
from .kit.server import Server
from .levers import BACKLOG, Port, SystemLevers
from .marketplace.ledger import MarketplaceLedger
from .oms.ledger import OmsLedger
from .payments.ledger import PaymentsLedger
from .registry import KINDS
from .wms.ledger import WmsLedger

GC_THRESHOLD = (50_000, 50, 1_000)
"""Python's own thresholds make the slowest replies 100 ms and more once some 100,000 objects live."""
FLUSH_S = 0.02
"""How long a delivery or a body may wait before it is written."""


BEFORE_RUN = ("payments", "marketplace", "oms", "erp", "wms")
"""Whose turn it is with an order from before the run: payments name its payment, and the OMS its part."""

TOKEN_LIFETIME_S = 3_600.0
LEAST_TOKEN_LIFE_S = 600.0
"""Real seconds. Client libraries fetch the next token up to 300 s before the present one expires (MSAL; Authlib and Spring
60 s, google-auth 225 s): one that lives no longer than that would be fetched anew for every call."""

OWED = "owed_delivery"
"""The kind of document in the final state that says of an event that its delivery was still to come."""

EVERYWHERE = "0.0.0.0"
"""To listen on every address that the machine has."""


class EstateError(Exception):
    """The estate cannot stand as it was asked to; the text is one line for the user."""


@dataclass(frozen=True, slots=True)
class SystemSettings:
    """One system of the estate. ``rules`` are the settings of its ledger; lifetimes are nominal seconds."""

    kind: str
    port: int = 0
    """0 takes any free one."""
    idempotency: Literal["optional", "required", "ignored"] = "optional"
    key_lifetime_s: float = 86_400.0
    token_lifetime_s: float | None = None
    """An hour by default, and never less than ``LEAST_TOKEN_LIFE_S`` real seconds unless it is given."""
    service_s: float = 0.0
    page_items: int | None = None
    """A page of a list holds no more, however many are asked for."""
    """Real seconds that the system works on each call."""
    throttle: Throttle | None = None
    rules: Mapping[str, Any] = field(default_factory=dict)
    deprecation: Mapping[str, str] = field(default_factory=dict)
    """``deprecation`` and ``sunset`` headers when this version is set to go."""


@dataclass(frozen=True, slots=True)
class EstateSettings:
    """Which systems stand in a run, and what they share."""

    systems: Mapping[str, SystemSettings]
    time_scale: float = 1.0
    """Real seconds of a nominal second: shortens all that the estate itself waits for."""
    seed: int = 0
    deliveries: DeliverySettings = field(default_factory=DeliverySettings)
    allowed_hosts: frozenset[str] = subscriptions.LOOPBACK
    """Hosts that subscriptions made by API may point at."""
    host: str = "127.0.0.1"
    """The IPv4 address that every system listens on."""
    reached_at: str | None = None
    """Under which name others reach them; at ``host`` unless said."""
    sut_key: str | None = None
    """Static key and client secret of the SUT's client on every system; new ones for each run unless said."""

    def of_one(self, name: str) -> "EstateSettings":
        """The same with this system alone. EstateError where it is none of them."""
        if name not in self.systems:
            raise EstateError(f"system {name!r} is none of this estate's: {', '.join(self.systems)}")
        return replace(self, systems={name: self.systems[name]})

    def reached(self, host: str, reached_at: str) -> "EstateSettings":
        """The same, listening at an address of another machine."""
        return replace(self, host=host, reached_at=reached_at)


@dataclass(frozen=True, slots=True)
class SystemAddress:
    """Where the SUT finds a system, and with what."""

    kind: str
    url: str
    client_id: str
    client_secret: str
    api_key: str

    @classmethod
    def of(cls, kind: str, url: str, sut: Client) -> Self:
        return cls(kind, url, sut.client_id, sut.client_secret, sut.api_key)


@dataclass(frozen=True, slots=True)
class OpeningItem:
    """An item as the run begins: the same in every system."""

    sku: str
    name: str
    on_hand: Mapping[str, int]
    """Units by location."""
    prices: Mapping[str, Decimal]
    """Amount by currency."""
    known_to_erp: bool = True
    """False for a new article that the item master lacks: the ERP rejects orders with it."""


@dataclass(frozen=True, slots=True)
class EarlierOrder:
    """An order from before the run: shipped, captured and invoiced in one shipment."""

    channel: str
    content: OrderContent
    """``payment_id`` is filled in."""
    location: str
    part_id: str = ""
    """Filled in by the OMS."""


class Elsewhere(Protocol):
    """What a system asks of one that is not in this process."""

    def authorise(self, order_ref: str, amount: Decimal, currency: str) -> str:
        """Payment id; as ``PaymentsLedger.authorise`` refuses."""


@dataclass(slots=True)
class System:
    """One simulator: tap(gate(face(ledger))), and the callers it knows."""

    name: str
    kind: str
    ledger: Any
    face: Face
    gate: Gate
    door: Door
    sut: Client
    shopper: Client
    port: Port
    reached_at: str | None = None
    server: uvicorn.Server | None = None

    @property
    def url(self) -> str:
        """As others reach it."""
        host, port = self.port.address
        return f"http://{self.reached_at or host}:{port}"

    @property
    def near_url(self) -> str:
        """As processes on this machine reach it, whatever name others use."""
        host, port = self.port.address
        return f"http://{'127.0.0.1' if host == EVERYWHERE else host}:{port}"

    @property
    def socket(self) -> socket.socket:
        """Where it listens, or would if a fault had not closed its port."""
        return self.port.socket


class Estate:
    """Every system of a run in this process, on its own port; of 127.0.0.1, unless the settings say otherwise.

    ``start`` needs a running event loop; ledgers can be seeded before. Raises EstateError for a port in use and for
    rules that a system does not have.
    """

    def __init__(self, settings: EstateSettings, writer: HistoryWriter, clock: Clock) -> None:
        self.settings = settings
        self.writer = writer
        self.clock = clock
        self.dice = Dice(settings.seed)
        self.last_change_ns = clock()
        """When a ledger last changed."""
        self.observers: list[Callable[[Effect], None]] = []
        """Who wants to see every effect as it happens: shoppers that wait for a moment, stand-ins, tests."""
        self.listeners: list[Callable[[Event], None]] = []
        """Who wants every event without a webhook: stand-ins."""
        self.elsewhere: Elsewhere | None = None
        """The systems of other processes, where this one has only some of them."""
        self._loop: asyncio.AbstractEventLoop | None = None
        self._tasks: list[asyncio.Task[None]] = []
        self._gc_threshold = gc.get_threshold()
        self._before_start: list[tuple[Later, float, Callable[[], None]]] = []
        self._agenda: Agenda | None = None
        """Lifetimes that end some time, which nobody waits for."""
        self._steps_to_come = 0
        self.systems: dict[str, System] = {}
        self.dispatcher = Dispatcher(
            writer, clock, time_scale=settings.time_scale, settings=settings.deliveries
        )
        try:
            for name, system in settings.systems.items():
                self._build(name, system)
        except EstateError:
            for built in self.systems.values():
                built.socket.close()
            raise
        for name, built in self.systems.items():
            self.dispatcher.shapes[name] = built.gate.deliveries
            built.gate.on_heal.append(partial(self.dispatcher.release, name))
        self._wire_up()

    # Standing up and down

    async def start(self) -> None:
        """Serve every system; returns when all accept connections."""
        self._loop = loop = asyncio.get_running_loop()
        self._agenda = Agenda(loop)
        await self.dispatcher.start()
        for system in self.systems.values():
            config = uvicorn.Config(
                system.door,
                http=WireProtocol,
                lifespan="off",
                access_log=False,
                log_level="error",
                timeout_keep_alive=75,
                server_header=False,
                date_header=False,
                proxy_headers=False,
                backlog=BACKLOG,
            )
            system.server = Server(config)
            self._tasks.append(loop.create_task(system.server.serve(sockets=[system.socket])))
        self._tasks.append(loop.create_task(self._keep_flushing()))
        while not all(system.server and system.server.started for system in self.systems.values()):
            await asyncio.sleep(0.005)
        for system in self.systems.values():
            if system.server is not None:
                system.port.served_by(system.server)
        for timer, delay_s, action in self._before_start:
            timer(delay_s, action)
        self._before_start.clear()
        gc.collect()
        gc.freeze()
        self._gc_threshold = gc.get_threshold()
        gc.set_threshold(*GC_THRESHOLD)

    async def stop(self) -> None:
        """Close every port and write what is left."""
        gc.unfreeze()
        gc.set_threshold(*self._gc_threshold)
        await self.dispatcher.stop()
        for system in self.systems.values():
            if system.server is not None:
                system.server.should_exit = True
                system.server.force_exit = True
        for task in self._tasks[len(self.systems) :]:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for system in self.systems.values():
            system.port.close()
        self.writer.flush()

    # What others need to know

    def addresses(self) -> dict[str, SystemAddress]:
        """Where the SUT finds each system, with its credentials."""
        return {
            name: SystemAddress.of(system.kind, system.url, system.sut)
            for name, system in self.systems.items()
        }

    @property
    def gates(self) -> dict[str, Gate]:
        return {name: system.gate for name, system in self.systems.items()}

    @property
    def channels(self) -> list[str]:
        return [name for name, system in self.systems.items() if system.kind == "marketplace"]

    @property
    def pending(self) -> int:
        """What the estate itself still means to do: ledgers' own steps, deliveries, calls under way."""
        calls = sum(system.door.in_flight for system in self.systems.values())
        return self._steps_to_come + self.dispatcher.pending + calls

    @property
    def far_off(self) -> int:
        """Of what is pending, the deliveries that are far up their ladder."""
        return self.dispatcher.far_off

    @property
    def connections_waiting(self) -> int | None:
        """Connections that no system has accepted yet; None where the operating system does not say."""
        return in_all(system.port.connections_waiting for system in self.systems.values())

    def facts(self) -> dict[str, dict[str, object]]:
        """None of its systems has a process of its own."""
        return {}

    def uses(self) -> dict[str, Any]:
        """None of its systems has a process of its own."""
        return {}

    @property
    def lost(self) -> list[str]:
        """None of its systems can be gone without all of it."""
        return []

    @property
    def errors(self) -> list[str]:
        """Our own failures so far; a run with any is inconclusive."""
        return [
            error for system in self.systems.values() for error in (*system.face.errors, *system.gate.errors)
        ]

    def ledger(self, name: str) -> Any:
        return self.systems[name].ledger

    def of_kind(self, kind: str) -> Iterator[System]:
        return (system for system in self.systems.values() if system.kind == kind)

    @property
    def last_hope_ns(self) -> int:
        """As ``last_change_ns``: no call counts as a change here."""
        return self.last_change_ns

    def observe(self, observer: Callable[[Effect], None], kinds: Collection[str]) -> None:
        """Have somebody see every effect as it happens; who looks for these kinds may be spared the others."""
        self.observers.append(observer)

    def at_the_desk(self, act: DeskAct, then: Callable[[bool], None]) -> None:
        """People in the warehouse or in accounting do something; ``then`` hears whether there was anything to do."""
        then(carry_out(act, self))

    def subscribe(self, url_of: Callable[[str], str | None], secret: str) -> None:
        """Send the SUT every topic that it has an address for; ``url_of`` maps a topic to a URL or None."""
        for name, system in self.systems.items():
            by_url: dict[str, list[str]] = {}
            for topic in KINDS[system.kind].topics:
                url = url_of(topic)
                if url is not None:
                    by_url.setdefault(url, []).append(topic)
            for url, topics in by_url.items():
                self.dispatcher.subscribe(name, url, tuple(topics), secret)

    # Before the run

    def seed(self, items: Iterable[OpeningItem], earlier: Iterable[EarlierOrder] = ()) -> None:
        """Put the opening stock, listings, prices and earlier orders into every system."""
        self.seed_items(items)
        for part in BEFORE_RUN:
            earlier = self.preload(part, list(earlier))
        self.writer.flush()

    def seed_items(self, items: Iterable[OpeningItem]) -> None:
        """Put the opening stock, listings and prices into the systems that are here."""
        for item in items:
            total = sum(item.on_hand.values())
            for system in self.systems.values():
                match system.ledger:
                    case MarketplaceLedger() as ledger:
                        ledger.seed_listing(item.sku, total, item.prices)
                    case OmsLedger() | WmsLedger() as ledger:
                        ledger.seed_stock((item.sku, place, units) for place, units in item.on_hand.items())
                    case ErpLedger() as ledger if item.known_to_erp:
                        ledger.seed_item(item.sku, item.name, total)

    def preload(self, kind: str, earlier: Sequence[EarlierOrder]) -> list[EarlierOrder]:
        """Put earlier orders into the systems of one kind that are here, in the order of ``BEFORE_RUN``; returns them with
        what such a system has named for the others."""
        return [self._preloaded(kind, order) for order in earlier]

    def _preloaded(self, kind: str, earlier: EarlierOrder) -> EarlierOrder:
        content = earlier.content
        shipment_id = f"SHP-before-{content.order_ref}"
        shipments = {shipment_id: tuple(LineQuantity(line.line_id, line.quantity) for line in content.lines)}
        for system in self.of_kind(kind):
            match system.ledger:
                case PaymentsLedger() as ledger:
                    payment = ledger.preload(
                        content.order_ref, content.total, content.currency, {shipment_id: content.total}
                    )
                    earlier = replace(earlier, content=replace(content, payment_id=payment.payment_id))
                case MarketplaceLedger() as ledger if system.name == earlier.channel:
                    ledger.preload(content, shipments)
                case OmsLedger() as ledger:
                    order = ledger.preload(content, shipments, earlier.location)
                    earlier = replace(earlier, part_id=order.parts[0].part_id)
                case ErpLedger() as ledger:
                    ledger.preload(content, shipments)
                case WmsLedger() as ledger:
                    part_id = earlier.part_id or content.order_ref
                    ledger.preload(content, shipments, part_id=part_id, location=earlier.location)
        return earlier

    # After the run

    def snapshot(self) -> dict[str, bytes]:
        """What every ledger knows, to come back to by ``restore``."""
        return {name: system.ledger.snapshot() for name, system in self.systems.items()}

    def restore(self, snapshot: Mapping[str, bytes]) -> None:
        """Be as at the snapshot: ledgers, stored answers and attempt counts; tokens stay good."""
        for name, state in snapshot.items():
            system = self.systems[name]
            system.ledger.restore(state)
            system.face.idempotency.clear()
            system.door.forget()

    def write_state(self, folder: Path) -> None:
        """Every system's own final state, one file a system: ``{system, kind, id, order_ref, sku, doc}``."""
        folder.mkdir(parents=True, exist_ok=True)
        encode = msgspec.json.Encoder().encode
        for name, system in self.systems.items():
            with (folder / f"{name}.jsonl").open("wb") as file:
                for kind, key, order_ref, sku, document in system.ledger.final_state():
                    row = {
                        "system": name,
                        "kind": kind,
                        "id": key,
                        "order_ref": order_ref,
                        "sku": sku,
                        "doc": document,
                    }
                    file.write(encode(row) + b"\n")
                for owed in self.dispatcher.owed(name):
                    file.write(encode({"system": name, "kind": OWED, **owed}) + b"\n")

    async def keep_state(self, folder: Path) -> None:
        """As ``write_state``."""
        self.write_state(folder)

    async def find_secrets(self) -> dict[str, str]:
        """Every secret that the SUT was given, with its name."""
        named: dict[str, str] = {}
        for name, system in self.systems.items():
            named |= secrets_of(name, system.sut, system.face.authenticator.given_out)
        return named

    def mark(
        self,
        mark: Literal["armed", "fired", "healed", "never_fired"],
        injection: str,
        fault: str,
        system: str,
        *,
        operation: str | None = None,
        call_id: str | None = None,
        detail: str | None = None,
        by_hand: bool = False,
    ) -> None:
        """One line of the fault log."""
        self.writer.fault(
            FaultMark(
                at_ns=self.clock(),
                injection=injection,
                fault=fault,
                mark=mark,
                system=system,
                operation=operation,
                call_id=call_id,
                detail=detail,
                by_hand=by_hand,
            )
        )

    # Building

    def _build(self, name: str, settings: SystemSettings) -> None:
        kind = KINDS.get(settings.kind)
        if kind is None:
            raise EstateError(
                f"system {name!r} is of unknown kind {settings.kind!r}; kinds are {', '.join(KINDS)}"
            )
        scale = self.settings.time_scale
        world = World(
            now=self.clock,
            later=self.later,
            dice=self.dice,
            record=self._record,
            emit=self._emit,
            time_scale=scale,
            lapse=self.lapse,
        )
        sut = Client.new(f"sut-{name}", "read", "write")
        if (key := self.settings.sut_key) is not None:
            sut = replace(sut, client_secret=key, api_key=key)
        shopper = Client.new(shopper_of(name), "read", "shop")
        gate = Gate(
            name,
            settings.throttle,
            sleep=asyncio.sleep,
            now=world.told,
            marks=self.mark,
            exempt=frozenset({shopper.client_id}),
        )
        world.decide = gate.decide
        authenticator = Authenticator([sut, shopper], self.clock, _token_lifetime_s(settings, scale))
        face = Face(
            name,
            title=f"{kind.title} ({name})" if settings.kind == "marketplace" else kind.title,
            description=kind.description,
            world=world,
            authenticator=authenticator,
            idempotency=IdempotencyStore(
                KeyMode(settings.idempotency), settings.key_lifetime_s * scale, self.clock
            ),
            deprecation=settings.deprecation,
            page_items=settings.page_items,
        )
        ledger = self._ledger(name, settings, world)
        kind.declare(face, ledger)
        subscriptions.declare(face, self.dispatcher, frozenset(kind.topics), self.settings.allowed_hosts)
        door = Door(face, gate, self.writer, self.clock, service_s=settings.service_s, sleep=asyncio.sleep)
        gate.on_rules.append(ledger.rules_changed)
        port = _listen(name, self.settings.host, settings.port)
        gate.levers = SystemLevers(name, port, world, authenticator)
        self.dispatcher.clocks[name] = world.told
        reached_at = self.settings.reached_at
        self.systems[name] = System(
            name, settings.kind, ledger, face, gate, door, sut, shopper, port, reached_at
        )

    def _ledger(self, name: str, settings: SystemSettings, world: World) -> Ledger:
        rules = self._rules(name, settings)
        match settings.kind:
            case "marketplace":
                return MarketplaceLedger(name, world, self._authorise, rules)
            case "oms":
                return OmsLedger(world, rules, system=name)
            case "erp":
                return ErpLedger(world, rules, system=name)
            case "wms":
                return WmsLedger(world, rules, system=name)
            case "payments":
                return PaymentsLedger(world, rules, system=name)
        raise AssertionError(f"kind {settings.kind!r} stands in the registry and has no ledger here")

    def _rules(self, name: str, settings: SystemSettings) -> Any:
        made = KINDS[settings.kind].settings
        rules = dict(settings.rules)
        if "time_scale" in made.__dataclass_fields__:
            rules["time_scale"] = self.settings.time_scale
        try:
            return made(**rules)
        except (TypeError, ValueError) as error:
            raise EstateError(f"system {name!r}: {error}") from None

    def _wire_up(self) -> None:
        """What systems do among themselves: the OMS learns of returns from the warehouse; a price or a stock may move
        just when an order has been placed."""
        for channel in self.of_kind("marketplace"):
            for other in (*self.of_kind("erp"), *self.of_kind("wms")):
                channel.ledger.on_placed.append(other.ledger.order_placed)
        for wms in self.of_kind("wms"):
            for oms in self.of_kind("oms"):
                wms.ledger.ports.on_return_received.append(oms.ledger.return_received)

    def _authorise(self, order_ref: str, amount: Decimal, currency: str) -> str:
        for payments in self.of_kind("payments"):
            payment_id: str = payments.ledger.authorise(order_ref, amount, currency).payment_id
            return payment_id
        if self.elsewhere is not None:
            return self.elsewhere.authorise(order_ref, amount, currency)
        return "PAY-none"

    # At work

    def later(self, delay_s: float, action: Callable[[], None]) -> None:
        """Before the estate stands (seeding), steps wait until it does. A step is pending however long its wait."""
        if self._loop is None:
            self._before_start.append((self.later, delay_s, action))
        else:
            self._steps_to_come += 1
            self._loop.call_later(delay_s * self.settings.time_scale, self._act, action)

    def lapse(self, lifetime_s: float, action: Callable[[], None]) -> None:
        """As ``later`` at the end of a lifetime, which is not pending."""
        if self._agenda is None:
            self._before_start.append((self.lapse, lifetime_s, action))
        else:
            self._agenda.note(lifetime_s * self.settings.time_scale, action)

    def _act(self, action: Callable[[], None]) -> None:
        self._steps_to_come -= 1
        action()

    def _record(self, effect: Effect) -> None:
        self.last_change_ns = effect.at_ns
        self.writer.effect(effect)
        for observer in self.observers:
            observer(effect)

    def _emit(self, event: Event) -> None:
        self.dispatcher.emit(event)
        for listener in self.listeners:
            listener(event)

    async def _keep_flushing(self) -> None:
        while True:
            await asyncio.sleep(FLUSH_S)
            self.writer.flush()


def _token_lifetime_s(settings: SystemSettings, scale: float) -> float:
    """In real seconds."""
    if settings.token_lifetime_s is not None:
        return settings.token_lifetime_s * scale
    return max(TOKEN_LIFETIME_S * scale, LEAST_TOKEN_LIFE_S)


def secrets_of(name: str, sut: Client, tokens: Iterable[str] = ()) -> dict[str, str]:
    """What the SUT was given to come to this system with, each with its name."""
    fixed = {sut.client_secret: f"the client secret of {name}", sut.api_key: f"the API key of {name}"}
    return fixed | dict.fromkeys(tokens, f"an access token of {name}")


def in_all(counts: Iterable[int | None]) -> int | None:
    """The sum of those that are known; None where none is."""
    known = [one for one in counts if one is not None]
    return sum(known) if known else None


def _listen(name: str, host: str, port: int) -> Port:
    try:
        return Port(host, port)
    except OSError as error:
        raise EstateError(
            f"system {name!r}: port {port} of {host} cannot be had ({error.strerror}); choose another or 0"
        ) from None
