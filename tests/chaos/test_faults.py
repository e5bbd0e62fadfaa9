"""What each fault does, alone: no gate, no server, no clock."""

import json
import re

import pytest

from peakproof.chaos.dice import Dice
from peakproof.chaos.fault import Call, FaultContext, Outgoing, Reply
from peakproof.chaos.faults.drop_delivery import DropDelivery
from peakproof.chaos.faults.duplicate_delivery import DuplicateDelivery
from peakproof.chaos.faults.latency import Latency
from peakproof.chaos.faults.lost_reply import LostReply
from peakproof.chaos.faults.outage import Outage
from peakproof.chaos.faults.rejected_later import RejectedLater
from peakproof.chaos.faults.reorder_delivery import ReorderDelivery
from peakproof.chaos.faults.server_error import ServerError
from peakproof.chaos.faults.throttle_cut import ThrottleCut
from peakproof.chaos.wire import Hang, Reset

from .stage import KeptLine

CALL = Call(
    call_id="erp-1",
    system="erp",
    operation="create_sales_order",
    subject="web-000001",
    attempt=1,
    method="POST",
    path="/v1/sales-orders",
    headers={},
    body=b"{}",
    at_ns=0,
    changes=True,
)
EVENT = Outgoing("erp", "sales_order.posted", "erp-evt-1", "web-000001", attempt=1, body=b"{}")


class Ledger:
    """Commits whatever reaches it."""

    def __init__(self) -> None:
        self.commits = 0
        self.slept_s: list[float] = []
        self.context = FaultContext(sleep=self._sleep, dice=Dice(7), now=lambda: 0)

    async def _sleep(self, seconds: float) -> None:
        assert self.commits == 0
        self.slept_s.append(seconds)

    async def __call__(self, call: Call) -> Reply:
        self.commits += 1
        return Reply(status=201, body=b'{"id": "SO-1"}', committed=True)


async def felt(reply: Reply) -> list[str]:
    line = KeptLine()
    assert reply.wire is not None
    assert not reply.wire.answers
    await reply.wire.leave(reply, line)
    return line.seen


async def test_an_outage_commits_nothing_and_resets_the_connection() -> None:
    ledger = Ledger()
    reply = await Outage().apply(CALL, ledger, ledger.context)
    assert (ledger.commits, reply.committed, reply.refused_by) == (0, False, "fault")
    assert await felt(reply) == ["reset"]


async def test_latency_waits_before_the_commit() -> None:
    ledger = Ledger()
    reply = await Latency(seconds=2.5).apply(CALL, ledger, ledger.context)
    assert (ledger.slept_s, ledger.commits, reply.status) == ([2.5], 1, 201)


async def test_jitter_is_the_same_for_the_same_call() -> None:
    first, second = Ledger(), Ledger()
    for ledger in (first, second):
        await Latency(seconds=1, jitter_s=1).apply(CALL, ledger, ledger.context)
    assert first.slept_s == second.slept_s
    assert 1 < first.slept_s[0] < 2


@pytest.mark.parametrize("status", [500, 502, 503, 504])
async def test_a_server_error_is_a_problem_document_and_commits_nothing(status: int) -> None:
    ledger = Ledger()
    reply = await ServerError(status).apply(CALL, ledger, ledger.context)
    assert (ledger.commits, reply.committed, reply.status, reply.wire) == (0, False, status, None)
    assert json.loads(reply.body)["status"] == status
    assert reply.headers == [("content-type", "application/problem+json")]


@pytest.mark.parametrize(
    ("fault", "seen"), [(LostReply(), ["reset"]), (LostReply("hang"), ["gone", "close"])]
)
async def test_a_lost_reply_comes_after_the_commit(fault: LostReply, seen: list[str]) -> None:
    ledger = Ledger()
    reply = await fault.apply(CALL, ledger, ledger.context)
    assert (ledger.commits, reply.committed, reply.status) == (1, True, 201)
    assert await felt(reply) == seen


def test_duplicates_keep_the_id_and_leave_one_after_the_other() -> None:
    left = DuplicateDelivery(copies=3, gap_s=0.5).apply(EVENT, Ledger().context)
    assert [(one.event_id, one.copy, one.wait_s) for one in left] == [
        ("erp-evt-1", 0, 0.0),
        ("erp-evt-1", 1, 0.5),
        ("erp-evt-1", 2, 1.0),
    ]


def test_a_reordered_delivery_waits() -> None:
    assert [one.wait_s for one in ReorderDelivery(delay_s=1.5).apply(EVENT, Ledger().context)] == [1.5]


def test_a_dropped_delivery_is_kept_for_the_record() -> None:
    assert [one.dropped for one in DropDelivery().apply(EVENT, Ledger().context)] == [True]


def test_a_late_rejection_gives_its_reason() -> None:
    decision = RejectedLater("period_closed", permanent=True).decision("web-000001", Ledger().context)
    assert decision == {"reason": "period_closed", "permanent": True}


async def test_reset_and_hang_never_send_a_byte() -> None:
    for wire in (Reset(), Hang()):
        line = KeptLine()
        await wire.leave(Reply(status=200), line)
        assert not {"send", "write"} & set(line.seen)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Latency(seconds=-1), "seconds must be at least 0, got -1"),
        (lambda: Latency(seconds=float("inf")), "seconds must be at least 0, got inf"),
        (lambda: Latency(jitter_s=float("nan")), "jitter_s must be at least 0, got nan"),
        (lambda: Latency(0, 0), "seconds and jitter_s are both 0: that is no latency; set one above 0"),
        (lambda: ServerError(404), "status must be one of 500, 502, 503, 504, got 404"),
        (lambda: LostReply("fin"), "how must be reset or hang, got 'fin'"),  # type: ignore[arg-type] # on purpose
        (lambda: DuplicateDelivery(copies=1), "copies must be from 2 to 100, got 1"),
        (lambda: DuplicateDelivery(gap_s=-0.1), "gap_s must be at least 0, got -0.1"),
        (lambda: ReorderDelivery(0), "delay_s must be above 0, got 0"),
        (lambda: ThrottleCut(0), "factor must be above 0 and below 1, got 0"),
        (lambda: RejectedLater(""), "reason must not be empty, got ''"),
    ],
)
def test_impossible_settings_are_refused(make: type, message: str) -> None:
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        make()
