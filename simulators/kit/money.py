"""Exact money: decimal amounts in major units, and how many decimals a currency has (ISO 4217)."""

from decimal import ROUND_HALF_UP, Decimal

MINOR_DIGITS = {"GBP": 2, "EUR": 2, "USD": 2, "JPY": 0, "KWD": 3}
"""Currencies that the estate deals in and their minor units (ISO 4217)."""

_MINOR_UNITS = {currency: Decimal(1).scaleb(-digits) for currency, digits in MINOR_DIGITS.items()}

ZERO = Decimal(0)


def minor_unit(currency: str) -> Decimal:
    """The smallest amount of a currency, e.g. ``Decimal("0.01")``. KeyError for a currency the estate lacks."""
    return _MINOR_UNITS[currency]


def is_exact(amount: Decimal, currency: str) -> bool:
    """Whether the amount is a whole number of minor units (``1.005`` GBP and ``0.5`` JPY are not)."""
    return amount == amount.quantize(minor_unit(currency))


def rounded(amount: Decimal, currency: str) -> Decimal:
    """The amount to the currency's minor unit, half up."""
    return amount.quantize(minor_unit(currency), ROUND_HALF_UP)
