"""What neutral requests and answers are made of: pages, batches, ETags and problem documents."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Annotated, Any, Generic, Protocol, TypeVar

from annotated_types import Ge, Le
from fastapi import Header, Query
from pydantic import BaseModel, Field

from ...history.clock import from_rfc3339
from .collection import Collection, Document
from .ledger import Decide
from .refusal import INVALID, PRECONDITION_FAILED, PRECONDITION_REQUIRED, Refusal, Refused

D = TypeVar("D", bound=Document)
T = TypeVar("T")


IfMatch = Annotated[
    str | None, Header(description="The ETag that was read; refused with 412 when it is not current.")
]

MAX_ITEMS = 500
"""The most items one bulk call may hold."""


class ListQuery(BaseModel):
    """How every list is asked: a page at a time, and only what changed since."""

    cursor: Annotated[
        str | None,
        Field(
            max_length=32,
            description="The `next_cursor` of the page before; any other gets `invalid_request`.",
        ),
    ] = None
    limit: Annotated[int, Ge(1), Le(500)] = 100
    updated_since: Annotated[str | None, Field(max_length=40, description="RFC 3339 with a zone.")] = None


class OrderListQuery(ListQuery):
    """A list of documents that belong to orders."""

    order_ref: Annotated[str | None, Field(max_length=64, description="Only documents of this order.")] = None


Listing = Annotated[ListQuery, Query()]
OrderListing = Annotated[OrderListQuery, Query()]


@dataclass(frozen=True, slots=True)
class Page(Generic[T]):
    """One page of a list, oldest change first."""

    items: list[T]
    next_cursor: str | None


@dataclass(frozen=True, slots=True)
class Problem:
    """RFC 9457 problem details."""

    type: str
    title: str
    status: int
    detail: str
    instance: str | None = None


@dataclass(frozen=True, slots=True)
class ItemResult:
    """What became of one item of a bulk call."""

    index: int
    status: int
    problem: Problem | None = None


@dataclass(frozen=True, slots=True)
class BatchResult:
    """What became of every item of a bulk call, in the order of the items."""

    results: list[ItemResult]


PROBLEM_TYPES = "https://peakproof.invalid/problems/"


def problem_of(refused: Refused) -> Problem:
    """The problem document that tells of a refusal."""
    refusal = refused.refusal
    return Problem(PROBLEM_TYPES + refusal.code, refusal.title, refusal.status, refused.detail)


def page_of(collection: Collection[D], query: ListQuery) -> Page[D]:
    """The page of a collection that a query asks for. Refused with ``invalid_request`` for a cursor or time unknown."""
    after = _position(query.cursor, collection) if query.cursor else 0
    try:
        since_ns = from_rfc3339(query.updated_since) if query.updated_since else 0
    except (ValueError, OverflowError):
        raise INVALID.because(
            f"updated_since {query.updated_since!r} is not a time with a zone, e.g. 2026-11-27T09:30:00Z"
        ) from None
    order_ref = query.order_ref if isinstance(query, OrderListQuery) else None
    found = collection.page(after=after, since_ns=since_ns, limit=query.limit, order_ref=order_ref)
    return Page(found.items, None if found.next_cursor is None else _base36(found.next_cursor))


class AboutSku(Protocol):
    """An item of a bulk call: each is about one SKU."""

    @property
    def sku(self) -> str: ...


S = TypeVar("S", bound=AboutSku)


def batch_of(items: Iterable[S], act: Callable[[S], Any], decide: Decide) -> BatchResult:
    """Do the same for every item; a refused item does not hold up the others.

    ``decide`` is asked the rule ``batch_item`` about each SKU; a decision ``{"status"}`` fails the item, undone.
    """
    results = []
    for index, item in enumerate(items):
        try:
            failed = decide("batch_item", item.sku)
            if failed is not None:
                raise Refusal("item_failed", failed["status"], "This item could not be handled.").because(
                    item.sku
                )
            act(item)
        except Refused as refused:
            results.append(ItemResult(index, refused.refusal.status, problem_of(refused)))
        else:
            results.append(ItemResult(index, 200))
    return BatchResult(results)


def etag(document: Any) -> str:
    """The ETag of a document: its version."""
    return f'"v{document.version}"'


def check_if_match(document: Any, if_match: str | None, *, required: bool = False) -> None:
    """Refuse an update of a document that has changed since the caller read it."""
    if if_match is None:
        if required:
            raise PRECONDITION_REQUIRED.because("send If-Match with the ETag of the document as you read it")
    elif if_match.strip() not in ("*", etag(document)):
        raise PRECONDITION_FAILED.because(f"If-Match is {if_match}, the document is at {etag(document)}")


def _position(cursor: str, collection: Collection[Any]) -> int:
    """Where a cursor points to. A page that is not the last ends before the last change, and is written one way."""
    try:
        after = int(cursor, 36)
    except ValueError:
        after = 0
    if not 0 < after < collection.changes or cursor != _base36(after):
        raise INVALID.because(
            f"cursor {cursor!r} is not one that this list gave out; send next_cursor as the page before had it, "
            "or begin again without a cursor, with updated_since to leave out what you know"
        )
    return after


def _base36(number: int) -> str:
    digits = ""
    while number:
        number, digit = divmod(number, 36)
        digits = "0123456789abcdefghijklmnopqrstuvwxyz"[digit] + digits
    return digits or "0"
