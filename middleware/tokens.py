"""Access tokens by OAuth2 client credentials: fetched once for all who wait, and again before they expire."""

import asyncio
from collections.abc import Awaitable, Callable

from msgspec import Struct


class Grant(Struct, frozen=True):
    """The token endpoint's answer (RFC 6749 section 5.1)."""

    access_token: str
    expires_in: float = 3600.0


class TokenSource:
    """The current token of one system; ``fetch`` asks for a new one and may raise, which all who wait then see."""

    def __init__(self, fetch: Callable[[], Awaitable[Grant]], now: Callable[[], float]) -> None:
        self._fetch = fetch
        self._now = now
        self._token: str | None = None
        self._good_until = 0.0
        self._fetching: asyncio.Future[str] | None = None

    async def token(self) -> str:
        """A token that holds for a while yet."""
        if self._token is not None and self._now() < self._good_until:
            return self._token
        if self._fetching is None:
            self._fetching = asyncio.ensure_future(self._refresh())
        return await asyncio.shield(self._fetching)

    def refused(self, token: str) -> None:
        """A system would not take this token: the next caller fetches another, unless one has been fetched since."""
        if token == self._token:
            self._token = None

    async def _refresh(self) -> str:
        try:
            asked_at = self._now()
            grant = await self._fetch()
            self._token = grant.access_token
            self._good_until = asked_at + grant.expires_in * 0.9 - 0.05
            return grant.access_token
        finally:
            self._fetching = None
