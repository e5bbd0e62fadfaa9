"""Ctrl-C while the main thread is in the midst of a query, where Python cannot hear it."""

import signal
import socket
import threading
from collections.abc import Callable

AGAIN_S = 0.05


class Interruption:
    """From when it is made until it is closed, Ctrl-C calls ``interrupt``, in a thread of its own: the query ends at once, and
    KeyboardInterrupt is raised as always.

    Only in the main thread, where Ctrl-C raises, and where nobody else listens in this way (an event loop does).
    """

    def __init__(self, interrupt: Callable[[], None]) -> None:
        self._interrupt = interrupt
        self._ends: tuple[socket.socket, socket.socket] | None = None
        if threading.current_thread() is not threading.main_thread():
            return
        if signal.getsignal(signal.SIGINT) is not signal.default_int_handler:
            return
        heard, told = socket.socketpair()
        told.setblocking(False)
        before = signal.set_wakeup_fd(told.fileno(), warn_on_full_buffer=False)
        if before != -1:
            signal.set_wakeup_fd(before)
            heard.close()
            told.close()
            return
        self._ends = heard, told
        self._listener = threading.Thread(target=self._listen, args=(heard,), name="Ctrl-C", daemon=True)
        self._listener.start()

    def close(self) -> None:
        """Closing twice is harmless."""
        if self._ends is None:
            return
        signal.set_wakeup_fd(-1)
        (heard, told), self._ends = self._ends, None
        told.close()
        self._listener.join()
        heard.close()

    def _listen(self, heard: socket.socket) -> None:
        """The operating system writes the number of each signal, until the other end is closed. Once is not enough: the query may
        be about to begin."""
        while number := heard.recv(1):
            if number[0] == signal.SIGINT:
                heard.settimeout(AGAIN_S)
                break
        while number:
            self._interrupt()
            try:
                number = heard.recv(1)
            except TimeoutError:
                continue
