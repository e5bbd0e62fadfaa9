"""The shelf: of each item the newest value stands, and one hand holds it."""

from peakproof.middleware.policies import NewestWins
from peakproof.middleware.shelf import Shelf, Value


def shelf_with(*versions: int) -> Shelf:
    shelf = Shelf(NewestWins())
    for version in versions:
        shelf.offer("MUG", Value(version, b"%d" % version))
    return shelf


def versions(batch: dict[str, Value]) -> dict[str, int]:
    return {name: value.version for name, value in batch.items()}


def test_only_the_newest_of_several_is_sent() -> None:
    assert versions(shelf_with(1, 3, 2).take(10, 0.0)) == {"MUG": 3}


def test_what_is_older_than_what_was_sent_is_dropped() -> None:
    shelf = shelf_with(3)
    shelf.settle("MUG", Value(3, b"3"), 50.0)
    assert shelf.offer("MUG", Value(3, b"3")) is None
    assert shelf.offer("MUG", Value(2, b"2")) is None
    assert shelf.take(10, 0.0) == {}


def test_an_item_that_somebody_holds_is_nobody_elses() -> None:
    shelf = shelf_with(1)
    batch = shelf.take(10, 0.0)
    shelf.offer("MUG", Value(2, b"2"))
    assert shelf.take(10, 0.0) == {}
    shelf.settle("MUG", batch["MUG"], 50.0)
    shelf.give_back(batch)
    assert versions(shelf.take(10, 0.0)) == {"MUG": 2}


def test_a_failed_call_sends_the_newest_next_time() -> None:
    shelf = shelf_with(1)
    batch = shelf.take(10, 0.0)
    shelf.offer("MUG", Value(2, b"2"))
    shelf.give_back(batch)
    assert versions(shelf.take(10, 0.0)) == {"MUG": 2}


def test_no_more_items_than_asked_for_the_longest_waiting_first() -> None:
    shelf = Shelf(NewestWins())
    for name in ("MUG", "TEA", "CUP"):
        shelf.offer(name, Value(1, b""))
    assert list(shelf.take(2, 0.0)) == ["MUG", "TEA"]
    assert list(shelf.take(2, 0.0)) == ["CUP"]


def test_a_value_waits_for_its_day_while_an_older_one_holds() -> None:
    shelf = Shelf(NewestWins())
    shelf.offer("MUG", Value(2, b"", due_at=100.0))
    shelf.offer("MUG", Value(1, b"", due_at=10.0))
    assert (shelf.pending(5.0), shelf.next_due()) == (0, 10.0)
    today = shelf.take(10, 50.0)
    assert versions(today) == {"MUG": 1}
    shelf.settle("MUG", today["MUG"], 50.0)
    shelf.give_back(today)
    assert shelf.take(10, 99.0) == {}
    assert versions(shelf.take(10, 100.0)) == {"MUG": 2}


def test_a_newer_value_that_holds_now_outdates_an_older_one_for_later() -> None:
    shelf = Shelf(NewestWins())
    shelf.offer("MUG", Value(1, b"", due_at=100.0))
    shelf.offer("MUG", Value(2, b"", due_at=10.0))
    taken = shelf.take(10, 200.0)
    assert versions(taken) == {"MUG": 2}
    shelf.settle("MUG", taken["MUG"], 50.0)
    shelf.give_back(taken)
    assert shelf.take(10, 200.0) == {}


def test_pending_counts_what_could_be_sent_now() -> None:
    shelf = shelf_with(1)
    shelf.offer("TEA", Value(1, b"", due_at=1e12))
    assert shelf.pending(1000.0) == 1


def test_an_older_version_that_came_late_is_overwritten() -> None:
    shelf = shelf_with(3)
    shelf.settle("MUG", Value(3, b"3"), 50.0)
    assert shelf.seen("MUG", 3, 60.0) is None
    assert shelf.seen("MUG", 2, 60.0) is not None
    again = shelf.take(10, 61.0)
    assert (versions(again), again["MUG"].repeated) == ({"MUG": 3}, 1)


def test_an_answer_from_before_the_last_call_says_nothing() -> None:
    shelf = shelf_with(3)
    shelf.settle("MUG", Value(3, b"3"), 50.0)
    assert shelf.seen("MUG", 2, 49.0) is None


def test_what_the_target_shows_means_nothing_while_something_newer_is_on_its_way() -> None:
    shelf = shelf_with(3)
    shelf.settle("MUG", Value(3, b"3"), 50.0)
    shelf.offer("MUG", Value(4, b"4"))
    assert shelf.seen("MUG", 2, 60.0) is None
