"""The agenda: each action at its own time, by one timer of the loop."""

import asyncio
from collections.abc import Callable
from typing import cast

from peakproof.simulators.agenda import Agenda


class Timer:
    def __init__(self, at_s: float, act: Callable[[], None]) -> None:
        self.at_s, self.act, self.cancelled = at_s, act, False

    def cancel(self) -> None:
        self.cancelled = True


class Loop:
    """A loop whose time is told to it, as far as an agenda needs one."""

    def __init__(self) -> None:
        self.now_s = 0.0
        self.timers: list[Timer] = []
        self.errors: list[Exception] = []

    def time(self) -> float:
        return self.now_s

    def call_at(self, when: float, callback: Callable[[], None]) -> Timer:
        self.timers.append(Timer(when, callback))
        return self.timers[-1]

    def call_soon(self, callback: Callable[[], None]) -> None:
        try:
            callback()
        except Exception as error:  # noqa: BLE001 - as a loop does
            self.errors.append(error)

    @property
    def agenda(self) -> Agenda:
        return Agenda(cast(asyncio.AbstractEventLoop, self))

    def be(self, now_s: float) -> None:
        """Let it be so late, and do what is due."""
        self.now_s = now_s
        for timer in [one for one in self.timers if one.at_s <= now_s]:
            self.timers.remove(timer)
            if not timer.cancelled:
                timer.act()

    @property
    def waiting(self) -> list[float]:
        return [timer.at_s for timer in self.timers if not timer.cancelled]


def test_each_is_done_at_its_time_by_one_timer() -> None:
    loop, done = Loop(), list[str]()
    agenda = loop.agenda
    for delay_s, name in ((30.0, "third"), (20.0, "first"), (40.0, "last"), (20.0, "second")):
        agenda.note(delay_s, lambda name=name: done.append(name))  # type: ignore[misc]  # a default is no argument here
    assert loop.waiting == [20.0]
    loop.be(19.9)
    assert done == []
    loop.be(20.0)
    assert (done, loop.waiting) == (["first", "second"], [30.0])
    loop.be(50.0)
    assert (done, loop.waiting) == (["first", "second", "third", "last"], [])


def test_what_is_noted_by_an_action_is_done_too() -> None:
    loop, done = Loop(), list[str]()
    agenda = loop.agenda
    agenda.note(20.0, lambda: agenda.note(5.0, lambda: done.append("again")))
    loop.be(20.0)
    assert loop.waiting == [25.0]
    loop.be(25.0)
    assert done == ["again"]


def test_one_that_fails_keeps_no_other_from_being_done() -> None:
    loop, done = Loop(), list[str]()
    agenda = loop.agenda
    agenda.note(20.0, lambda: done.remove("nothing"))
    agenda.note(20.0, lambda: done.append("next"))
    loop.be(21.0)
    assert done == ["next"]
    assert [type(error) for error in loop.errors] == [ValueError]
