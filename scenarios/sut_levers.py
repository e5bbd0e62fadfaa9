"""What a fault can do to the system under test as a process."""

from typing import Never

from ..chaos.errors import ChaosError
from .sut import Sut


class SutLevers:
    """As ``chaos.fault.Levers``; each acts at once, and whatever takes its time goes on in the background.

    Of faults that overlap, the last one to heal brings it back: it is down as long as one keeps it killed, and stands
    still as long as one keeps it paused, unless it is started anew meanwhile.
    """

    def __init__(self, sut: Sut) -> None:
        self._sut = sut
        self._kills = 0
        self._pauses = 0

    def kill(self) -> None:
        self._struck("killed").kill()
        self._kills += 1

    def start(self) -> None:
        sut = self._struck("started")
        self._kills -= 1
        if not self._kills:
            sut.start_again()

    def pause(self) -> None:
        self._struck("paused").pause()
        self._pauses += 1

    def go_on(self) -> None:
        sut = self._struck("continued")
        self._pauses -= 1
        if not self._pauses:
            sut.go_on()

    def restart(self) -> None:
        self._struck("restarted").restart()

    def stop_listening(self) -> None:
        self._refuse("port")

    def listen_again(self) -> None:
        self._refuse("port")

    def skew_clock(self, seconds: float) -> None:
        self._refuse("clock")

    def forget_tokens(self) -> None:
        self._refuse("tokens")

    def _struck(self, what: str) -> Sut:
        if self._sut.config.url is not None:
            raise ChaosError(
                f"the system under test at {self._sut.base_url} was not started here: {what} it cannot be"
            )
        return self._sut

    def _refuse(self, what: str) -> Never:
        raise ChaosError(
            f"the {what} of the system under test cannot be reached; its process can be killed, paused, restarted"
        )
