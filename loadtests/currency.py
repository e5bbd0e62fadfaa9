"""Fixed exchange rates from the trace's pounds, and the minor units that amounts must be exact in."""

from decimal import ROUND_HALF_EVEN, Decimal

PER_GBP = {"GBP": Decimal(1), "EUR": Decimal("1.17"), "JPY": Decimal("121.5")}
"""About the rates of November 2011; a run never looks one up."""

MINOR_UNIT = {"GBP": Decimal("0.01"), "EUR": Decimal("0.01"), "JPY": Decimal(1)}


def exchange(amount_gbp: Decimal, currency: str) -> Decimal:
    """That amount in another currency, rounded to its minor unit (half to even)."""
    return round_to_minor_unit(amount_gbp * PER_GBP[currency], currency)


def round_to_minor_unit(amount: Decimal, currency: str) -> Decimal:
    """To the cent, the penny or the whole yen (half to even)."""
    return amount.quantize(MINOR_UNIT[currency], ROUND_HALF_EVEN)
