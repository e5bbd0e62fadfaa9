"""The workers of a master: who is taken, who is refused and why, and what is said when one is lost."""

from dataclasses import dataclass, field
from functools import cache

import msgspec
import pytest

from peakproof.history.records import WorkloadItem
from peakproof.loadtests.generator.crew import SILENT_S, Crew
from peakproof.loadtests.generator.job import Act, Creed, Cue, Distribution, Job, Status, acts_of
from peakproof.loadtests.generator.muster import proof
from peakproof.loadtests.generator.sharding import digest
from peakproof.loadtests.generator.wire import (
    AskTime,
    Challenge,
    Farewell,
    FromMaster,
    Hello,
    Progress,
    Proof,
    Ready,
    Refusal,
    Samples,
    Shard,
    Time,
    from_master,
    from_worker,
    packed,
)
from peakproof.loadtests.profile import Profile
from peakproof.loadtests.shoppers import plan
from peakproof.loadtests.trace import Trace

OURS = Creed("0.1.0", "soak", 7)
TOKEN = "nobody-could-ever-guess-this-one"
START_NS = 1_000_000_000_000


@cache
def acts() -> list[Act]:
    return acts_of(plan(Trace.shipped(1), Profile.shipped("soak"), duration_s=10, seed=1, volume=0.1))


@dataclass
class Master:
    """A crew with a clock that stands still, and all that it said and wrote down."""

    now_ns: int = START_NS
    sent: dict[str, list[FromMaster]] = field(default_factory=dict)
    kept: list[tuple[int, WorkloadItem]] = field(default_factory=list)

    def __post_init__(self) -> None:
        job = Job(
            folder="/nowhere",
            seed=7,
            duration_s=10,
            channels={},
            acts=acts(),
            shape=[(0, 1), (10, 1)],
            skus=[],
            ui_port=8089,
            distribution=Distribution(
                creed=OURS, host="127.0.0.1", port=0, workers=2, token=TOKEN, wait_s=60
            ),
        )
        self.crew = Crew(
            job,
            lambda: self.now_ns,  # type: ignore[arg-type]  # a clock that does not run
            lambda node, message: self.sent.setdefault(node, []).append(message),
            lambda index, items: self.kept.extend((index, item) for item in items),
        )

    def comes(self, node: str, creed: Creed = OURS, token: str = TOKEN) -> FromMaster | None:
        """A worker comes; what it was told last."""
        self.crew.hear(node, Hello(creed, "shop-2", 40 + len(self.sent), "n"))
        last = self.sent[node][-1]
        if isinstance(last, Challenge):
            self.crew.hear(node, Proof(proof(token, "worker", "n", last.nonce)))
        return self.sent[node][-1]

    def is_ready(self, node: str) -> None:
        shard = self.sent[node][-1]
        assert isinstance(shard, Shard)
        self.crew.hear(node, Ready(digest(shard.job.acts), 0, 100))

    def begins(self) -> None:
        for node in ("a", "b"):
            self.comes(node)
        for node in ("a", "b"):
            self.is_ready(node)
        self.crew.status()
        self.crew.obey(Cue("go", at_ns=self.now_ns))

    def passes(self, seconds: float) -> None:
        self.now_ns += round(seconds * 1e9)
        self.crew.look()


@pytest.fixture
def master() -> Master:
    return Master()


def test_when_all_are_there_each_gets_its_part_and_nothing_that_is_the_masters_own(master: Master) -> None:
    assert isinstance(master.comes("a"), Challenge), "taken, and told nothing before the other is there"
    assert not master.crew.is_ready
    master.comes("b")
    parts = [message for node in ("a", "b") for message in master.sent[node] if isinstance(message, Shard)]
    assert [part.job.part for part in parts] == [1, 2]
    assert sorted(act.number for part in parts for act in part.job.acts) == [act.number for act in acts()]
    for part in parts:
        assert (part.job.folder, part.job.distribution, part.job.ui_port) == ("", None, None)
    master.is_ready("a")
    assert not master.crew.status().is_ready
    master.is_ready("b")
    assert master.crew.status().is_ready


def test_the_master_shows_that_it_has_the_token_and_never_sends_it(master: Master) -> None:
    master.comes("a")
    (challenge,) = master.sent["a"]
    assert isinstance(challenge, Challenge)
    assert challenge.proof == proof(TOKEN, "master", "n", challenge.nonce)
    assert challenge.proof != proof(TOKEN, "worker", "n", challenge.nonce), (
        "it cannot be sent back as one's own"
    )
    master.comes("b")
    assert TOKEN not in str([packed(message) for said in master.sent.values() for message in said])


@pytest.mark.parametrize(
    ("creed", "token", "why"),
    [
        pytest.param(
            Creed("0.2.0", "soak", 7),
            TOKEN,
            "it is peakproof 0.2.0 and the master 0.1.0; have the same version on both machines",
            id="another version",
        ),
        pytest.param(
            Creed("0.1.0", "soak", 8),
            TOKEN,
            "it was started with --seed 8 and this run has 7; give both the same",
            id="another seed",
        ),
        pytest.param(
            Creed("0.1.0", "flash-sale", 7),
            TOKEN,
            "it was started for the profile 'flash-sale' and this run is 'soak'",
            id="another profile",
        ),
        pytest.param(
            OURS,
            "some-other-token-that-is-long-too",
            "it has another token; give both sides the same PEAKPROOF_LOAD_TOKEN",
            id="another token",
        ),
    ],
)
def test_who_does_not_belong_here_is_refused_in_one_line_on_both_sides(
    master: Master, creed: Creed, token: str, why: str
) -> None:
    assert master.comes("x", creed, token) == Refusal(why)
    (news,) = master.crew.status().news
    assert news == f"a worker (shop-2, process 40) was refused: {why}"
    assert master.crew.status().news == (), "it is said once"
    master.begins()
    assert master.crew.is_ready, "the two that belong here are taken all the same"


def test_one_too_many_and_one_too_late_are_refused(master: Master) -> None:
    master.comes("a")
    master.comes("b")
    assert master.comes("c") == Refusal("all 2 workers are there already; say --workers 3 at the master")
    late = Master()
    late.begins()
    assert late.comes("c") == Refusal("the run is already under way")


def test_a_message_of_something_else_is_answered_with_what_is_missing(master: Master) -> None:
    master.crew.hear_nonsense("x")
    (said,) = master.sent["x"]
    assert said == Refusal(
        "it speaks otherwise than a worker of peakproof 0.1.0; have peakproof 0.1.0 on both machines"
    )


def test_who_reads_another_plan_than_was_sent_to_it_ends_it_for_all(master: Master) -> None:
    master.comes("a")
    master.comes("b")
    master.crew.hear("a", Ready("0123456789abcdef", 0, 100))
    assert master.crew.ended is not None
    assert master.crew.ended.startswith(
        "worker 1 (shop-2, process 40) reads another plan than was sent to it (digest 0123456789abcdef, not "
    )
    assert all(isinstance(master.sent[node][-1], Refusal) for node in ("a", "b"))
    assert master.crew.status().error == master.crew.ended


def test_workers_that_never_come_are_not_waited_for_for_ever(master: Master) -> None:
    master.passes(59)
    assert master.crew.ended is None
    master.comes("a")
    master.passes(2)
    assert master.crew.ended == (
        "only 1 of 2 workers came (with this profile, seed and token, and able to reach us) within 60 s"
    )
    nobody = Master()
    nobody.passes(61)
    assert str(nobody.crew.ended).startswith("no worker came (")
    slow = Master()
    slow.comes("a")
    slow.comes("b")
    slow.is_ready("a")
    for _ in range(61):
        slow.passes(1)
        slow.crew.hear("a", AskTime())
        slow.crew.hear("b", AskTime())
    assert slow.crew.ended == "worker 2 (shop-2, process 41) did not read its part of the plan within 60 s"


def test_how_it_goes_is_that_of_all_together(master: Master) -> None:
    master.begins()
    master.crew.hear("a", Progress(Status(placed=3, sent=5, under_way=2, last_act_ns=10, cpu_s=1.5)))
    master.crew.hear(
        "b", Progress(Status(placed=4, sent=4, under_way=1, last_act_ns=20, cpu_s=0.5, error="Oh: no"))
    )
    found = master.crew.status()
    assert (found.placed, found.sent, found.under_way, found.last_act_ns) == (7, 9, 3, 20)
    assert (found.cpu_s, found.workers) == (2.0, 2)
    assert found.error == "worker 2 (shop-2, process 41): Oh: no"


def test_what_a_worker_did_is_kept_under_its_number_and_a_strangers_is_not(master: Master) -> None:
    master.begins()
    did = WorkloadItem(at_ns=5, kind="order", order_ref="A")
    master.crew.hear("b", Samples([did]))
    master.crew.hear("x", Samples([did]))
    assert master.kept == [(1, did)]


def test_a_wishs_moment_is_told_to_whoever_placed_the_order_and_only_there(master: Master) -> None:
    master.begins()
    number = next(act.number for act in acts() if act.kind == "return_request")
    master.crew.obey(Cue("now", number=number))
    told = [node for node in ("a", "b") if Cue("now", number=number) in master.sent[node]]
    (shard,) = [message for message in master.sent[told[0]] if isinstance(message, Shard)]
    assert len(told) == 1
    assert number in {act.number for act in shard.job.acts}


@pytest.mark.parametrize(("how", "why"), [("silence", f"nothing was heard of it for {SILENT_S:g} s"), ("end", "its process ended"), ("leave", "it left")])  # fmt: skip
def test_a_worker_lost_in_mid_run_is_said_with_when_and_what_it_did_not_send(
    master: Master, how: str, why: str
) -> None:
    master.begins()
    master.crew.hear("a", Progress(Status(placed=1, sent=2, under_way=1)))
    if how == "silence":
        for _ in range(3):
            master.passes(SILENT_S / 2)
            master.crew.hear("b", AskTime())
    elif how == "end":
        master.passes(5)
        master.crew.obey(Cue("gone", number=40))
    else:
        master.crew.hear("a", Farewell(Status(placed=1, sent=2)))
    found = master.crew.status()
    (line,) = found.lost
    assert line.startswith("worker 1 (shop-2, process 40) was lost ")
    assert why in line
    orders = sum(
        act.kind == "order"
        for shard in master.sent["a"]
        if isinstance(shard, Shard)
        for act in shard.job.acts
    )
    assert line.endswith(f"{orders - 2} of its {orders} orders had not been sent")
    assert found.news == (line,)
    assert found.under_way == 0, "nothing of it will ever end"
    assert found.sent == 2
    assert master.crew.ended is None, "the run goes on"


def test_one_that_is_lost_before_the_run_leaves_no_run(master: Master) -> None:
    master.comes("a")
    master.comes("b")
    master.crew.obey(Cue("gone", number=41))
    assert (
        master.crew.ended == "worker 2 (shop-2, process 41) was lost before the run began: its process ended"
    )


def test_after_the_end_a_farewell_is_no_loss(master: Master) -> None:
    master.begins()
    master.crew.obey(Cue("stop"))
    for node in ("a", "b"):
        assert not master.crew.all_have_left
        master.crew.hear(node, Farewell(Status(sent=3)))
    assert master.crew.all_have_left
    assert master.crew.status().lost == ()
    assert master.crew.status().sent == 6


def test_a_worker_learns_the_masters_time(master: Master) -> None:
    master.begins()
    master.crew.hear("a", AskTime())
    assert master.sent["a"][-1] == Time(START_NS)


def test_a_clock_that_is_off_is_said_once_and_stays_on_record(master: Master) -> None:
    master.comes("a")
    master.comes("b")
    master.crew.status()
    shard = master.sent["a"][-1]
    assert isinstance(shard, Shard)
    master.crew.hear("a", Ready(digest(shard.job.acts), -2_500_000, 400_000))
    master.is_ready("b")
    found = master.crew.status()
    assert found.news == (
        "the clock of worker 1 (shop-2, process 40) is +2.500 ms from ours (± 0.400 ms): its times are put right",
    )
    assert [(clock.off_ns, clock.uncertainty_ns) for clock in found.clocks] == [
        (2_500_000, 400_000),
        (0, 100),
    ]
    assert master.crew.status().news == ()


def test_what_is_said_is_heard_as_it_was_said() -> None:
    for said in (Hello(OURS, "h", 1, "n"), Proof("p"), AskTime(), Ready("d", 0, 1), Farewell(Status(sent=2))):
        assert from_worker(packed(said)) == said
    for told in (Challenge("n", "p"), Refusal("why"), Time(3), Cue("now", number=4)):
        assert from_master(packed(told)) == told
    for nonsense in (None, {}, {"said": b"{}"}, {"said": b"\xff"}, {"said": 3}, b"said"):
        with pytest.raises(ValueError, match="this is no message of peakproof"):
            from_worker(nonsense)


def test_a_cue_is_read_with_and_without_its_tag() -> None:
    assert msgspec.json.decode(msgspec.json.encode(Cue("stop")), type=Cue) == Cue("stop")
