"""Reads order lines as the source wrote them and makes orders of them; what cannot be read is named by line."""

import csv
import gzip
import re
import zlib
from collections.abc import Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal, InvalidOperation
from importlib.resources import as_file, files
from pathlib import Path
from typing import Literal

from ...chaos.dice import Dice

COLUMNS = (
    "order_id",
    "placed_at",
    "sku",
    "quantity",
    "unit_price",
    "currency",
    "customer_id",
    "country",
    "kind",
    "line_type",
)
"""What an order file must have; other columns are ignored."""

CORRECTION_COLUMNS = ("recorded_at", "sku", "quantity", "note")
KINDS = ("order", "cancellation")
LINE_TYPES = ("item", "shipping", "manual", "discount", "sample", "voucher")
BASKET_TYPES = ("item", "manual")
DAMAGE = re.compile(r"damag|unsal|smash|wet|rust|broken|crush|mould|thrown|water", re.IGNORECASE)
DAY_S = 86_400


class TraceError(ValueError):
    """A trace that cannot be read; its text is one line: file, line, column, value, and what was expected."""


@dataclass(frozen=True, slots=True)
class TraceLine:
    """One line of a real basket."""

    sku: str
    quantity: int
    unit_price: Decimal
    """GBP, as in the source: usually two places, 0.00 where the article was free."""


@dataclass(frozen=True, slots=True)
class TraceOrder:
    """One real order."""

    order_id: str
    at_s: float
    """Seconds since the midnight before the trace's first order; the source has minutes, the second is by dice."""
    customer_id: str
    """A pseudonym; empty for a guest."""
    country: str
    """ISO 3166-1 alpha-2, or XC (Channel Islands), ZZ (unspecified)."""
    lines: tuple[TraceLine, ...]
    shipping: Decimal
    """GBP; the sum of its postage lines."""


@dataclass(frozen=True, slots=True)
class Correction:
    """One real correction of stock, as the warehouse noted it."""

    sku: str
    quantity: int
    """Units, signed."""
    note: str

    @property
    def cause(self) -> Literal["count", "damage"]:
        """What its note says: goods that cannot be sold any more, else a count that found more or fewer."""
        return "damage" if self.quantity < 0 and DAMAGE.search(self.note) else "count"


@dataclass(frozen=True, slots=True)
class Trace:
    """Real orders by time, and the corrections of stock that the same warehouse made."""

    orders: tuple[TraceOrder, ...]
    corrections: tuple[Correction, ...] = field(repr=False)

    @classmethod
    def shipped(cls, seed: int = 0) -> "Trace":
        """17 November 2011, 137 orders, and the corrections of its week."""
        with _shipped("one_day.csv") as path:
            return cls.from_path(path, seed=seed)

    @classmethod
    def from_path(cls, path: Path | str, day: str | None = None, seed: int = 0) -> "Trace":
        """The orders of a CSV or gzipped CSV in the same columns, of one ``day`` (``2011-12-05``) or of all.

        Cancellations, discounts and lines without a positive quantity are left out, and so are orders of which
        nothing remains. Corrections are always the shipped ones. Raises ``TraceError``.
        """
        lines = list(_order_lines(Path(path)))
        if day is not None:
            days = sorted({line.placed_at[:10] for line in lines})
            lines = [line for line in lines if line.placed_at.startswith(f"{day}T")]
            if not lines:
                span = f"{days[0]} to {days[-1]}" if days else "no day at all"
                raise TraceError(f"{path}: has no orders on {day!r}; it holds {span}")
        orders = _orders(lines, Dice(seed))
        if not orders:
            raise TraceError(f"{path}: has no orders with merchandise")
        with _shipped("stock_adjustments.csv") as corrections:
            return cls(orders, tuple(_corrections(corrections)))


@dataclass(frozen=True, slots=True)
class _Row:
    """A row of a file, able to say where it stands."""

    path: Path
    number: int
    cells: dict[str, str]

    def wrong(self, column: str, expected: str) -> TraceError:
        return TraceError(
            f"{self.path}:{self.number}: {column} must be {expected}, got {self.cells[column][:80]!r}"
        )

    def text(self, column: str) -> str:
        value = self.cells[column]
        if not value.strip():
            raise self.wrong(column, "filled in")
        return value

    def one_of(self, column: str, valid: tuple[str, ...]) -> str:
        value = self.cells[column]
        if value not in valid:
            raise self.wrong(column, f"one of {', '.join(valid)}")
        return value

    def units(self) -> int:
        value = self.cells["quantity"]
        if not re.fullmatch(r"-?[0-9]{1,9}", value):
            raise self.wrong("quantity", "a whole number of at most 9 digits")
        return int(value)

    def price(self) -> Decimal:
        try:
            price = Decimal(self.cells["unit_price"])
        except InvalidOperation:
            price = Decimal("NaN")
        if not price.is_finite() or not 0 <= price < 10**9:
            raise self.wrong("unit_price", "a decimal from 0 up")
        return price

    def moment(self) -> datetime:
        try:
            moment = datetime.fromisoformat(self.cells["placed_at"])
        except ValueError:
            raise self.wrong("placed_at", "a time like 2011-11-17T08:20") from None
        if moment.tzinfo is not None:
            raise self.wrong("placed_at", "a local time without a zone, like 2011-11-17T08:20")
        return moment


@dataclass(frozen=True, slots=True)
class _OrderLine:
    order_id: str
    placed_at: str
    moment: datetime
    customer_id: str
    country: str
    line_type: str
    line: TraceLine


def _shipped(name: str) -> AbstractContextManager[Path]:
    """The path of a shipped file, for a ``with``; a zipped package is unpacked for as long."""
    return as_file(files(__package__).joinpath(name))


def _rows(path: Path, columns: tuple[str, ...]) -> Iterator[_Row]:
    number = 1
    try:
        with (
            gzip.open(path, "rt", encoding="utf-8", newline="")
            if path.suffix == ".gz"
            else path.open(encoding="utf-8-sig", newline="")
        ) as text:
            reader = csv.DictReader(text)
            missing = [column for column in columns if column not in (reader.fieldnames or ())]
            if missing:
                raise TraceError(f"{path}:1: lacks the column {missing[0]!r} (needed: {', '.join(columns)})")
            for cells in reader:
                number = reader.line_num
                if any(not isinstance(cells[column], str) for column in columns):
                    raise TraceError(f"{path}:{number}: has fewer cells than the header has columns")
                yield _Row(path, number, cells)
    except FileNotFoundError:
        raise TraceError(f"{path}: no such file; give the path of a CSV or CSV.gz of orders") from None
    except (OSError, EOFError, zlib.error) as failure:
        raise TraceError(f"{path}: cannot be read: {failure}") from None
    except UnicodeDecodeError:
        raise TraceError(f"{path}: line {number + 1} or later is not UTF-8; save it as UTF-8") from None
    except csv.Error as failure:
        raise TraceError(f"{path}:{number + 1}: is not CSV: {failure}") from None


def _order_lines(path: Path) -> Iterator[_OrderLine]:
    for row in _rows(path, COLUMNS):
        kind = row.one_of("kind", KINDS)
        line_type = row.one_of("line_type", LINE_TYPES)
        quantity = row.units()
        if kind != "order" or quantity <= 0 or line_type not in (*BASKET_TYPES, "shipping"):
            continue
        row.one_of("currency", ("GBP",))
        if not re.fullmatch(r"[A-Z]{2}", row.cells["country"]):
            raise row.wrong("country", "two capital letters (ISO 3166-1, or XC, ZZ)")
        yield _OrderLine(
            order_id=row.text("order_id"),
            placed_at=row.cells["placed_at"],
            moment=row.moment(),
            customer_id=row.cells["customer_id"],
            country=row.cells["country"],
            line_type=line_type,
            line=TraceLine(row.text("sku"), quantity, row.price()),
        )


def _orders(lines: list[_OrderLine], dice: Dice) -> tuple[TraceOrder, ...]:
    if not lines:
        return ()
    midnight = datetime.combine(min(line.moment for line in lines).date(), datetime.min.time())
    by_order: dict[str, list[_OrderLine]] = {}
    for line in lines:
        by_order.setdefault(line.order_id, []).append(line)
    orders = []
    for order_id, own in by_order.items():
        basket = tuple(line.line for line in own if line.line_type in BASKET_TYPES)
        if not basket:
            continue
        minute_s = (own[0].moment.replace(second=0) - midnight).total_seconds()
        orders.append(
            TraceOrder(
                order_id=order_id,
                at_s=minute_s + 60 * dice.roll("second", order_id),
                customer_id=own[0].customer_id,
                country=own[0].country,
                lines=basket,
                shipping=sum(
                    (
                        line.line.quantity * line.line.unit_price
                        for line in own
                        if line.line_type == "shipping"
                    ),
                    start=Decimal(0),
                ),
            )
        )
    return tuple(sorted(orders, key=lambda order: (order.at_s, order.order_id)))


def _corrections(path: Path) -> Iterator[Correction]:
    for row in _rows(path, CORRECTION_COLUMNS):
        yield Correction(row.text("sku"), row.units(), row.cells["note"])
