"""One system over HTTP: token, pace, timeout, and every outcome as a value."""

import time
from collections.abc import Callable
from typing import Any
from urllib.parse import urlencode

import aiohttp
import msgspec

from .documents import Page, Problem
from .order import Request
from .pacing import Pace
from .policies import Policies, Reply
from .settings import SystemAddress
from .tokens import Grant

FORM = "application/x-www-form-urlencoded"


class TokenUnavailable(Exception):
    """The token endpoint gave none; nothing was sent."""

    def __init__(self, reply: Reply) -> None:
        super().__init__(f"no token: {reply.status or reply.code}")
        self.reply = reply


class SystemClient:
    """Calls to one system. Failures are replies, not exceptions."""

    def __init__(
        self,
        name: str,
        address: SystemAddress,
        session: aiohttp.ClientSession,
        policies: Policies,
        *,
        timeout_s: float = 10.0,
    ) -> None:
        self.name = name
        self.kind = address.kind
        self.pace = Pace(
            policies.pacing, widest=policies.restraint.widest, breaker=policies.restraint.breaker()
        )
        self._log = policies.log
        self._reading = policies.reading
        self._retry_after = policies.retry_after
        self._address = address
        self._session = session
        self._timeout = aiohttp.ClientTimeout(total=timeout_s)
        self._tokens = policies.tokens(self._fetch_token, time.monotonic)

    async def call(
        self,
        request: Request,
        *,
        key: str | None = None,
        trace: str | None = None,
        if_match: str | None = None,
        starting: Callable[[], None] | None = None,
    ) -> Reply:
        """Make one call when it is its turn; ``starting`` hears of it at the last moment."""
        await self.pace.enter()
        try:
            try:
                token = await self._tokens.token()
                while self.pace.shut:  # somebody was told to wait while this call fetched its token
                    self.pace.leave()
                    await self.pace.enter()
            except TokenUnavailable as unavailable:
                return unavailable.reply
            if starting is not None:
                starting()
            reply = await self._send(request, token, key, trace, if_match)
            if reply.status == 401:
                self._tokens.refused(token)
            return reply
        finally:
            self.pace.leave()

    async def read(self, path: str, reads: Any) -> tuple[Reply, Any]:
        """GET a document; None where it did not come."""
        reply = await self.call(Request("GET", path, b""))
        if reply.status != 200:
            return reply, None
        try:
            return reply, msgspec.json.decode(reply.body, type=reads)
        except msgspec.DecodeError as error:
            return Reply(None, code="unreadable", detail=str(error)), None

    async def read_list(self, path: str, item: Any) -> tuple[Reply, list[Any]]:
        """GET a list to its end; what was read so far where it breaks off, with the reply that broke it."""
        items: list[Any] = []
        cursor: str | None = None
        joint = "&" if "?" in path else "?"
        while True:
            reply, page = await self.read(f"{path}{joint}cursor={cursor}" if cursor else path, Page[item])
            if page is None:
                return reply, items
            items.extend(page.items)
            cursor = self._reading.next_page(page.next_cursor)
            if cursor is None:
                return reply, items

    async def _send(
        self, request: Request, token: str, key: str | None, trace: str | None, if_match: str | None
    ) -> Reply:
        headers = {"Authorization": f"Bearer {token}"}
        if request.body:
            headers["Content-Type"] = "application/json"
        if key is not None:
            headers["Idempotency-Key"] = f'"{key}"'
        if trace is not None:
            headers["traceparent"] = trace
        if if_match is not None:
            headers["If-Match"] = if_match
        self._log.called(request.method, request.path, headers)
        return await self._exchange(request.method, request.path, request.body or None, headers)

    async def _exchange(self, method: str, path: str, body: bytes | None, headers: dict[str, str]) -> Reply:
        try:
            async with self._session.request(
                method,
                self._address.url + path,
                data=body,
                headers=headers,
                timeout=self._timeout,
                allow_redirects=False,
            ) as response:
                content = await response.read()
        except aiohttp.ClientConnectorError:
            self.pace.failed()
            return Reply(None, code="connection_refused", sent=False)
        except TimeoutError:
            self.pace.failed()
            return Reply(None, code="timeout")
        except (aiohttp.ClientError, OSError) as error:
            self.pace.failed()
            return Reply(None, code="connection_lost", detail=type(error).__name__)
        retry_after_s = self._retry_after.seconds(response.headers.get("Retry-After"))
        self.pace.answered(response.status, retry_after_s)
        if response.status < 400:
            return Reply(response.status, content)
        problem = _problem(content)
        replayed = response.headers.get("Idempotent-Replayed") == "true"
        return Reply(response.status, content, problem.code, problem.detail, retry_after_s, replayed=replayed)

    async def _fetch_token(self) -> Grant:
        form = urlencode(
            {
                "grant_type": "client_credentials",
                "client_id": self._address.client_id,
                "client_secret": self._address.client_secret,
            }
        )
        reply = await self._exchange("POST", "/oauth/token", form.encode(), {"Content-Type": FORM})
        if reply.status != 200:
            raise TokenUnavailable(
                Reply(reply.status, b"", reply.code, "no token", reply.retry_after_s, sent=False)
            )
        return msgspec.json.decode(reply.body, type=Grant)


def new_session() -> aiohttp.ClientSession:
    """One pool of connections for all systems; the pace, not the pool, limits them."""
    return aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(limit=0, keepalive_timeout=30),
        auto_decompress=False,
        cookie_jar=aiohttp.DummyCookieJar(),
        skip_auto_headers=("Accept", "Accept-Encoding", "User-Agent"),
    )


def _problem(content: bytes) -> Problem:
    try:
        return msgspec.json.decode(content, type=Problem)
    except msgspec.DecodeError:
        return Problem()
