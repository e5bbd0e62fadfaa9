"""Faults of the transport, alone: no gate, no server, no clock."""

import re
from dataclasses import replace

import pytest

from peakproof.chaos.errors import ChaosError
from peakproof.chaos.fault import CallFault, ConnectionFault, Reply
from peakproof.chaos.faults.bandwidth import Bandwidth
from peakproof.chaos.faults.dribble import Dribble
from peakproof.chaos.faults.empty_reply import EmptyReply
from peakproof.chaos.faults.garbage_reply import GarbageReply
from peakproof.chaos.faults.hang_on_connect import HangOnConnect
from peakproof.chaos.faults.latency import Latency
from peakproof.chaos.faults.latency_log_normal import LatencyLogNormal
from peakproof.chaos.faults.latency_ramp import LatencyRamp
from peakproof.chaos.faults.latency_under_load import LatencyUnderLoad
from peakproof.chaos.faults.reset_on_connect import ResetOnConnect
from peakproof.chaos.faults.stale_keep_alive import StaleKeepAlive
from peakproof.chaos.faults.truncated_reply import TruncatedReply

from .stage import TRUE_REPLY, KeptLine, Stage, left

# Who connects


@pytest.mark.parametrize(
    ("fault", "seen"), [(ResetOnConnect(), ["reset"]), (HangOnConnect(), ["gone"])], ids=["reset", "hang"]
)
async def test_who_connects_is_met_before_a_byte_is_read(fault: ConnectionFault, seen: list[str]) -> None:
    line = KeptLine()
    await fault.meet(line, Stage(Latency()).context)
    assert (line.seen, line.sent) == (seen, b"")


# How a reply leaves


@pytest.mark.parametrize(
    ("fault", "answers", "seen", "sent"),
    [
        pytest.param(
            TruncatedReply(), False, ["begin", "add", "close"], TRUE_REPLY.body[:13], id="cut by FIN"
        ),
        pytest.param(TruncatedReply(0.0, "reset"), False, ["begin", "add", "reset"], b"", id="cut by RST"),
        pytest.param(
            TruncatedReply(0.5, "hang"),
            False,
            ["begin", "add", "gone", "close"],
            TRUE_REPLY.body[:13],
            id="stuck",
        ),
        pytest.param(EmptyReply(), False, ["close"], b"", id="empty"),
        pytest.param(
            GarbageReply(), False, ["write", "close"], bytes.fromhex("15030300020228"), id="TLS alert"
        ),
        pytest.param(Dribble(20), True, ["begin", "add", "last"], TRUE_REPLY.body, id="dribble"),
        pytest.param(Bandwidth(200), True, ["begin", "add", "add", "last"], TRUE_REPLY.body, id="narrow"),
        pytest.param(StaleKeepAlive(), True, ["send", "reset on next"], b"", id="reset by the next call"),
        pytest.param(StaleKeepAlive("reply"), True, ["send", "close"], b"", id="closed after the reply"),
    ],
)
async def test_a_reply_leaves_in_its_own_way_after_the_commit(
    fault: CallFault, answers: bool, seen: list[str], sent: bytes
) -> None:
    stage = Stage(fault)
    reply = await stage.call()
    assert (stage.log, replace(reply, wire=None)) == (["commit"], TRUE_REPLY)
    assert reply.wire is not None and reply.wire.answers == answers
    line = await left(reply)
    assert (line.seen, line.sent) == (seen, sent)


async def test_a_chunk_without_a_length_follows_a_proper_head() -> None:
    line = await left(await Stage(GarbageReply("chunk")).call())
    assert line.sent.startswith(b"HTTP/1.1 200 OK\r\n") and line.sent.endswith(b"\r\n\r\nnot-a-length\r\n")


async def test_of_a_reply_without_a_body_nothing_is_left_when_it_is_cut() -> None:
    line = await left(await Stage(TruncatedReply(), Reply(204, committed=True)).call())
    assert line.seen == ["close"]


async def test_a_paced_reply_without_a_body_is_complete_at_once() -> None:
    stage = Stage(Dribble(), Reply(204, committed=True))
    assert ((await left(await stage.call())).seen, stage.log) == (["begin", "last"], ["commit"])


async def test_pieces_come_one_after_the_other_and_no_more_when_the_caller_is_gone() -> None:
    stage = Stage(Dribble(bytes_at_once=10, gap_s=0.5))
    reply = await stage.call()
    assert stage.log == ["commit"]
    await left(reply)
    assert stage.log == ["commit", "wait 0.5", "wait 0.5", "wait 0.5"]
    line = await left(reply, KeptLine(closes_after=1))
    assert (line.seen, line.sent) == (["begin", "add"], TRUE_REPLY.body[:10])


async def test_a_narrow_line_takes_size_by_width() -> None:
    stage = Stage(Bandwidth(bytes_per_s=100), Reply(200, b"x" * 50))
    await left(await stage.call())
    assert sum(float(line.split()[1]) for line in stage.log[1:]) == pytest.approx(0.5)
    slow = Stage(Bandwidth(bytes_per_s=0.5), Reply(200, b"xy"))
    await left(await slow.call())
    assert slow.log == ["commit", "wait 2", "wait 2"]


@pytest.mark.parametrize("fault", [EmptyReply("before"), GarbageReply(when="before")])
async def test_before_the_commit_nothing_is_done(fault: CallFault) -> None:
    stage = Stage(fault)
    reply = await stage.call()
    assert (stage.log, reply.committed, reply.refused_by) == ([], False, "fault")
    assert reply.wire is not None and not reply.wire.answers


# How long it takes


@pytest.mark.parametrize(
    "fault",
    [
        Latency(1, when="after"),
        LatencyLogNormal(when="after", max_s=0.5),
        LatencyRamp(1, 2, when="after"),
        LatencyUnderLoad(when="after"),
    ],
)
async def test_every_latency_can_come_after_the_commit(fault: CallFault) -> None:
    stage = Stage(fault)
    assert await stage.call() is TRUE_REPLY
    assert stage.log[0] == "commit" and stage.log[1].startswith("wait ")
    before = Stage(replace(fault, when="before"))  # type: ignore[type-var]  # each is a dataclass
    assert await before.call() is TRUE_REPLY
    assert before.log == stage.log[::-1]


async def test_half_of_all_waits_are_below_the_median_and_a_few_far_above() -> None:
    stage = Stage(LatencyLogNormal(median_s=1.0, sigma=1.0, max_s=15.0))
    for number in range(1_000):
        await stage.call(subject=f"web-{number:06d}")
    waits_s = sorted(float(line.split()[1]) for line in stage.log if line != "commit")
    assert 0.9 < waits_s[500] < 1.1
    assert 8 < waits_s[990] <= waits_s[-1] == 15.0


async def test_the_same_attempt_of_a_call_always_waits_as_long() -> None:
    first, second = Stage(LatencyLogNormal()), Stage(LatencyLogNormal())
    await first.call(attempt=1)
    await second.call(attempt=2)
    await second.call(attempt=1)
    assert first.log == second.log[2:] != second.log[:2]


async def test_a_ramp_grows_from_arming_and_then_stays() -> None:
    stage = Stage(LatencyRamp(from_s=1, to_s=5, over_s=40))
    for passed_s in (0, 10, 40, 400):
        stage.now_s = 1_000 + passed_s
        await stage.call()
    assert stage.log[::2] == ["wait 1", "wait 2", "wait 5", "wait 5"]


async def test_load_makes_waits_grow_and_its_end_makes_them_fall() -> None:
    stage = Stage(LatencyUnderLoad(per_call_s=0.1, free_calls=1, max_s=0.15))
    held = [stage.call() for _ in range(4)]
    for one in held:
        with pytest.raises(StopIteration):
            one.send(None)
    assert stage.log == ["wait 0", "commit"] * 4
    stage.log.clear()
    stage.context.memory["under way"] = 2
    await stage.call()
    stage.context.memory["under way"] = 9
    await stage.call()
    assert stage.log[::2] == ["wait 0.1", "wait 0.15"]
    assert stage.context.memory["under way"] == 9


# What cannot be


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: TruncatedReply(1.0), "kept must be at least 0 and below 1, got 1.0"),
        (lambda: TruncatedReply(float("nan")), "kept must be at least 0 and below 1, got nan"),
        (lambda: TruncatedReply(end="fin"), "end must be close, reset or hang, got 'fin'"),  # type: ignore[arg-type]
        (lambda: EmptyReply("in"), "when must be before or after, got 'in'"),  # type: ignore[arg-type]
        (lambda: GarbageReply("noise"), "what must be tls or chunk, got 'noise'"),  # type: ignore[arg-type]
        (lambda: Dribble(0), "bytes_at_once must be at least 1, got 0"),
        (lambda: Dribble(gap_s=0), "gap_s must be above 0, got 0"),
        (lambda: Bandwidth(0), "bytes_per_s must be above 0, got 0"),
        (lambda: StaleKeepAlive("soon"), "at must be next-call or reply, got 'soon'"),  # type: ignore[arg-type]
        (lambda: LatencyLogNormal(sigma=0), "sigma must be above 0, got 0"),
        (lambda: LatencyLogNormal(2.0, max_s=1.0), "max_s must be at least 2, got 1.0"),
        (lambda: LatencyRamp(1, 1), "from_s and to_s are both 1: that is no ramp; take the fault latency"),
        (lambda: LatencyRamp(over_s=0), "over_s must be above 0, got 0"),
        (lambda: LatencyUnderLoad(free_calls=-1), "free_calls must be at least 0, got -1"),
        (lambda: LatencyUnderLoad(per_call_s=0), "per_call_s must be above 0, got 0"),
    ],
)
def test_impossible_settings_are_refused(make: type, message: str) -> None:
    with pytest.raises(ChaosError, match=f"^{re.escape(message)}$"):
        make()
