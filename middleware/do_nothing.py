"""A service that answers 200 to everything and does nothing; no run may pass with it."""

from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

Message = MutableMapping[str, Any]


async def app(
    scope: Message, receive: Callable[[], Awaitable[Message]], send: Callable[[Message], Awaitable[None]]
) -> None:
    """The whole of it, as ASGI."""
    if scope["type"] != "http":
        return
    while (await receive()).get("more_body"):
        pass
    body = b"[]" if scope["path"] == "/exceptions" else b'{"pending": 0}'
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": body})
