"""What the back office does while shoppers shop: goods arrive, stock is counted and written off, prices move."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from decimal import Decimal
from math import ceil

from ..chaos.dice import Dice
from .currency import MINOR_UNIT, round_to_minor_unit
from .plan import Count, Damage, Plan, PriceChange, Receipt
from .stock import demand, hot_skus, opening_stock
from .trace import Correction

CORRECTIONS_PER_ORDER = 699 / 7460
"""The source's season: 699 corrections of stock beside 7,460 orders."""

CORRECTION_CAP = 0.1
"""Opening stock follows a day's demand, not the warehouse's shelves: a correction takes at most this part of it."""

RECEIPTS_PER_ORDER = 0.05
RECEIVED_HOT_SKUS = 3
"""Of the hot SKUs so many are replenished while the run lasts; the others stay short."""

PRICE_CHANGES_PER_ORDER = 0.1
TWICE_CHANGED = 2
COUNTED_BETWEEN = (0.94, 0.96)
"""Parts of the workload's time: a sweep late in the evening, when little is sold that would set the same stock again."""
REPRICED_BETWEEN = (0.05, 0.7)
"""Parts of the workload's time, from which to which prices change."""


def corrections(plan: Plan, real: Sequence[Correction]) -> list[Count | Damage]:
    """Counts and damages after real ones: their causes and sizes, on SKUs of the plan, at least three of each."""
    dice = Dice(plan.seed)
    opening = opening_stock(plan)
    hot = hot_skus(plan.orders)
    shelves = [sku for sku, parts in opening.items() if sku not in hot and max(parts.values()) >= 5]
    if not shelves:
        return []
    numbered = sorted(enumerate(real), key=lambda one: dice.roll("correction", one[0]))
    wanted = max(6, round(len(plan.orders) * CORRECTIONS_PER_ORDER))
    damages = [one for one in numbered if one[1].cause == "damage"]
    counts = [one for one in numbered if one[1].cause == "count" and one[1].quantity]
    taken = damages[: max(3, wanted // 4)] + counts[: max(3, wanted - wanted // 4)]
    made: list[Count | Damage] = []
    for number, correction in taken:
        sku = correction.sku
        if sku not in shelves:
            sku = shelves[int(dice.roll("shelf", number) * len(shelves))]
        location = max(opening[sku], key=lambda place: opening[sku][place])
        size = min(abs(correction.quantity), max(1, int(opening[sku][location] * CORRECTION_CAP)))
        at_s = plan.duration_s * dice.between(0.1, 0.9, "corrected", number)
        if correction.cause == "damage":
            made.append(Damage(at_s, sku, location, size))
        else:
            made.append(Count(at_s, sku, location, size if correction.quantity > 0 else -size))
    return made


def stocktake(plan: Plan, number: int) -> list[Count]:
    """So many articles are counted in one sweep late in the day, each once, and each count differs by a unit or a few:
    corrections that come together and that nothing supersedes."""
    dice = Dice(plan.seed)
    opening, hot = opening_stock(plan), hot_skus(plan.orders)
    shelves = [sku for sku, parts in opening.items() if sku not in hot and max(parts.values()) >= 3]
    by_luck = sorted(shelves, key=lambda sku: (dice.roll("stocktake", sku), sku))
    made = []
    for sku in by_luck[:number]:
        difference = 1 + int(dice.roll("miscounted", sku) * 3)
        made.append(
            Count(
                at_s=plan.duration_s * dice.between(*COUNTED_BETWEEN, "counted", sku),
                sku=sku,
                location=max(opening[sku], key=lambda place: opening[sku][place]),
                quantity=difference if dice.chance(0.5, "found", sku) else -difference,
            )
        )
    return made


def receipts(plan: Plan) -> list[Receipt]:
    """Goods that arrive: a third of a day's demand each, for a few hot SKUs and some others."""
    dice = Dice(plan.seed)
    wanted = demand(plan.orders)
    by_luck = sorted(wanted, key=lambda sku: (dice.roll("receipt", sku), sku))
    hot = hot_skus(plan.orders)
    number = max(4, round(len(plan.orders) * RECEIPTS_PER_ORDER))
    chosen = [sku for sku in by_luck if sku in hot][:RECEIVED_HOT_SKUS]
    chosen += [sku for sku in by_luck if sku not in hot][: number - len(chosen)]
    return [
        Receipt(
            at_s=plan.duration_s * dice.between(0.25, 0.75, "received", sku),
            sku=sku,
            location=plan.locations[int(dice.roll("dock", sku) * len(plan.locations))],
            quantity=max(6, ceil(wanted[sku] / 3)),
        )
        for sku in chosen
    ]


def price_changes(
    plan: Plan, wanted_number: int | None = None, between: tuple[float, float] = REPRICED_BETWEEN
) -> list[PriceChange]:
    """Black Friday markdowns of 5 to 30 %; half hold at once, half later, and some SKUs change twice.

    ``wanted_number`` SKUs change; unless said, one for ten orders. ``between`` are parts of the workload's time.
    """
    dice = Dice(plan.seed)
    wanted = demand(plan.orders)
    popular = sorted(wanted, key=lambda sku: (-wanted[sku] * dice.roll("markdown", sku), sku))
    made = []
    number = wanted_number
    if number is None:
        number = max(6, round(len(plan.orders) * PRICE_CHANGES_PER_ORDER))
    for sku in popular[:number]:
        currencies = sorted(plan.prices[sku])
        currency = currencies[int(dice.roll("currency", sku) * len(currencies))]
        at_s = plan.duration_s * dice.between(*between, "repriced", sku)
        notice_s = 0.0
        if dice.chance(0.5, "notice", sku):
            notice_s = plan.duration_s * dice.between(0.02, 0.1, "notice for", sku)
        amount = _marked_down(plan.prices, sku, currency, dice.between(0.7, 0.95, "to", sku))
        made.append(PriceChange(at_s, sku, currency, amount, at_s + notice_s))
    for first in made[:TWICE_CHANGED]:
        at_s = first.at_s + 0.02 * plan.duration_s
        valid_from_s = max(at_s, first.valid_from_s + 0.01 * plan.duration_s)
        step = MINOR_UNIT[first.currency]
        amount = first.amount - step if first.amount > step else first.amount + step
        made.append(replace(first, at_s=at_s, amount=amount, valid_from_s=valid_from_s))
    return made


def _marked_down(
    prices: Mapping[str, Mapping[str, Decimal]], sku: str, currency: str, part: float
) -> Decimal:
    """The price times that part; always another price, and above zero."""
    price, step = prices[sku][currency], MINOR_UNIT[currency]
    lower = round_to_minor_unit(price * Decimal(str(round(part, 4))), currency)
    if lower <= 0 or lower == price:
        return price - step if price > step else price + step
    return lower
