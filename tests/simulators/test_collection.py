"""Collections: lists in the order of last change, whose cursors neither lose nor repeat a document."""

import pickle
from dataclasses import dataclass

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from peakproof.simulators.kit.collection import Collection
from peakproof.simulators.kit.refusal import Refused
from peakproof.simulators.kit.wire import ListQuery, OrderListQuery, page_of

from .world import NOON_NS

SECOND_NS = 1_000_000_000


@dataclass
class Parcel:
    name: str
    version: int = 0
    updated_at: str = ""


def parcels(*names: str, order_ref: str | None = None) -> Collection[Parcel]:
    """Parcels that arrived a second apart, from noon on."""
    collection: Collection[Parcel] = Collection()
    for place, name in enumerate(names):
        collection.add(name, Parcel(name), NOON_NS + place * SECOND_NS, order_ref)
    return collection


def change(collection: Collection[Parcel], name: str, at_s: float = 60) -> None:
    parcel = collection.get(name)
    assert parcel is not None
    collection.changed(name, parcel, NOON_NS + round(at_s * SECOND_NS))


def names(items: list[Parcel]) -> list[str]:
    return [parcel.name for parcel in items]


def test_an_empty_list_has_no_next_page() -> None:
    page = parcels().page()
    assert (page.items, page.next_cursor) == ([], None)


def test_a_list_shows_the_oldest_change_first() -> None:
    collection = parcels("a", "b", "c")
    change(collection, "a")
    assert names(collection.page().items) == ["b", "c", "a"]


def test_a_change_moves_version_and_time() -> None:
    collection = parcels("a")
    change(collection, "a", at_s=90)
    assert collection.page().items == [Parcel("a", version=1, updated_at="2026-11-27T12:01:30.000000Z")]


def test_the_last_page_has_no_cursor_even_when_it_is_full() -> None:
    collection = parcels("a", "b")
    assert collection.page(limit=2).next_cursor is None
    first = collection.page(limit=1)
    assert names(first.items) == ["a"]
    second = collection.page(limit=1, after=first.next_cursor or 0)
    assert (names(second.items), second.next_cursor) == (["b"], None)


def test_a_document_that_changes_between_pages_is_seen_again_as_it_is_now() -> None:
    collection = parcels("a", "b", "c")
    first = collection.page(limit=2)
    change(collection, "a")
    assert names(collection.page(after=first.next_cursor or 0).items) == ["c", "a"]


def test_a_document_that_changes_before_its_page_is_seen_once() -> None:
    collection = parcels("a", "b", "c")
    first = collection.page(limit=1)
    change(collection, "b")
    assert names(collection.page(after=first.next_cursor or 0).items) == ["c", "b"]


def test_changes_of_one_instant_are_told_apart_at_the_edge_of_a_page() -> None:
    collection: Collection[Parcel] = Collection()
    for name in "abcd":
        collection.add(name, Parcel(name), NOON_NS)
    first = collection.page(limit=2)
    rest = collection.page(after=first.next_cursor or 0)
    assert names(first.items + rest.items) == ["a", "b", "c", "d"]


def test_updated_since_includes_that_very_instant() -> None:
    collection = parcels("a", "b", "c")
    assert names(collection.page(since_ns=NOON_NS + SECOND_NS).items) == ["b", "c"]
    assert names(collection.page(since_ns=NOON_NS + SECOND_NS + 1).items) == ["c"]
    assert names(collection.page(since_ns=NOON_NS + 100 * SECOND_NS).items) == []


def test_an_order_lists_its_own_documents_only() -> None:
    collection = parcels("a", "b", order_ref="web-000001")
    collection.add("c", Parcel("c"), NOON_NS + 9 * SECOND_NS, "web-000002")
    assert names(collection.of_order("web-000001")) == ["a", "b"]
    assert names(collection.of_order("web-000003")) == []
    change(collection, "a")
    assert names(collection.page(order_ref="web-000001").items) == ["b", "a"]
    assert names(collection.page(order_ref="web-000002").items) == ["c"]
    assert names(collection.page(order_ref="web-000001", since_ns=NOON_NS + 2 * SECOND_NS).items) == ["a"]


def test_an_order_is_paged_like_any_list() -> None:
    collection = parcels("a", "b", "c", order_ref="web-000001")
    first = collection.page(order_ref="web-000001", limit=2)
    second = collection.page(order_ref="web-000001", limit=2, after=first.next_cursor or 0)
    assert (names(first.items), names(second.items)) == (["a", "b"], ["c"])
    assert second.next_cursor is None


def test_a_document_named_like_its_order_is_found_once() -> None:
    collection: Collection[Parcel] = Collection()
    collection.add("web-000001", Parcel("web-000001"), NOON_NS, "web-000001")
    assert names(collection.of_order("web-000001")) == ["web-000001"]


def test_cursors_survive_the_forgetting_of_stale_changes() -> None:
    collection = parcels("a", "b", "c")
    first = collection.page(limit=1)
    for second in range(3_000):
        change(collection, "b", at_s=60 + second)
    assert len(collection._keys) < 1_100, "stale changes are forgotten now and then"
    assert names(collection.page(after=first.next_cursor or 0).items) == ["c", "b"]


def test_a_collection_is_what_it_was_after_a_snapshot() -> None:
    collection = parcels("a", "b", order_ref="web-000001")
    first = collection.page(limit=1)
    restored: Collection[Parcel] = pickle.loads(pickle.dumps(collection))
    assert names(restored.page(after=first.next_cursor or 0).items) == ["b"]
    assert names(restored.of_order("web-000001")) == ["a", "b"]
    assert (len(restored), "a" in restored, "z" in restored) == (2, True, False)


# The same as it is asked for on the wire


def test_a_cursor_goes_round_by_the_wire() -> None:
    collection = parcels(*(f"p{number:03d}" for number in range(90)))
    seen: list[str] = []
    cursor = None
    while True:
        page = page_of(collection, ListQuery(cursor=cursor, limit=7))
        seen += names(page.items)
        cursor = page.next_cursor
        if cursor is None:
            break
    assert seen == [f"p{number:03d}" for number in range(90)]


@pytest.mark.parametrize(
    "cursor",
    ["-", "-1", "é", "z" * 32, "0x1", " 1", "0", "01", "1_0", "\u0661", "A", "b", "4x", "9" * 23],
)
def test_a_cursor_that_this_list_cannot_have_given_out_is_refused(cursor: str) -> None:
    eleven = parcels(*(f"p{number}" for number in range(11)))
    with pytest.raises(Refused, match="begin again without a cursor") as caught:
        page_of(eleven, ListQuery(cursor=cursor))
    assert caught.value.refusal.code == "invalid_request"


def test_the_last_cursor_that_a_list_can_give_out_is_good_for_its_last_document() -> None:
    eleven = parcels(*(f"p{number:02d}" for number in range(11)))
    assert page_of(eleven, ListQuery(limit=10)).next_cursor == "a"
    assert names(page_of(eleven, ListQuery(cursor="a")).items) == ["p10"]


@pytest.mark.parametrize(
    "since",
    ["noon", "2026-11-27", "2026-11-27T12:00:00", "9999-12-31T23:59:59+99:00", "0001-01-01T00:00:00Z"],
)
def test_a_time_without_a_zone_or_sense_is_refused(since: str) -> None:
    try:
        page = page_of(parcels("a"), ListQuery(updated_since=since))
    except Refused as refused:
        assert refused.refusal.code == "invalid_request"
    else:
        assert since.endswith("Z") and names(page.items) == ["a"]


def test_the_wire_asks_for_one_order() -> None:
    collection = parcels("a", order_ref="web-000001")
    assert names(page_of(collection, OrderListQuery(order_ref="web-000001")).items) == ["a"]
    assert names(page_of(collection, OrderListQuery(order_ref="web-000002")).items) == []


# Whatever happens between two pages


class Paging(RuleBasedStateMachine):
    """A reader walks the list page by page while documents come and change, often in the same instant."""

    @initialize(of_order=st.sampled_from([None, "A"]))
    def begin(self, of_order: str | None) -> None:
        self.collection: Collection[Parcel] = Collection()
        self.orders: dict[str, str] = {}
        self.now_ns = NOON_NS
        self.of_order = of_order
        self.since_ns = 0
        self.walk_anew()

    def walk_anew(self) -> None:
        self.cursor: int | None = 0
        self.seen: set[tuple[str, int]] = set()

    @rule(order_ref=st.sampled_from(["A", "B"]))
    def add(self, order_ref: str) -> None:
        name = f"p{len(self.orders)}"
        self.orders[name] = order_ref
        self.collection.add(name, Parcel(name), self.now_ns, order_ref)

    @precondition(lambda self: self.orders)
    @rule(data=st.data(), times=st.sampled_from([1, 1, 2, 600]))
    def change(self, data: st.DataObject, times: int) -> None:
        """Often enough, at times, for stale changes to be forgotten."""
        name = data.draw(st.sampled_from(sorted(self.orders)))
        parcel = self.collection.get(name)
        assert parcel is not None
        for _ in range(times):
            self.collection.changed(name, parcel, self.now_ns)

    @rule(seconds=st.sampled_from([1, 30]))
    def pass_time(self, seconds: int) -> None:
        self.now_ns += seconds * SECOND_NS

    @rule(limit=st.integers(1, 3))
    def read_a_page(self, limit: int) -> None:
        if self.cursor is None:
            self.walk_anew()
        assert self.cursor is not None
        page = self.collection.page(
            after=self.cursor, since_ns=self.since_ns, limit=limit, order_ref=self.of_order
        )
        assert len(page.items) <= limit
        for parcel in page.items:
            assert (parcel.name, parcel.version) not in self.seen, "seen twice though it did not change"
            self.seen.add((parcel.name, parcel.version))
        self.cursor = page.next_cursor
        if self.cursor is None:
            self.check_that_nothing_was_lost()

    @rule(ago_s=st.integers(0, 60))
    def walk_only_what_is_new(self, ago_s: int) -> None:
        self.since_ns = self.now_ns - ago_s * SECOND_NS
        self.walk_anew()

    def check_that_nothing_was_lost(self) -> None:
        since = Parcel("")
        probe: Collection[Parcel] = Collection()
        probe.add("", since, max(self.since_ns, 0))
        expected = {
            (parcel.name, parcel.version)
            for parcel in self.collection
            if self.of_order in (None, self.orders[parcel.name])
            and (self.since_ns == 0 or parcel.updated_at >= since.updated_at)
        }
        assert expected <= self.seen

    @invariant()
    def every_document_is_listed_once(self) -> None:
        listed = names(self.collection.page(limit=10_000).items)
        assert sorted(listed) == sorted(self.orders)


TestPaging = Paging.TestCase
TestPaging.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)
