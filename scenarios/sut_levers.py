"""What a fault can do to the system under test as a process."""

from typing import Never

from ..chaos.errors import ChaosError
from .sut import Sut


class SutLevers:
    """As ``chaos.fault.Levers``; each acts at once, and whatever takes its time goes on in the background."""

    def __init__(self, sut: Sut) -> None:
        self._sut = sut

    def kill(self) -> None:
        self._struck("killed").kill()

    def start(self) -> None:
        self._struck("started").start_again()

    def pause(self) -> None:
        self._struck("paused").pause()

    def go_on(self) -> None:
        self._struck("continued").go_on()

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
