"""The writer: what is flushed is on disk, in order, and a torn line spoils only itself."""

import json
from pathlib import Path

import pytest

from peakproof.history import writer as writing
from peakproof.history.compressed import decompressed, is_whole
from peakproof.history.reader import History
from peakproof.history.records import Call, Effect, FaultMark
from peakproof.history.writer import HistoryWriter

EFFECT = Effect(effect_id="erp-e1", at_ns=1, system="erp", kind="sales_order_received", order_ref="A")
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
)
MARK = FaultMark(at_ns=1, injection="i1", fault="outage", mark="armed", system="erp")


def lines_of(folder: Path, name: str) -> list[dict[str, object]]:
    path = folder / name
    raw = decompressed(path) if path.suffix == ".zst" else path.read_bytes()
    return [json.loads(line) for line in raw.splitlines()]


def test_effects_and_calls_are_on_disk_when_flush_now_returns(tmp_path: Path) -> None:
    writer = HistoryWriter(tmp_path, "estate")
    writer.effect(EFFECT)
    writer.call(CALL)
    writer.fault(MARK)
    writer.flush_now()
    assert lines_of(tmp_path, "effects-estate.jsonl")[0]["effect_id"] == "erp-e1"
    assert lines_of(tmp_path, "calls-estate.jsonl")[0]["call_id"] == "erp-c1"
    assert lines_of(tmp_path, "faults-estate.jsonl") == []


def test_everything_is_on_disk_after_flush_and_nothing_is_written_twice(tmp_path: Path) -> None:
    writer = HistoryWriter(tmp_path, "estate")
    writer.fault(MARK)
    writer.flush()
    writer.flush()
    writer.close()
    writer.close()
    assert len(lines_of(tmp_path, "faults-estate.jsonl")) == 1


def test_a_field_at_its_default_is_left_out(tmp_path: Path) -> None:
    writer = HistoryWriter(tmp_path, "estate")
    writer.call(CALL)
    writer.close()
    assert "committed" not in lines_of(tmp_path, "calls-estate.jsonl")[0]


def test_a_body_is_stored_once_however_often_it_is_seen(tmp_path: Path) -> None:
    writer = HistoryWriter(tmp_path, "estate")
    names = [writer.body(b'{"a":1}'), writer.body(b'{"a":2}'), writer.body(b'{"a":1}')]
    writer.close()
    assert names[0] == names[2] != names[1]
    assert len(names[0]) == 24
    assert lines_of(tmp_path, "bodies-estate.jsonl.zst") == [
        {"hash": names[0], "text": '{"a":1}'},
        {"hash": names[1], "text": '{"a":2}'},
    ]


def test_only_the_bodies_of_late_are_remembered(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With room for two generations of two: one that comes again stays, one that was long ago is kept once more."""
    monkeypatch.setattr(writing, "REMEMBERED", 2)
    writer = HistoryWriter(tmp_path / "history", "estate")
    for text in ("a", "b", "c", "a", "d", "a", "e", "b", "a"):
        writer.body(text.encode())
    name = writer.body(b"b")
    writer.close()
    kept = "".join(str(row["text"]) for row in lines_of(tmp_path / "history", "bodies-estate.jsonl.zst"))
    assert kept == "abcdeb"
    with History.of_run(tmp_path) as history:
        assert history.body(name) == "b"


def test_bytes_that_are_no_utf8_are_kept_as_escapes(tmp_path: Path) -> None:
    writer = HistoryWriter(tmp_path, "estate")
    writer.body(b"caf\xe9")
    writer.close()
    assert lines_of(tmp_path, "bodies-estate.jsonl.zst")[0]["text"] == "caf\\xe9"


@pytest.mark.parametrize("text", ["\ud800", "a\udcffb"])
def test_a_lone_surrogate_is_written_out_rather_than_losing_the_record(tmp_path: Path, text: str) -> None:
    writer = HistoryWriter(tmp_path, "estate")
    writer.effect(Effect(effect_id="1", at_ns=1, system="erp", kind="k", data={text: [text]}))
    writer.effect(EFFECT)
    writer.close()
    escaped = text.encode("utf-8", "backslashreplace").decode()
    first, second = lines_of(tmp_path, "effects-estate.jsonl")
    assert first["data"] == {escaped: [escaped]}
    assert second["effect_id"] == "erp-e1"


def test_a_line_that_a_kill_tore_spoils_only_itself(tmp_path: Path) -> None:
    writer = HistoryWriter(tmp_path, "estate")
    writer.effect(EFFECT)
    writer.close()
    path = tmp_path / "effects-estate.jsonl"
    path.write_bytes(path.read_bytes() + b'{"effect_id":"erp-e2","at_')
    again = HistoryWriter(tmp_path, "estate")
    again.effect(EFFECT)
    again.close()
    whole, torn, after = path.read_bytes().splitlines()
    assert whole == after
    assert torn == b'{"effect_id":"erp-e2","at_'


def test_bodies_that_were_flushed_can_be_read_although_the_writer_was_killed(tmp_path: Path) -> None:
    writer = HistoryWriter(tmp_path / "history", "estate")
    names = [writer.body(b'{"a":%d}' % number) for number in range(99)]
    writer.flush()
    names.append(writer.body(b'{"a":99}'))
    writer.flush()
    writer.body(b"never flushed")
    path = tmp_path / "history" / "bodies-estate.jsonl.zst"
    assert not is_whole(path)
    with History.of_run(tmp_path) as history:
        assert [history.body(name) for name in (names[0], names[99])] == ['{"a":0}', '{"a":99}']
    path.write_bytes(path.read_bytes()[:-7])
    with History.of_run(tmp_path) as history:
        assert history.body(names[0]) == '{"a":0}'


def test_a_second_writer_does_not_spoil_the_bodies_of_the_first(tmp_path: Path) -> None:
    names = []
    for text in (b"one", b"two"):
        writer = HistoryWriter(tmp_path / "history", "estate")
        names.append(writer.body(text))
        writer.close()
    with History.of_run(tmp_path) as history:
        assert [history.body(name) for name in names] == ["one", "two"]


def test_a_file_of_another_kind_beside_the_records_is_left_alone(tmp_path: Path) -> None:
    writer = HistoryWriter(tmp_path / "history", "estate")
    name = writer.body(b"one")
    writer.close()
    (tmp_path / "history" / "bodies-estate.jsonl.gz").write_bytes(b"\x1f\x8b\x08 cut off")
    with History.of_run(tmp_path) as history:
        assert history.body(name) == "one"
