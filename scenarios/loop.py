"""The event loop that estates run on."""

import asyncio
import sys


def new_loop() -> asyncio.AbstractEventLoop:
    """The fastest that this system has."""
    if sys.platform == "win32":
        return asyncio.new_event_loop()
    import uvloop

    return uvloop.new_event_loop()
