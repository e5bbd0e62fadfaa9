"""Verifies the messages that a middleware sends of its own, at the endpoint at which it tells them to who asks.

Pact's engine asks our desk, and that asks the endpoint: ``POST {"description", "providerStates"}``, as every Pact verifier
does. The engine alone would take any status for good, and every answer to a question that was not understood.
"""

import asyncio
import binascii
import json
import os
from base64 import b64decode
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import aiohttp
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from ..history.printable import printable
from ..simulators.registry import KINDS
from .desk import MESSAGE_PATH, METADATA_HEADER, STATE_PATH, Desk, Played, Seen, message_reply
from .errors import ContractsError
from .pact_file import NO_BODY, Interaction, Pact
from .provider import outcomes, play
from .result import Mismatch, Outcome, Verification
from .script import copy_of, split

PATIENCE_S = 8.0
LONGEST_EXCERPT = 120
NOBODYS = "peakproof asks for a message that no consumer expects"
"""A description that an endpoint cannot know."""


def verify_messages(pacts: Sequence[Pact], address: str) -> Verification:
    """Verify these pacts at the endpoint of a middleware that runs; raises what ``messages_verified`` raises."""
    return Verification(asyncio.run(messages_verified(pacts, address)))


async def messages_verified(pacts: Sequence[Pact], address: str) -> tuple[Outcome, ...]:
    """What came of every interaction of these pacts, whose provider tells its messages at ``address``.

    ContractsError where the pacts are not of one middleware, where nothing answers, or where anything gets a message.
    """
    check_whose(pacts)
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=PATIENCE_S)) as session:
        endpoint = _Endpoint(address, session)
        await endpoint.check()
        with TemporaryDirectory(prefix="peakproof-messages-", ignore_cleanup_errors=True) as name:
            return await _played(pacts, endpoint, Path(name))


def check_whose(pacts: Sequence[Pact]) -> None:
    """ContractsError where pacts are of several providers or of a simulator, or one holds no message."""
    names = list(dict.fromkeys(pact.provider for pact in pacts))
    if len(names) > 1:
        raise ContractsError(
            f"these pacts are of several providers, {', '.join(names)}; say which is your middleware: --provider {names[0]!r}"
        )
    for pact in pacts:
        if pact.provider in KINDS:
            raise ContractsError(
                f"{pact.source}: its provider {pact.provider!r} is a simulator, no middleware; "
                "its messages are verified by --pacts alone"
            )
        if all(one.kind == "http" for one in pact.interactions):
            raise ContractsError(
                f"{pact.source}: holds no message, so nothing of it would be verified; --consumer leaves it out"
            )


async def _played(pacts: Sequence[Pact], endpoint: "_Endpoint", folder: Path) -> tuple[Outcome, ...]:
    parts: dict[int, Played] = {}
    async with Desk(_routes(parts, endpoint)) as desk:
        job = desk.job(pacts[0].provider)
        for place, pact in enumerate(pacts):
            numbers = {}
            for index, (interaction, told) in enumerate(zip(pact.interactions, pact.told, strict=True)):
                part = parts[len(parts)] = Played(interaction, told)
                if interaction.kind == "http":
                    part.complaints.append(NO_MESSAGE)
                elif interaction.kind == "message":
                    numbers[index] = len(parts) - 1
            if numbers:
                path = folder / f"{place}.json"
                played = copy_of(pact, numbers, pact.provider, None)
                path.write_text(json.dumps(played, ensure_ascii=False), "utf-8")
                job["pacts"].append(str(path))
        said = await play([job], folder, len(parts)) if job["pacts"] else []
    return tuple(outcomes(pacts, parts, said))


NO_MESSAGE = Mismatch(
    "engine",
    "",
    "a message",
    "an HTTP interaction",
    "it is about HTTP, and only messages are asked for here; --interaction REGEX chooses those that are",
)


def _routes(parts: dict[int, Played], endpoint: "_Endpoint") -> list[Route]:
    """What the engine asks the desk: states, which the endpoint gets with the question, and messages."""

    async def change_state(request: Request) -> Response:
        return JSONResponse({})

    async def tell(request: Request) -> Response:
        marked = split(str(json.loads(await request.body()).get("description", "")))
        if marked is None or marked[0] not in parts:
            return JSONResponse({"detail": "no such interaction"}, 404)
        part = parts[marked[0]]
        try:
            body, media, metadata = await endpoint.message(part.interaction)
        except _Silent as why:
            part.complaints.append(Mismatch("message", "", "a message", "none", str(why)))
            return JSONResponse({"detail": str(why)}, 502)
        part.seen.append(Seen("", "", b"", {}, body))
        return message_reply(body, metadata, media)

    return [
        Route(STATE_PATH, change_state, methods=["POST"]),
        Route(MESSAGE_PATH, tell, methods=["POST"]),
    ]


class _Silent(Exception):
    """No message was told; one line that says why."""


@dataclass(frozen=True, slots=True)
class _Endpoint:
    """Where a middleware tells its messages; nothing else is called, not even where it redirects to."""

    address: str
    session: aiohttp.ClientSession

    async def check(self) -> None:
        """ContractsError where nobody answers, and where even a description that nobody has gets a message."""
        try:
            status, _, body = await self._ask({"description": NOBODYS, "providerStates": []})
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise ContractsError(
                f"{self.address}: nobody tells messages there: {_reason(error)}; start your middleware, or correct the address"
            ) from None
        if 200 <= status < 300 and body.strip() not in (b"", b"null"):
            raise ContractsError(
                f"{self.address}: answers {status} to a description that nobody has{_excerpt(body)}; "
                "let it answer 404 to what it does not know, else a misspelt description would pass"
            )

    async def message(self, interaction: Interaction) -> tuple[bytes, str, dict[str, Any]]:
        """A message, its content type and its metadata. Raises _Silent."""
        states = [
            {"name": state.name, "params": dict(state.parameters)}
            if state.parameters
            else {"name": state.name}
            for state in interaction.states
        ]
        try:
            status, headers, body = await self._ask(
                {"description": interaction.description, "providerStates": states}
            )
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise _Silent(f"{self.address} does not answer any more: {_reason(error)}") from None
        media = headers.get("content-type", "")
        expected = interaction.response
        assert expected is not None, "only events are asked for"
        if not 200 <= status < 300:
            raise _Silent(f"{self.address} answers {status}{MEANS.get(status, '')}{_excerpt(body)}")
        if not body.strip() and expected.body is not NO_BODY:
            raise _Silent(f"{self.address} answers {status} with nothing: it does not know this description")
        if _is_json(expected.media_type) and body.strip():
            _check_json(self.address, body, media)
        return body, media, self._metadata(headers.get(METADATA_HEADER))

    def _metadata(self, header: str | None) -> dict[str, Any]:
        if not header:
            return {}
        try:
            told = json.loads(b64decode(header, validate=True))
        except (ValueError, binascii.Error):
            told = None
        if not isinstance(told, dict):
            raise _Silent(
                f"{self.address} answers with a {METADATA_HEADER} that is no JSON object in base64: {header[:60]!r}"
            )
        return told

    async def _ask(self, question: dict[str, Any]) -> tuple[int, Any, bytes]:
        async with self.session.post(self.address, json=question, allow_redirects=False) as reply:
            return reply.status, reply.headers, await reply.read()


MEANS = {
    301: ", a redirect, which is not followed",
    302: ", a redirect, which is not followed",
    307: ", a redirect, which is not followed",
    308: ", a redirect, which is not followed",
    404: ": it does not know this description, or is at another path",
    405: ": it takes no POST",
}


def _is_json(media_type: str) -> bool:
    return media_type == "application/json" or media_type.endswith("+json")


def _check_json(address: str, body: bytes, media: str) -> None:
    try:
        json.loads(body)
    except ValueError:
        raise _Silent(
            f"{address} answers with {media or 'no content type'}, which is no JSON{_excerpt(body)}"
        ) from None


def _reason(error: BaseException) -> str:
    if isinstance(error, TimeoutError):
        return f"no answer within {PATIENCE_S:g} s"
    number = getattr(getattr(error, "os_error", error), "errno", None)
    return (
        os.strerror(number) if isinstance(number, int) and number > 0 else str(error) or type(error).__name__
    )


def _excerpt(body: bytes) -> str:
    text = printable(" ".join(body[: 4 * LONGEST_EXCERPT].decode("utf-8", "replace").split()))
    return f": {text[:LONGEST_EXCERPT]}" if text else ""
