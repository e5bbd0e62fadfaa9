"""The web server that every simulator and every control port is served by."""

from collections.abc import Iterator
from contextlib import contextmanager

import uvicorn


class Server(uvicorn.Server):
    """uvicorn without its own signal handlers: whoever started it decides what Ctrl-C means."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield
