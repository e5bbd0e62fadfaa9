"""An id is a JSON number beyond 2^53."""

from dataclasses import dataclass
from hashlib import blake2b
from typing import Any, ClassVar, Literal

from ..fault import Document, FaultContext, Leaving
from ..fields import ALONE, changed, check_path

USUAL = (
    "invoice_id",
    "capture_id",
    "refund_id",
    "authorisation_id",
    "expected_return_id",
    "adjustment_id",
    "entry_id",
    "credit_memo_id",
    "fulfilment_id",
    "job_id",
    "order_id",
    "sales_order_id",
)
"""Those first that nobody has to say to a system again."""

FIRST = 2**53 + 1
"""The least whole number that a double cannot hold."""


@dataclass(frozen=True, slots=True)
class LongIds:
    """``field``, or the document's own id: the same id is always the same odd number, which a double rounds to its
    neighbour. JavaScript, and decoders that read numbers as doubles, take two records for one: keep ids as text, digit
    by digit. An id in this form is no address: who needs the record finds it by its order reference, or reads it again
    once healed.

    Shopify's ids are 64-bit numbers; Twitter's broke JavaScript in 2010, and got ``id_str`` beside them.
    """

    seam: ClassVar[Literal["document"]] = "document"

    field: str | None = None

    def __post_init__(self) -> None:
        check_path(self.field)

    def change(self, document: Document, leaving: Leaving, ctx: FaultContext) -> Document | None:
        return changed(document, USUAL if self.field is None else (self.field,), _long)


def _long(value: Any) -> Any:
    if isinstance(value, bool) or not isinstance(value, str | int):
        return ALONE
    number = int.from_bytes(blake2b(str(value).encode(), digest_size=6).digest(), "big")
    return FIRST + 2 * number
