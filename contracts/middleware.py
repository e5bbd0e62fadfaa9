"""Verifies a running middleware as a provider: of its webhooks, every event handed over and signed on the fly, and of its messages.

The estate stands beside it, prepared before each interaction so that what an event tells is so. The middleware needs no
test endpoint: Pact's engine sends each webhook to our desk, which signs it, gives it an id of its own and hands it over.
"""

import asyncio
import json
from collections.abc import Mapping, Sequence
from importlib.resources import files
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Self

import aiohttp
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from ..scenarios.config import SutConfig, absolute
from ..scenarios.sut import Sut
from ..simulators.kit.events import new_secret, signed_headers
from ..simulators.registry import KINDS
from .desk import Seen
from .errors import ContractsError
from .outgoing import check_whose, messages_verified
from .pact_file import Interaction, Pact
from .provider import outcomes, play
from .result import Mismatch, Outcome, Verification
from .script import copy_of
from .stage import Part, Stage
from .state import Delivery

PATIENCE_S = 8.0
HOUR_NS = 3_600_000_000_000
SHIPPED = "webhooks"
TOPICS = frozenset(topic for kind in KINDS.values() for topic in kind.topics)


def shipped_pacts() -> str:
    """The folder of the pacts that come with peakproof: every topic, genuine, again and forged."""
    return str(files(__package__) / SHIPPED)


def verify_middleware(
    pacts: Sequence[Pact], config: SutConfig, simulators: Mapping[str, str] | None = None
) -> Verification:
    """Verify webhooks, and messages that it sends of its own, against a middleware, started for it or running.

    ``simulators`` says which one a consumer of another name means. Raises ContractsError where it takes none of the
    webhooks or does not say where it tells its messages, RunError where it does not get ready.
    """
    return asyncio.run(_verified(pacts, config, simulators or {}))


async def _verified(pacts: Sequence[Pact], config: SutConfig, simulators: Mapping[str, str]) -> Verification:
    webhooks = [kept for pact in pacts if (kept := pact.only(_is_http)).interactions]
    messages = [kept for pact in pacts if (kept := pact.only(_is_message)).interactions]
    check_whose(messages)
    if messages and config.messages_url is None:
        raise ContractsError(
            f"{messages[0].source}: holds messages of {messages[0].provider}; where {config.name} tells them "
            "must be said: sut.messages_url in its peakproof.toml, or --messages-url"
        )
    with TemporaryDirectory(prefix="peakproof-webhooks-", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        async with WebhookStage(folder, config) as stage:
            found: tuple[Outcome, ...] = ()
            if webhooks:
                taken, job = _job(webhooks, stage, folder, simulators)
                said = await play([job], folder, len(stage.parts)) if job["pacts"] else []
                found = tuple(outcomes(taken, stage.parts, said))
            if messages:
                found += await messages_verified(messages, stage.messages_address)
            return Verification(found)


def _is_http(one: Interaction, _: object) -> bool:
    return one.kind == "http"


def _is_message(one: Interaction, _: object) -> bool:
    return one.kind != "http"


def _job(
    pacts: Sequence[Pact], stage: "WebhookStage", folder: Path, simulators: Mapping[str, str]
) -> tuple[list[Pact], dict[str, Any]]:
    """The pacts with what is asked of this middleware, and the engine's job.

    Of ours that is what it takes; the user's own are asked for whole.
    """
    taken, job, ours = [], stage.desk.job("middleware"), Path(shipped_pacts())
    for place, pact in enumerate(pacts):
        system = stage.system_for(simulators.get(pact.consumer, pact.consumer), "consumer")
        if Path(pact.source).is_relative_to(ours):
            pact = pact.only(lambda _, told: stage.address_of(_topic(told)) is not None)
        numbers = {}
        for index, (interaction, told) in enumerate(zip(pact.interactions, pact.told, strict=True)):
            number = len(stage.parts)
            part = stage.parts[number] = Part(interaction, told, system=system, delivery=Delivery())
            topic = _topic(told)
            if stage.address_of(topic) is None:
                text = f"{stage.config.name} takes no webhook of the topic {topic!r} (sut.webhooks)"
                part.complaints.append(Mismatch("request", "", "an address", "none", text))
            else:
                numbers[index] = number
        if pact.interactions:
            taken.append(pact)
        if numbers:
            path = folder / f"{place}.json"
            played = copy_of(pact, numbers, "middleware", None)
            path.write_text(json.dumps(played, ensure_ascii=False), "utf-8")
            job["pacts"].append(str(path))
    if not taken:
        raise ContractsError(
            f"{stage.config.name} takes none of these webhooks (sut.webhooks), so nothing would be verified"
        )
    return taken, job


def _topic(told: Any) -> str:
    """The type of the event that a webhook's example carries."""
    body = told.get("request", {}).get("body")
    content = body.get("content", body) if isinstance(body, dict) else None
    return str(content.get("type", "")) if isinstance(content, dict) else ""


class WebhookStage(Stage):
    """The stage with a middleware beside it, and a desk that hands webhooks over."""

    def __init__(self, folder: Path, config: SutConfig) -> None:
        super().__init__(folder)
        self.config = config
        self._folder = folder
        self._sut: Sut | None = None
        self._session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Self:
        await super().__aenter__()
        self.secret = self.config.webhook_secret or self.secret
        sut = Sut(self.config, self.estate.addresses(), self.secret, self._folder)
        try:
            await sut.start()
        except BaseException:
            await super().__aexit__()
            raise
        self._sut = sut
        self._session = aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=PATIENCE_S))
        return self

    async def __aexit__(self, *problem: object) -> None:
        if self._session is not None:
            await self._session.close()
        if self._sut is not None:
            await self._sut.stop()
        await super().__aexit__(*problem)

    def routes(self) -> list[Route]:
        return [*super().routes(), Route("/{path:path}", self._hand_over, methods=["POST"])]

    @property
    def messages_address(self) -> str:
        """Where it tells its own messages."""
        assert self._sut is not None, "the stage has been entered"
        assert self.config.messages_url is not None, "asked only of those who name it"
        return absolute(self.config.messages_url, self._sut.base_url)

    def address_of(self, topic: str) -> str | None:
        """Where the middleware takes a topic; one that nobody knows goes where all go."""
        sut = self._sut
        assert sut is not None, "the stage has been entered"
        if topic not in TOPICS and "*" not in self.config.webhooks:
            topic = next(iter(self.config.webhooks), topic)
        return sut.webhook_url(topic)

    async def _hand_over(self, request: Request) -> Response:
        part, session = self.current, self._session
        assert part is not None, "the engine asks for states before anything else"
        assert part.delivery is not None
        assert session is not None
        number = next(key for key, one in self.parts.items() if one is part)
        told = json.loads(await request.body())
        address = self.address_of(str(told.get("type", "")))
        assert address is not None, "interactions without an address are left out"
        told["id"] = f"{told.get('id', 'evt')}-{number}"
        body = json.dumps(told, ensure_ascii=False).encode()
        sent, headers = self._signed(told["id"], body, part.delivery.signature)
        status = 0
        try:
            for _ in range(part.delivery.before + 1):
                async with session.post(address, data=sent, headers=headers, allow_redirects=False) as reply:
                    status, answer, media = reply.status, await reply.read(), reply.content_type
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            text = f"{address}: the middleware does not answer: {type(error).__name__}"
            part.complaints.append(Mismatch("request", "", "an answer", "none", text))
            return Response(status_code=504)
        part.seen.append(Seen("POST", address, b"", headers, sent))
        return Response(answer, status, media_type=media)

    def _signed(self, event_id: str, body: bytes, how: str) -> tuple[bytes, dict[str, str]]:
        """The body as it leaves, and its headers."""
        now_ns = self.estate.clock()
        secret = new_secret() if how == "forged" else self.secret
        headers = signed_headers(event_id, now_ns - HOUR_NS if how == "expired" else now_ns, body, secret)
        if how == "unsigned":
            headers = {"content-type": headers["content-type"]}
        return body.replace(b"1", b"2", 1) if how == "altered" else body, headers
