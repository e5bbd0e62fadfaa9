"""The types of fields on the wire: what a reference, an amount or a time may look like."""

import re
from decimal import Decimal
from functools import lru_cache
from typing import Annotated, Literal

from annotated_types import Ge, Le, MaxLen, MinLen
from pydantic import AfterValidator, Field, PlainValidator, WithJsonSchema

from ...history.clock import from_rfc3339

_AMOUNT = r"^[0-9]{1,12}(\.[0-9]{1,6})?$"
_is_amount = re.compile(_AMOUNT.rstrip("$")).fullmatch  # a "$" of Python's also stands before a last newline


def read_amount(given: object) -> Decimal:
    """An amount from a decimal string or a number; equal ones are one object. ValueError for anything else."""
    if isinstance(given, str):
        return _amount(given)
    if isinstance(given, bool) or not isinstance(given, int | float | Decimal):
        raise ValueError("an amount is a decimal string or a number")  # noqa: TRY004 - pydantic knows ValueErrors only
    return _amount(f"{Decimal(str(given)):f}")


@lru_cache(maxsize=16_384)
def _amount(text: str) -> Decimal:
    """Kept, because orders are many and prices few."""
    if not _is_amount(text):
        raise ValueError(
            "an amount has 1 to 12 digits, and up to 6 more behind a point; it is never negative"
        )
    return Decimal(text)


@lru_cache(maxsize=16_384)
def _time(stamp: str) -> str:
    from_rfc3339(stamp)
    return stamp


Reference = Annotated[str, Field(min_length=1, max_length=64, pattern=r"^[A-Za-z0-9][A-Za-z0-9._:-]*$")]
"""An order reference, SKU or other key: letters, digits and ``._:-``, at most 64."""
LineId = Annotated[str, Field(min_length=1, max_length=32, pattern=r"^[A-Za-z0-9][A-Za-z0-9._:-]*$")]
MOST_LETTERS = 200
Text = Annotated[str, MinLen(1), MaxLen(MOST_LETTERS)]
Reason = Annotated[str, MinLen(1), MaxLen(200)]
Units = Annotated[int, Ge(1), Le(10_000_000)]
Stock = Annotated[int, Ge(0), Le(1_000_000_000)]
Change = Annotated[int, Ge(-10_000_000), Le(10_000_000)]
Version = Annotated[int, Ge(0), Le(2**53)]
Priority = Annotated[int, Ge(1), Le(9)]
Amount = Annotated[
    Decimal,
    PlainValidator(read_amount),
    WithJsonSchema(
        {
            "anyOf": [
                {"type": "string", "pattern": _AMOUNT},
                {"type": "number", "minimum": 0, "maximum": 999_999_999_999},
            ]
        },
        mode="validation",
    ),
]
"""An exact amount of money in major units; read from a decimal string or number, written as a string."""
PositiveAmount = Annotated[
    Decimal,
    PlainValidator(read_amount),
    WithJsonSchema(
        {
            "anyOf": [
                {"type": "string", "pattern": r"^(?=.*[1-9])[0-9]{1,12}(\.[0-9]{1,6})?$"},
                {"type": "number", "exclusiveMinimum": 0, "maximum": 999_999_999_999},
            ]
        },
        mode="validation",
    ),
]
"""An amount that is more than 0: no payment service takes or gives back nothing. The ledger refuses 0."""
Currency = Annotated[str, Field(pattern=r"^[A-Z]{3}$")]
Country = Annotated[str, Field(pattern=r"^[A-Z]{2}$")]
Time = Annotated[str, Field(max_length=40, json_schema_extra={"format": "date-time"}), AfterValidator(_time)]
"""RFC 3339 with a zone, kept as it was written."""
ServiceLevel = Literal["standard", "express", "same_day"]
