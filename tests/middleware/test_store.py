"""The store: what was committed is there again, and nothing else."""

from pathlib import Path

import pytest

from peakproof.middleware.store import Parked, Store, StoreError, Task

from .orders import REF, placed


def task(key: str) -> Task:
    return Task(
        key=key, order_ref=REF, step="book", ref="", method="POST", path="/v1/sales-orders", body=b"{}"
    )


async def reopened(store: Store, path: Path) -> Store:
    await store.close()
    return Store(path)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "data" / "middleware.sqlite3"


async def test_an_order_comes_back_whole(path: Path) -> None:
    store = Store(path)
    order = placed()
    order.done["book"] = "SO-000001"
    store.note_order(order, with_content=True)
    store = await reopened(store, path)
    assert store.order(REF) == order
    assert store.order("web-000002") is None
    await store.close()


async def test_noting_an_order_again_keeps_its_content(path: Path) -> None:
    store = Store(path)
    order = placed()
    store.note_order(order, with_content=True)
    await store.commit()
    order.posted = True
    store.note_order(order)
    await store.commit()
    again = store.order(REF)
    assert again is not None
    assert again.posted
    assert again.content == order.content
    await store.close()


async def test_tasks_stay_until_they_are_dropped(path: Path) -> None:
    store = Store(path)
    store.note_task(task("a"))
    store.note_task(task("b"))
    await store.commit()
    store.drop_task("a")
    store = await reopened(store, path)
    assert [left.key for left in store.tasks()] == ["b"]
    await store.close()


async def test_what_comes_and_goes_before_a_commit_leaves_nothing(path: Path) -> None:
    store = Store(path)
    store.note_task(task("a"))
    store.drop_task("a")
    await store.commit()
    assert store.tasks() == []
    await store.close()


async def test_one_commit_serves_all_who_wait(path: Path) -> None:
    store = Store(path)
    first, second = store.commit(), store.commit()
    await first
    assert second.done()
    await store.close()


async def test_someone_who_stops_waiting_calls_off_nobody_elses_commit(path: Path) -> None:
    store = Store(path)
    store.note_task(task("a"))
    gone, waiting = store.commit(), store.commit()
    gone.cancel()
    await waiting
    assert [kept.key for kept in store.tasks()] == ["a"]
    await store.close()


async def test_events_parked_cursors_and_publications_are_kept(path: Path) -> None:
    store = Store(path)
    store.note_event("erp-evt-1", "sales_order.posted", b"{}")
    store.note_cursor("erp/v1/prices", "2026-11-27T09:30:00Z")
    store.note_publication("stock@oms", "MUG/north", b"doc")
    parked = Parked(key="k", order_ref=REF, system="erp", step="book", reason="invalid", since="now")
    store.note_parked(parked)
    store = await reopened(store, path)
    assert store.recent_events(10) == ["erp-evt-1"]
    assert store.cursor("erp/v1/prices") == "2026-11-27T09:30:00Z"
    assert list(store.publications("stock@oms")) == [("MUG/north", b"doc")]
    assert store.parked() == [parked]
    store.drop_parked("k")
    await store.commit()
    assert store.parked() == []
    await store.close()


async def test_a_disk_that_fails_is_said_to_whoever_waits(path: Path) -> None:
    store = Store(path)
    store._writer.execute("DROP TABLE tasks")
    store.note_task(task("a"))
    with pytest.raises(StoreError, match="no such table"):
        await store.commit()
    assert store.broken
    await store.close()
