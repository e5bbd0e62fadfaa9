"""The reader: the files of a run as tables whose columns are the records' fields."""

import json
from decimal import Decimal
from pathlib import Path

import pytest

from peakproof.history.reader import History, columns_of
from peakproof.history.records import RECORDS, Body, Call, Effect, LoadSecond, WorkloadItem
from peakproof.history.state import StateDocument, write_state
from peakproof.history.writer import HistoryWriter

PLACED = Effect(
    effect_id="web-e1",
    at_ns=1_764_200_000_123_456_789,
    system="web",
    kind="order_placed",
    order_ref="A",
    amount="28.950",
    currency="GBP",
    lines=[("1", "mug", 2, "12.00"), ("2", "mug", 1, None)],
    data={"shipping": "4.95", "customer": {"name": "Zoë"}},
)
CALL = Call(
    call_id="erp-c1",
    system="erp",
    operation="create_sales_order",
    subject="A",
    attempt=1,
    method="POST",
    path="/v1/sales-orders",
    at_ns=1,
    replied_ns=2,
    outcome="ok",
    changes=True,
    faults=["i1"],
)


def test_an_effect_is_read_as_it_was_written() -> None:
    with History.of_records([PLACED]) as history:
        (row,) = history.rows("SELECT * FROM effects")
    assert row["at_ns"] == PLACED.at_ns
    assert row["amount"] == Decimal("28.95")
    assert row["amount_text"] == "28.950"
    assert row["lines"] == [
        {"line_id": "1", "sku": "mug", "quantity": 2, "unit_price": "12.00"},
        {"line_id": "2", "sku": "mug", "quantity": 1, "unit_price": None},
    ]
    assert json.loads(row["data"]) == PLACED.data


def test_a_field_that_was_left_out_has_its_default() -> None:
    with History.of_records([CALL]) as history:
        (row,) = history.rows("SELECT committed, replayed, permanent, status, faults FROM calls")
    assert row == {
        "committed": False,
        "replayed": False,
        "permanent": False,
        "status": None,
        "faults": ["i1"],
    }


def test_every_table_is_there_with_every_column_though_nothing_was_recorded() -> None:
    with History.of_records([]) as history:
        for record in RECORDS:
            table = record.__dict__["table"]
            described = [row["column_name"] for row in history.rows(f"DESCRIBE {table}")]
            assert described == [column.name for column in columns_of(record)]
        assert history.rows("SELECT * FROM accepted_orders") == []


def test_an_accepted_order_knows_its_fate() -> None:
    cancelled = Effect(effect_id="web-e2", at_ns=2, system="web", kind="order_cancelled", order_ref="A")
    with History.of_records([PLACED, cancelled], parked=[{"order_ref": "A", "reason": "no"}]) as history:
        (order,) = history.rows("SELECT * FROM accepted_orders")
        lines = history.rows("SELECT line_id, sku, quantity, unit_price FROM order_lines ORDER BY line_id")
    assert (order["channel"], order["total"], order["shipping"]) == ("web", Decimal("28.95"), Decimal("4.95"))
    assert (order["cancelled"], order["parked"], order["unfillable"], order["before_run"]) == (
        True,
        True,
        False,
        False,
    )
    assert lines[0] == {"line_id": "1", "sku": "mug", "quantity": 2, "unit_price": Decimal(12)}


def an_act(kind: str, due_s: float, late_s: float, took_s: float, status: int | None = 201) -> WorkloadItem:
    at_ns = round((due_s + late_s) * 1e9)
    replied_ns = at_ns + round(took_s * 1e9)
    return WorkloadItem(
        at_ns=at_ns, kind=kind, due_ns=round(due_s * 1e9), replied_ns=replied_ns, status=status
    )


def test_what_shoppers_did_is_there_second_by_second_and_so_is_what_they_never_sent() -> None:
    rows: list[WorkloadItem | LoadSecond] = [
        WorkloadItem(at_ns=10_000_000_000, kind="phase", detail="workload"),
        LoadSecond(at_ns=10_000_000_000, orders_due=3),
        LoadSecond(at_ns=11_000_000_000, orders_due=1, returns_due=1),
        an_act("order", 10.2, 0.01, 0.1),
        an_act("order", 10.8, 0.3, 0.1, status=503),
        an_act("order", 12.5, 0.01, 1.0, status=None),
        an_act("price_look", 10.5, 0.0, 0.1, status=200),
    ]
    with History.of_records(rows) as history:
        found = history.rows(
            "SELECT flow, second, due, sent, late, answered, failed FROM load_seconds ORDER BY flow, second"
        )
    assert [tuple(row.values()) for row in found if any(list(row.values())[2:])] == [
        ("order-to-ship", 0, 3, 1, 0, 1, 0),
        ("order-to-ship", 1, 1, 1, 1, 1, 1),
        ("order-to-ship", 2, 1, 1, 0, 0, 0),
        ("order-to-ship", 3, 0, 0, 0, 1, 1),
        ("price-publish", 0, 1, 1, 0, 1, 0),
        ("return-to-refund", 1, 1, 0, 0, 0, 0),
    ]


def test_an_order_placed_twice_is_one_order() -> None:
    with History.of_records([PLACED, PLACED]) as history:
        assert history.one("SELECT count(*) FROM accepted_orders") == 1


def test_a_body_is_found_by_its_hash() -> None:
    with History.of_records([Body(hash="", text='{"é":1}')]) as history:
        assert history.body(history.one("SELECT hash FROM bodies")) == '{"é":1}'
        assert history.body("0" * 24) is None


def test_a_shoppers_calls_are_not_the_middlewares() -> None:
    shopper = Call(
        **{name: getattr(CALL, name) for name in CALL.__struct_fields__} | {"client": "shopper-web"}
    )
    with History.of_records([CALL, shopper]) as history:
        assert history.one("SELECT count(*) FROM sut_calls") == 1


def test_eventually_is_unknown_where_the_run_never_settled() -> None:
    question = "SELECT eventually(true) AS yes, eventually(false) AS no, eventually(NULL) AS unsaid"
    with History.of_records([], run={"settled": True}) as history:
        assert history.rows(question) == [{"yes": True, "no": False, "unsaid": False}]
    with History.of_records([], run={}) as history:
        assert history.rows(question) == [{"yes": True, "no": None, "unsaid": None}]


@pytest.fixture
def run(tmp_path: Path) -> Path:
    writer = HistoryWriter(tmp_path / "history", "estate")
    writer.effect(PLACED)
    writer.close()
    write_state(
        tmp_path / "state", "web", [StateDocument(system="web", kind="order", id="A", order_ref="A", doc={})]
    )
    (tmp_path / "run.json").write_text('{"id": "r1", "settled": true, "flows": ["cancel"]}')
    return tmp_path


def test_a_run_is_read_from_its_folder(run: Path) -> None:
    with History.of_run(run) as history:
        assert history.run["id"] == "r1"
        assert history.one("SELECT kind FROM state") == "order"
        assert history.rows("SELECT judged('cancel') AS yes, judged('stock-sync') AS no") == [
            {"yes": True, "no": False}
        ]


def test_files_of_several_processes_are_one_history(run: Path) -> None:
    other = HistoryWriter(run / "history", "wms")
    other.effect(PLACED)
    other.close()
    with History.of_run(run) as history:
        assert history.one("SELECT count(*) FROM effects") == 2


@pytest.mark.parametrize(
    "broken",
    [
        pytest.param(b'{"effect_id":"web-e2","at_', id="torn by a kill"),
        pytest.param(b"\x00\xff\xfe\n", id="no text"),
        pytest.param(b"[1,2]\n", id="no object"),
        pytest.param(
            b'{"effect_id":"x","at_ns":"noon","system":"web","kind":"k"}\n', id="a time that is none"
        ),
        pytest.param(b'{"kind":"k"}\n', id="without an id"),
    ],
)
def test_a_line_that_cannot_be_read_is_counted_and_left_out(run: Path, broken: bytes) -> None:
    path = run / "history" / "effects-estate.jsonl"
    path.write_bytes(path.read_bytes() + broken)
    with History.of_run(run) as history:
        assert history.one("SELECT count(*) FROM effects") == 1
        assert history.unreadable_lines == 1
        assert history.unreadable == {"effects": 1}


def test_a_run_that_was_cut_off_has_not_settled(run: Path) -> None:
    (run / "run.json").unlink()
    with History.of_run(run) as history:
        assert history.one("SELECT settled FROM run") is False


def test_a_folder_that_is_no_run_is_named(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="is no run"):
        History.of_run(tmp_path)


def test_a_damaged_run_json_is_named(run: Path) -> None:
    (run / "run.json").write_text('{"id": ')
    with pytest.raises(ValueError, match=r"run\.json is damaged"):
        History.of_run(run)
