"""Whether a run has earned a verdict: each check is a reason against it, in words, or nothing."""

from collections.abc import Iterator, Mapping
from typing import Any

from ..history.reader import History
from .render.wording import counted
from .result import Concern, InjectionResult, Validity

MOST_LATE_S = 1.0
"""The load generator kept its schedule when 99 of 100 things happened at most this late."""

LATE_UNDER_LOAD_S, LAG_UNDER_LOAD_S = 0.1, 0.1
"""Of a run under load: so late may 1 in 100 acts of the generator, or turns of the estate's loop, be at most; beyond that
its latencies are its own and not the middleware's."""

HISTORY: Concern = "history"
DAMAGE_NAMED = 10
"""So many damaged files are named."""

FLOOD_WINDOW_S, FLOOD_PER_S = 5, 200
"""Whoever makes so many calls of one kind a second while the systems should settle is named."""

TRIGGERS = {
    "order-to-erp": "order_placed",
    "order-to-ship": "order_placed",
    "stock-sync": "stock_moved",
    "cancel": "cancellation_requested",
    "return-to-refund": "return_requested",
    "price-publish": "price_set",
}
"""The kind of effect that sets each flow going."""

OUTCOMES = {
    "order-to-erp": ("no sales order was posted", ("sales_order_posted",)),
    "order-to-ship": ("no shipment was confirmed", ("shipment_confirmed",)),
    "stock-sync": (
        "no stock was set in the OMS and no availability listed",
        ("stock_set", "availability_listed"),
    ),
    "cancel": (
        "no request to cancel was decided",
        ("cancellation_accepted", "cancellation_declined", "cancellation_closed"),
    ),
    "return-to-refund": ("no refund was paid or confirmed", ("payment_refunded", "refund_confirmed")),
    "price-publish": ("no price was listed", ("price_listed",)),
}
"""What the system under test must have brought about at least once in each flow; and how to say that it has not."""


def check(history: History, injections: tuple[InjectionResult, ...]) -> Validity:
    """Every reason why this run proves nothing, in the order in which to look at them.

    Of a damaged record nothing counts but that: not even findings say anything, nor whether the run could be made. Of a run
    that could not be made there is only one; of one that lost a part of its estate as well, for whatever was left
    undone there, the system under test could not do.
    """
    if history.damage:
        reasons = tuple(_damaged(history.damage))
        return Validity(reasons, about=tuple(HISTORY for _ in reasons), void=True)
    failed = history.run.get("failed")
    if failed:
        return Validity((f"the run could not be made: {failed}",), about=("run",))
    lost = history.run.get("systems_lost")
    if isinstance(lost, list) and lost:
        return Validity((f"a part of the estate is missing: {lost[0]}",), about=("estate",), void=True)
    checks: tuple[tuple[Concern, Iterator[str]], ...] = (
        ("run", _finished(history.run)),
        ("early", _to_its_end(history.run)),
        ("sut", _sut_alive(history.run)),
        ("peakproof", _estate_sound(history.run)),
        ("workers", _workers_lost(history.run)),
        ("generator", _schedule_kept(history)),
        ("workload", _all_sent(history.run)),
        ("workload", _references_unique(history)),
        ("generator", _generator_limit(history)),
        ("estate", _estate_limit(history.run)),
        ("flow", _flows_exercised(history)),
        ("fault", _faults_fired(injections)),
        ("scenario", _exercised(injections)),
        ("replay", _replayed(history.run)),
        ("scenario", _parked_something(history.run)),
        ("settling", _settled(history)),
        ("history", _readable(history)),
    )
    found: dict[str, Concern] = {}
    for concern, said in checks:
        for reason in said:
            found.setdefault(reason, concern)
    return Validity(tuple(found), tuple(_at_limit(history)), about=tuple(found.values()))


def _at_limit(history: History) -> Iterator[str]:
    """Who could do no more, of those that a run under load has: the reasons say how that was seen."""
    run = history.run
    if not isinstance(run.get("load"), Mapping):
        return
    died = any(_sut_alive(run))
    early = died or bool(run.get("ended_early"))  # then what was not sent was no longer wanted
    late_s = _acts_late_s(history)
    if (late_s is not None and late_s > LATE_UNDER_LOAD_S) or (run.get("unsent") and not early):
        yield "generator"
    if (_of(run["load"], "estate", "loop_lag_p99_s") or 0.0) > LAG_UNDER_LOAD_S:
        yield "estate"
    if died or (not early and run.get("settled") is not True):
        yield "sut"


def _damaged(damage: list[str]) -> Iterator[str]:
    for one in damage[:DAMAGE_NAMED]:
        yield f"the record is damaged: {one}"
    if len(damage) > DAMAGE_NAMED:
        yield f"the record is damaged in {counted(len(damage) - DAMAGE_NAMED, 'more file')}"


def _finished(run: Any) -> Iterator[str]:
    if not run:
        yield "there is no run.json: nothing says what was run"
    elif not run.get("finished_at"):
        yield "the run was cut off: it has no end"


def _to_its_end(run: Any) -> Iterator[str]:
    if run.get("finished_at") and run.get("ended_early"):
        yield f"the run ended early: {run['ended_early']}"


def _sut_alive(run: Any) -> Iterator[str]:
    sut = run.get("sut") or {}
    if sut.get("death"):
        yield str(sut["death"])
    elif sut.get("exit") is not None:
        yield f"the system under test ended during the run with exit code {sut['exit']}"


def _estate_sound(run: Any) -> Iterator[str]:
    errors = run.get("errors") or ()
    if errors:
        yield f"peakproof itself failed ({counted(len(errors), 'error')}), first: {errors[0]}"


def _workers_lost(run: Any) -> Iterator[str]:
    """Under load spread over several generators."""
    load = run.get("load")
    for line in (load.get("workers_lost") or ()) if isinstance(load, Mapping) else ():
        yield f"load {line}"


def _schedule_kept(history: History) -> Iterator[str]:
    late_s = history.one(
        "SELECT quantile_cont((at_ns - due_ns) / 1e9, 0.99) FROM workload WHERE due_ns IS NOT NULL AND kind <> 'phase'"
    )
    if late_s is not None and late_s > MOST_LATE_S:
        yield f"the load generator fell behind: 1 in 100 things came {late_s:.1f} s late or more{_beyond(history)}"
        yield from _flood(history)


def _all_sent(run: Any) -> Iterator[str]:
    unsent = run.get("unsent") or 0
    unsent = unsent if isinstance(unsent, int) else len(unsent)
    if unsent:
        yield f"{counted(unsent, 'order')} of the workload {'was' if unsent == 1 else 'were'} never placed"


def _references_unique(history: History) -> Iterator[str]:
    """An order reference is unique over all channels: of two orders under one, no system could tell which is meant."""
    twice = history.rows(
        "SELECT order_ref, string_agg(system, ' and ' ORDER BY at_ns) AS channels, count(*) OVER () AS several "
        "FROM effects WHERE kind = 'order_placed' GROUP BY order_ref HAVING count(*) > 1 ORDER BY order_ref LIMIT 1"
    )
    for row in twice:
        more = f"; so were {row['several'] - 1} more" if row["several"] > 1 else ""
        yield (
            f"order {row['order_ref']} was placed on {row['channels']}: give each order of the workload a reference "
            f"of its own{more}"
        )


def _generator_limit(history: History) -> Iterator[str]:
    """Under load: whether the generator was the limit, and not the system under test."""
    load = history.run.get("load")
    if not isinstance(load, Mapping):
        return
    late_s = _acts_late_s(history)
    if late_s is not None and LATE_UNDER_LOAD_S < late_s <= MOST_LATE_S:
        cpu = _percent(load, "generator")
        yield (
            f"the load generator was the limit: 1 in 100 acts came {late_s * 1e3:.0f} ms late or more{cpu}"
            f"{_beyond(history)}"
        )


def _estate_limit(run: Any) -> Iterator[str]:
    """The same of the estate."""
    load = run.get("load")
    if not isinstance(load, Mapping):
        return
    lag_s = _of(load, "estate", "loop_lag_p99_s")
    if lag_s is not None and lag_s > LAG_UNDER_LOAD_S:
        cpu = _percent(load, "estate")
        slowest = load["estate"].get("slowest")
        whose = f"{slowest}'s" if isinstance(slowest, str) else "its"
        help_ = "a larger machine" if isinstance(slowest, str) else "a larger machine, or --processes"
        yield (
            f"the estate was the limit: 1 in 100 turns of {whose} loop came {lag_s * 1e3:.0f} ms late or more{cpu}; "
            f"take a lower peak or {help_}"
        )


def _beyond(history: History) -> str:
    """Of a run under load whose generator was late: what it did at most, and what helps."""
    load = history.run.get("load")
    rates = history.rows(
        "SELECT max(count(*)) OVER () AS most, 'sent' AS what FROM workload "
        "WHERE due_ns IS NOT NULL AND replied_ns IS NOT NULL GROUP BY at_ns // 1000000000 "
        "UNION SELECT max(count(*)) OVER (), 'due' FROM workload "
        "WHERE due_ns IS NOT NULL AND replied_ns IS NOT NULL GROUP BY due_ns // 1000000000"
    )
    if not isinstance(load, Mapping) or not rates:
        return ""
    most = {row["what"]: row["most"] for row in rates}
    workers = load.get("workers")
    more = workers + 1 if isinstance(workers, int) else 2
    if most["sent"] >= most["due"]:
        return (
            f"; it could send the {most['due']:,} a second that were due, so that something held it up: "
            "keep a processor free for it"
        )
    return (
        f"; it sent at most {most['sent']:,} a second where up to {most['due']:,} were due: take a lower peak, spread it "
        f"with --workers {more} if processors are free, or over other machines with --master"
    )


def _acts_late_s(history: History) -> float | None:
    """How late 1 in 100 acts of the generator came, or later."""
    late_s: float | None = history.one(
        "SELECT quantile_cont((at_ns - due_ns) / 1e9, 0.99) FROM workload WHERE due_ns IS NOT NULL AND replied_ns IS NOT NULL"
    )
    return late_s


def _of(load: Mapping[str, Any], who: str, what: str) -> float | None:
    part = load.get(who)
    value = part.get(what) if isinstance(part, Mapping) else None
    return float(value) if isinstance(value, int | float) else None


def _percent(load: Mapping[str, Any], who: str) -> str:
    cpu, machine = _of(load, who, "cpu_p95"), _of(load, "machine", "cpu_p95")
    if cpu is None:
        return ""
    shared = "" if machine is None else f" and {machine:.0%} of this machine's"
    return f", with {cpu:.0%} of a processor in use{shared}"


def _flows_exercised(history: History) -> Iterator[str]:
    """Shoppers and the back office set each flow going, and the system under test carried it out at least once.

    What stand-ins did is not its doing. Of a replay of single orders no outcome is asked: one order takes one way.
    """
    kinds = _kinds(history, "actor IS DISTINCT FROM 'before-run'")
    done = _kinds(history, "actor IS NULL")
    is_replay = _is_replay(history.run)
    for (flow,) in history.connection.execute("SELECT flow FROM judged_flows ORDER BY flow").fetchall():
        trigger = TRIGGERS.get(flow)
        if trigger is not None and trigger not in kinds:
            yield f"the flow {flow} was never exercised: nothing like {trigger} happened"
        elif flow in OUTCOMES and not is_replay:
            complaint, outcomes = OUTCOMES[flow]
            if done.isdisjoint(outcomes):
                yield f"the flow {flow} was never carried out by the system under test: {complaint}"


def _is_replay(run: Any) -> bool:
    scenario = run.get("scenario")
    workload = scenario.get("workload") if isinstance(scenario, dict) else None
    return isinstance(workload, dict) and bool(workload.get("only"))


def _kinds(history: History, condition: str) -> set[str]:
    """The kinds of the effects that meet a condition."""
    rows = history.connection.execute(f"SELECT DISTINCT kind FROM effects WHERE {condition}").fetchall()
    return {str(kind) for (kind,) in rows}


def _faults_fired(injections: tuple[InjectionResult, ...]) -> Iterator[str]:
    """Planned ones only: one that was tried by hand promised nothing."""
    for injection in injections:
        if not injection.fired and not injection.by_hand and injection.left_out is None:
            how = "never fired" if injection.armed else "was never armed"
            why = f": {injection.missed}" if injection.missed else ""
            yield f"injection {injection.id} ({injection.fault} on {injection.where}) {how}{why}"


def _exercised(injections: tuple[InjectionResult, ...]) -> Iterator[str]:
    """A scenario proves what it is about only where one of its faults was there to be met."""
    planned = [one for one in injections if not one.by_hand]
    if (
        planned
        and all(one.left_out is not None for one in planned)
        and not any(one.fired for one in injections)
    ):
        why = "; ".join(f"{one.id} ({one.left_out})" for one in planned)
        yield f"not exercised: every fault of the scenario was left out: {why}"


def _replayed(run: Any) -> Iterator[str]:
    """A scenario that has parked orders tried again proves something only where there were some."""
    scenario = run.get("scenario")
    if not (isinstance(scenario, dict) and scenario.get("replay_parked")) or run.get("replayed"):
        return
    if parked := run.get("parked_then"):
        yield f"nothing was replayed: of {counted(parked, 'parked order')} the system under test took none (replay_url)"


def _parked_something(run: Any) -> Iterator[str]:
    """To wait instead of parking is as right, and leaves nothing to replay."""
    scenario = run.get("scenario")
    if (
        isinstance(scenario, dict)
        and scenario.get("replay_parked")
        and not (run.get("parked_then") or run.get("replayed"))
    ):
        yield "not exercised: nothing was replayed, for the system under test had parked no order (exceptions_url)"


def _settled(history: History) -> Iterator[str]:
    run = history.run
    if run and run.get("settled") is not True:
        yield f"not settled: {run.get('settle_reason') or 'the run ended before the systems were quiet'}"
        if run.get("finished_at"):
            yield from _flood(history)


def _flood(history: History) -> Iterator[str]:
    """Who calls too much to let anything else come about, or settle."""
    rows = history.rows(
        "SELECT client, system, operation, count(*) AS calls FROM calls "
        "WHERE at_ns > (SELECT max(at_ns) FROM calls) - $1::BIGINT * 1000000000 "
        "GROUP BY ALL ORDER BY calls DESC, system, operation LIMIT 1",
        [FLOOD_WINDOW_S],
    )
    for row in rows:
        rate = row["calls"] / FLOOD_WINDOW_S
        if rate >= FLOOD_PER_S:
            yield (
                f"{row['client'] or 'somebody unknown'} called {row['system']} {row['operation']} "
                f"{rate:,.0f} times a second until the end"
            )


def _readable(history: History) -> Iterator[str]:
    if history.unreadable_lines:
        where = ", ".join(f"{count} of {table}" for table, count in sorted(history.unreadable.items()))
        yield f"{history.unreadable_lines} lines of the history could not be read: {where}"
