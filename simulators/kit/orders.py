"""What an order says in every system: its lines, customer, address and amounts, and the rules they must keep."""

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal
from typing import Annotated, Any

from annotated_types import MaxLen, MinLen

from ...history.records import Lines
from .fields import Amount, Country, Currency, LineId, Priority, Reference, ServiceLevel, Text, Time, Units
from .money import MINOR_DIGITS, ZERO, minor_unit
from .refusal import INVALID, Refusal

UNKNOWN_CURRENCY = Refusal(
    "unknown_currency", 422, "This system does not deal in that currency.", permanent=True
)
INEXACT_AMOUNT = Refusal(
    "inexact_amount", 422, "The amount is not a whole number of the currency's minor units.", permanent=True
)
AMOUNT_MISMATCH = Refusal("amount_mismatch", 422, "The amounts do not add up to the total.", permanent=True)

CONTENT_REFUSALS = (INVALID, UNKNOWN_CURRENCY, INEXACT_AMOUNT, AMOUNT_MISMATCH)
"""Everything that ``check_content`` may refuse with."""

MOST_UNITS = 1_000_000
"""More units than this in one line are a mistake, not a wish."""
MOST_LINES = 5_000
MOST_DIGITS = 12
"""Digits before the decimal point that an amount may have."""
TOO_MUCH = Decimal(10) ** MOST_DIGITS


@dataclass(frozen=True, slots=True)
class LineQuantity:
    """Some units of a line."""

    line_id: LineId
    quantity: Units


@dataclass(frozen=True, slots=True)
class PartLine:
    """Some units of a line, with its SKU: what is allocated, shipped, missing or coming back."""

    line_id: LineId
    sku: Reference
    quantity: Units


@dataclass(frozen=True, slots=True)
class OrderLine:
    """A line as it was ordered."""

    line_id: LineId
    sku: Reference
    quantity: Units
    unit_price: Amount


@dataclass(frozen=True, slots=True)
class Customer:
    name: Text
    email: Text


@dataclass(frozen=True, slots=True)
class Address:
    name: Text
    line1: Text
    line2: Text | None
    city: Text
    postcode: Text
    country: Country
    """ISO 3166 alpha-2, plus the trace's ``XC`` and ``ZZ``."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderContent:
    """An order as one system tells it to the next; ``check_content`` says whether it keeps the rules."""

    order_ref: Reference
    currency: Currency
    lines: Annotated[tuple[OrderLine, ...], MinLen(1), MaxLen(MOST_LINES)]
    shipping: Amount
    """What the customer pays for delivery."""
    total: Amount
    """Every line's units at their price, and shipping."""
    customer: Customer
    ship_to: Address
    service_level: ServiceLevel
    """``standard``, ``express`` or ``same_day``."""
    priority: Priority
    """1 is the most urgent, 9 the least."""
    ship_by: Time
    """RFC 3339."""
    payment_id: Reference
    channel: Annotated[str, MaxLen(64)] = ""


def check_content(content: OrderContent) -> None:
    """Refuse content that breaks a rule of every system, with one of ``CONTENT_REFUSALS``; otherwise do nothing."""
    if content.currency not in MINOR_DIGITS:
        known = ", ".join(MINOR_DIGITS)
        raise UNKNOWN_CURRENCY.because(f"{content.currency!r} is none of {known}.", currency=content.currency)
    if not content.lines:
        raise INVALID.because("An order needs at least one line.")
    smallest = minor_unit(content.currency)
    for name, amount in (("shipping", content.shipping), ("total", content.total)):
        if not (amount.same_quantum(smallest) and ZERO <= amount < TOO_MUCH):
            check_amount(name, amount, content.currency)
    total = content.shipping
    for line in content.lines:
        quantity, price = line.quantity, line.unit_price
        if not 1 <= quantity <= MOST_UNITS:
            raise INVALID.because(
                f"Line {line.line_id}: quantity must be from 1 to {MOST_UNITS}, got {quantity}.",
                line_id=line.line_id,
            )
        if not (price.same_quantum(smallest) and ZERO <= price < TOO_MUCH):
            check_amount(f"unit_price of line {line.line_id}", price, content.currency)
        total += quantity * price
    if len({line.line_id for line in content.lines}) != len(content.lines):
        raise INVALID.because("Line ids must be unique in the order.")
    if total != content.total:
        raise AMOUNT_MISMATCH.because(
            f"The lines and shipping come to {plain(total)}, the total says {plain(content.total)}.",
            expected=plain(total),
        )


def check_amount(name: str, amount: Decimal, currency: str) -> None:
    """Refuse an amount that is negative, absurdly long or no whole number of minor units; the currency is known."""
    if not _is_sensible(amount):
        raise INVALID.because(f"{name} must be a number of at most {MOST_DIGITS} digits from 0 up.")
    if amount != amount.quantize(minor_unit(currency)):
        raise INEXACT_AMOUNT.because(
            f"{name} {amount} has more decimals than {currency} has.", currency=currency
        )


def content_data(content: OrderContent) -> dict[str, Any]:
    """What an order says beside its reference, lines and total: the ``data`` of the effect that it arrived."""
    return {
        "channel": content.channel,
        "customer": content.customer,
        "ship_to": content.ship_to,
        "shipping": plain(content.shipping),
        "payment_id": content.payment_id,
        "priority": content.priority,
        "ship_by": content.ship_by,
        "service_level": content.service_level,
    }


def plain(amount: Decimal) -> str:
    """The amount as all systems write it: digits and a point, never an exponent."""
    return f"{amount:f}"


def short(lines: Iterable[OrderLine | PartLine]) -> Lines:
    """The lines as the history keeps them."""
    return [
        (line.line_id, line.sku, line.quantity, f"{line.unit_price:f}" if type(line) is OrderLine else None)
        for line in lines
    ]


def _is_sensible(amount: Decimal) -> bool:
    """Finite, not negative, and short enough to be written out."""
    return amount.is_finite() and amount >= 0 and amount.adjusted() < MOST_DIGITS and len(str(amount)) <= 32
