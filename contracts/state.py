"""Provider states: named preparations of a simulator that a pact can ask for, found by their place in ``states/``.

A state is a function ``(scene, **parameters) -> values``. Its first docstring line says what it prepares; its keyword
parameters, all with defaults, are what a pact may send (``params``); what it returns is handed back to the pact, for
``ProviderState`` generators. A name may hold ``{status}``: then each status is a name of its own, so that pacts of
version 2, whose states have no parameters, can ask for it too.
"""

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from decimal import Decimal, InvalidOperation
from importlib import import_module
from pkgutil import iter_modules
from typing import Any

from ..chaos.injection import Injection, Trigger, Where
from ..chaos.registry import FAULTS
from ..scenarios.errors import unknown
from ..simulators.estate import Estate, OpeningItem, System
from ..simulators.kit.orders import Address, Customer, LineQuantity, OrderContent, OrderLine, PartLine
from . import states
from .errors import ContractsError
from .pact_file import Interaction

ORDER_REF = "web-000001"
SKU = "MUG"
PRICE = "4.95"
SHIPPING = "4.95"
UNITS = 100
"""Of each article and location, as the estate stands before every interaction."""

WORDS = {str: "text", int: "whole number", dict: "table"}
"""What a parameter is, by the type of its default."""

Values = Mapping[str, Any]


@dataclass(slots=True)
class Delivery:
    """How a webhook is to be handed over."""

    signature: str = "genuine"
    before: int = 0
    """How often it was handed over already."""


@dataclass(frozen=True, slots=True)
class Scene:
    """What a state may prepare: the system that is about to be verified, in an estate of its own."""

    estate: Estate
    system: System
    interaction: Interaction
    make_request: Callable[[], None]
    """Send the interaction's own request, as it stands in the pact."""
    undo: list[Callable[[], object]]
    """What to do before the next interaction; ledgers, stored answers and tokens come back by themselves."""
    delivery: Delivery | None = None
    """Of a webhook that is verified against a middleware."""

    @property
    def ledger(self) -> Any:
        return self.system.ledger

    def fault(self, name: str, settings: Mapping[str, Any], operation: str | None = None) -> Trigger:
        """Arm a fault on the system until the next interaction. Raises ChaosError."""
        where = Where(system=self.system.name, operation=operation)
        trigger = Trigger(Injection(name, FAULTS.build(name, settings), where), 0, 0)
        self.system.gate.arm(trigger)
        self.undo.append(lambda: self.system.gate.heal(trigger))
        return trigger

    def know(self, sku: str, on_hand: int = UNITS, price: str = PRICE) -> None:
        """See that every system knows an article."""
        amount = decimal("price", price)
        for erp in self.estate.of_kind("erp"):
            if sku not in erp.ledger.items:
                prices = {"GBP": amount, "EUR": amount}
                places = {"north": on_hand, "south": on_hand}
                self.estate.seed([OpeningItem(sku, f"Article {sku}", places, prices)])

    def content(
        self,
        order_ref: str,
        sku: str,
        quantity: int,
        unit_price: str,
        shipping: str,
        currency: str,
        lines: Any,
    ) -> OrderContent:
        """An order as a shopper would place it; ``lines``, where given, instead of one line of ``sku``."""
        if lines is None:
            lines = [{"line_id": "1", "sku": sku, "quantity": quantity, "unit_price": unit_price}]
        ordered = tuple(_line(line) for line in lines)
        for line in ordered:
            wanted = sum(one.quantity for one in ordered if one.sku == line.sku)
            self.know(line.sku, max(UNITS, wanted), str(line.unit_price))
        fee = decimal("shipping", shipping)
        return OrderContent(
            order_ref=order_ref,
            currency=currency,
            lines=ordered,
            shipping=fee,
            total=sum((line.quantity * line.unit_price for line in ordered), fee),
            customer=Customer("Zoë Müller", "zoe@example.com"),
            ship_to=Address("Zoë Müller", "1 High Street", None, "Leeds", "LS1 1AA", "GB"),
            service_level="standard",
            priority=5,
            ship_by="2026-11-28T12:00:00Z",
            payment_id="PAY-000001",
            channel=self.estate.channels[0],
        )


@dataclass(frozen=True, slots=True)
class Parameter:
    """What a pact may send with a state."""

    name: str
    default: Any


@dataclass(frozen=True, slots=True)
class ProviderState:
    """One name that a pact may ask for."""

    name: str
    kind: str
    """Kind of the system that it prepares, or ``any``."""
    summary: str
    parameters: tuple[Parameter, ...]
    gives: tuple[str, ...]
    """The values that it hands back, besides its parameters."""
    prepare: Callable[..., Values]

    def document(self) -> dict[str, Any]:
        """As ``peakproof list states`` shows it."""
        gives = f" Hands back {', '.join(self.gives)}." if self.gives else ""
        return {
            "name": self.name,
            "summary": f"[{self.kind}] {self.summary}{gives}",
            "kind": self.kind,
            "gives": list(self.gives),
            "settings": [
                {
                    "name": one.name,
                    "expected": "a list" if one.default is None else f"a {WORDS[type(one.default)]}",
                    "default": one.default,
                    "required": False,
                }
                for one in self.parameters
            ],
        }


Declared = Callable[..., Values]
_declared: list[ProviderState] = []


def state(
    name: str, kind: str, *, gives: tuple[str, ...] = (), status: tuple[str, ...] = ()
) -> Callable[[Declared], Declared]:
    """Declare a state, or with ``status`` one for each status that stands for ``{status}`` in its name."""

    def declare(prepare: Declared) -> Declared:
        summary = " ".join((inspect.getdoc(prepare) or "").partition("\n\n")[0].split())
        parameters = tuple(
            Parameter(each.name, each.default)
            for each in inspect.signature(prepare).parameters.values()
            if each.kind is inspect.Parameter.KEYWORD_ONLY and not (status and each.name == "status")
        )
        made = ProviderState(name, kind, summary, parameters, gives, prepare)
        for word in status:
            _declared.append(
                replace(made, name=name.format(status=word.replace("_", " ")), prepare=_with(prepare, word))
            )
        if not status:
            _declared.append(made)
        return prepare

    return declare


def _with(prepare: Declared, word: str) -> Declared:
    def prepare_status(scene: Scene, **parameters: Any) -> Values:
        return prepare(scene, status=word, **parameters)

    return prepare_status


def catalogue() -> list[ProviderState]:
    """Every state, those of any system first."""
    if not _declared:
        for found in sorted(iter_modules(states.__path__), key=lambda one: (one.name != "any", one.name)):
            import_module(f"{states.__name__}.{found.name}")
    return list(_declared)


def known_to(kind: str) -> dict[str, ProviderState]:
    """The states of one kind of system by name."""
    return {one.name: one for one in catalogue() if one.kind in (kind, "any")}


def prepare(scene: Scene, name: str, parameters: Values) -> dict[str, Any]:
    """Prepare one state; returns what it hands back. Raises ContractsError, in one line, naming what is near."""
    known = known_to(scene.system.kind)
    if scene.delivery is not None:
        known |= known_to("webhook")
    wanted = " ".join(name.split())
    found = known.get(wanted) or next((one for one in known.values() if one.name == wanted.lower()), None)
    if found is None:
        raise ContractsError(
            unknown("state", name, known).partition(" (valid:")[0]
            + f" (`peakproof list states` has all of {scene.system.kind})"
        )
    defaults = {one.name: one.default for one in found.parameters}
    for key, value in parameters.items():
        if key not in defaults:
            raise ContractsError(unknown(f"parameter of state {found.name!r}", key, defaults))
        _check(found.name, key, value, defaults[key])
    given = {key: value for key, value in parameters.items() if value is not None}
    return {**defaults, **given, **found.prepare(scene, **given)}


def _check(name: str, key: str, value: Any, default: Any) -> None:
    """Parameters have the type of their default; amounts may be numbers, too."""
    if value is None or default is None:
        return
    fits = (
        isinstance(value, str | int | float) if isinstance(default, str) else isinstance(value, type(default))
    )
    if not fits or (isinstance(value, bool) and not isinstance(default, bool)):
        raise ContractsError(
            f"state {name!r}: {key} must be a {WORDS[type(default)]} like {default!r}, got {value!r}"
        )


def delivery_of(scene: Scene) -> Delivery:
    """ContractsError where no webhook is verified."""
    if scene.delivery is None:
        raise ContractsError("this state is of webhooks to your middleware: contracts verify --middleware")
    return scene.delivery


def decimal(name: str, value: Any) -> Decimal:
    """An amount with two digits where it says none. Raises ContractsError."""
    try:
        amount = Decimal(str(value))
    except InvalidOperation:
        raise ContractsError(f"{name} must be an amount like '4.95', got {value!r}") from None
    return amount if amount.as_tuple().exponent not in (0, -1) else amount.quantize(Decimal("0.01"))


def _line(told: Any) -> OrderLine:
    try:
        return OrderLine(
            str(told["line_id"]),
            str(told["sku"]),
            int(told["quantity"]),
            decimal("unit_price", told["unit_price"]),
        )
    except (KeyError, TypeError, ValueError):
        wanted = '{"line_id": "1", "sku": "MUG", "quantity": 2, "unit_price": "4.95"}'
        raise ContractsError(f"lines must be a list of {wanted}, got {told!r}") from None


def whole(content: OrderContent) -> tuple[LineQuantity, ...]:
    """Every unit of every line."""
    return tuple(LineQuantity(line.line_id, line.quantity) for line in content.lines)


def part_of(content: OrderContent) -> tuple[LineQuantity, ...]:
    """One unit of the first line. Raises ContractsError where that would be all."""
    if sum(line.quantity for line in content.lines) < 2:
        raise ContractsError("a part of an order needs an order of at least 2 units: give quantity or lines")
    return (LineQuantity(content.lines[0].line_id, 1),)


def value_of(content: OrderContent, lines: tuple[LineQuantity, ...]) -> Decimal:
    """The price of some units, without delivery."""
    prices = {line.line_id: line.unit_price for line in content.lines}
    return sum((line.quantity * prices[line.line_id] for line in lines), Decimal(0))


def parts_of(content: OrderContent, lines: tuple[LineQuantity, ...]) -> tuple[PartLine, ...]:
    """The same units with their SKU."""
    skus = {line.line_id: line.sku for line in content.lines}
    return tuple(PartLine(line.line_id, skus[line.line_id], line.quantity) for line in lines)
