"""What a receiver may answer, and what becomes of the connection to it."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import pytest

from peakproof.simulators.kit.courier import Answer, Courier, HungUp, NotReached

ACCEPTED = b"HTTP/1.1 202 Accepted\r\ncontent-length: 0\r\n\r\n"
HANGS_UP = b""


@dataclass
class Receiver:
    """Answers request after request as it was told, on whatever connection they come."""

    answers: list[list[bytes]]
    """Of each request: the pieces in which its answer is sent."""
    port: int = 0
    connections: int = 0
    ended: int = 0
    got: list[bytes] = field(default_factory=list)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/webhooks?of=erp"

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                self.got.append(head + await reader.readexactly(4))
                for piece in self.answers.pop(0):
                    if piece == HANGS_UP:
                        return
                    writer.write(piece)
                    await asyncio.sleep(0.01)
        except asyncio.IncompleteReadError:
            pass
        finally:
            self.ended += 1
            writer.close()


@asynccontextmanager
async def receiver(*answers: list[bytes]) -> AsyncIterator[tuple[Courier, Receiver]]:
    there = Receiver(list(answers))
    server = await asyncio.start_server(there.serve, "127.0.0.1", 0)
    there.port = server.sockets[0].getsockname()[1]
    courier = Courier(timeout_s=10.0)
    try:
        async with server:
            yield courier, there
            courier.close()
    finally:
        courier.close()


async def told(courier: Courier, there: Receiver) -> Answer:
    return await courier.post(there.url, {"webhook-id": "erp-evt-1"}, b"body")


async def until(holds: Callable[[], bool]) -> None:
    async with asyncio.timeout(10):
        while not holds():
            await asyncio.sleep(0.005)


def free(courier: Courier) -> int:
    """Connections on which nothing is to come any more."""
    return sum(connection.is_free for idle in courier._idle.values() for connection in idle)


async def test_a_request_is_whole() -> None:
    async with receiver([ACCEPTED]) as (courier, there):
        await told(courier, there)
    head, body = there.got[0].split(b"\r\n\r\n")
    assert body == b"body"
    assert head.decode().split("\r\n") == [
        "POST /webhooks?of=erp HTTP/1.1",
        f"host: 127.0.0.1:{there.port}",
        "user-agent: peakproof",
        "webhook-id: erp-evt-1",
        "content-length: 4",
    ]


@pytest.mark.parametrize(
    ("first", "status"),
    [
        pytest.param([ACCEPTED], 202, id="at once"),
        pytest.param([b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n", b"{}"], 200, id="its body later"),
        pytest.param([b"HTTP/1.1 200 OK\r\ncontent-", b"length: 2\r\n\r\n{}"], 200, id="its head in pieces"),
        pytest.param(
            [b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n"],
            200,
            id="in chunks",
        ),
        pytest.param([b"HTTP/1.1 204 No Content\r\n\r\n"], 204, id="without a body"),
        pytest.param([b"HTTP/1.1 100 Continue\r\n\r\n", ACCEPTED], 202, id="after an interim answer"),
        pytest.param(
            [b"HTTP/1.1 102 Processing\r\n\r\n" + ACCEPTED], 202, id="right after an interim answer"
        ),
    ],
)
async def test_an_answer_leaves_the_connection_free_for_the_next_request(
    first: list[bytes], status: int
) -> None:
    async with receiver(first, [ACCEPTED]) as (courier, there):
        answers = [await told(courier, there)]
        await until(lambda: free(courier) == 1)
        answers.append(await told(courier, there))
    assert [answer.status for answer in answers] == [status, 202]
    assert there.connections == 1


@pytest.mark.parametrize(
    "first",
    [
        pytest.param(
            [b"HTTP/1.1 202 Accepted\r\nconnection: close\r\ncontent-length: 0\r\n\r\n"], id="close"
        ),
        pytest.param([b"HTTP/1.0 202 Accepted\r\ncontent-length: 0\r\n\r\n"], id="HTTP/1.0"),
        pytest.param([b"HTTP/1.1 202 Accepted\r\ncontent-length: 9\r\n\r\n"], id="a body that never comes"),
        pytest.param([b"HTTP/1.1 202 Accepted\r\n\r\nuntil it hangs up"], id="a body of no told length"),
    ],
)
async def test_a_connection_that_is_of_no_more_use_is_not_used_again(first: list[bytes]) -> None:
    async with receiver(first, [ACCEPTED]) as (courier, there):
        answers = [await told(courier, there), await told(courier, there)]
    assert [answer.status for answer in answers] == [202, 202]
    assert there.connections == 2


async def test_an_answer_that_nobody_asked_for_ends_the_connection() -> None:
    async with receiver([ACCEPTED, ACCEPTED], [ACCEPTED]) as (courier, there):
        await told(courier, there)
        await until(lambda: there.ended == 1)
        await told(courier, there)
    assert there.connections == 2


async def test_requests_at_the_same_time_have_a_connection_each_and_later_ones_take_them_over() -> None:
    async with receiver(*[[ACCEPTED]] * 5) as (courier, there):
        await asyncio.gather(*(told(courier, there) for _ in range(3)))
        await asyncio.gather(*(told(courier, there) for _ in range(2)))
    assert there.connections == 3


async def test_retry_after_is_told_with_its_own_answer_only() -> None:
    busy = b"HTTP/1.1 503 Service Unavailable\r\nRetry-After: 7\r\ncontent-length: 0\r\n\r\n"
    async with receiver([busy], [ACCEPTED]) as (courier, there):
        assert await told(courier, there) == Answer(503, "7")
        assert await told(courier, there) == Answer(202, None)


@pytest.mark.parametrize(
    "answer",
    [[HANGS_UP], [b"HTTP/1.1 2", HANGS_UP], [b"HTTP/1.1 100 Continue\r\n\r\n", HANGS_UP], [b"220 ready\r\n"]],
)
async def test_a_receiver_that_hangs_up_or_makes_no_sense_has_not_answered(answer: list[bytes]) -> None:
    async with receiver(answer) as (courier, there):
        with pytest.raises(HungUp):
            await told(courier, there)


async def test_a_silent_receiver_is_given_up_and_its_connection_closed() -> None:
    async with receiver([]) as (_, there):
        with pytest.raises(TimeoutError):
            await Courier(timeout_s=0.05).post(there.url, {}, b"body")
        await until(lambda: there.ended == 1)


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1:1/",
        "http://[::1]:1/",
        "https://127.0.0.1:1/",
        "ftp://127.0.0.1/",
        "nowhere",
        "http://a:b/",
    ],
)
async def test_where_nobody_can_be_reached_that_is_said(url: str) -> None:
    with pytest.raises(NotReached):
        await Courier(timeout_s=10.0).post(url, {}, b"body")


async def test_a_receiver_that_speaks_no_tls_is_not_reached_by_https() -> None:
    async def speak(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(ACCEPTED)
        writer.close()

    async with await asyncio.start_server(speak, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        with pytest.raises(NotReached):
            await Courier(timeout_s=10.0).post(f"https://127.0.0.1:{port}/", {}, b"body")


async def test_name_and_password_of_an_address_are_sent_as_basic_credentials() -> None:
    async with receiver([ACCEPTED]) as (courier, there):
        await courier.post(there.url.replace("http://", "http://ann:s%40cret@"), {}, b"body")
    assert b"authorization: Basic YW5uOnNAY3JldA==\r\n" in there.got[0]


async def test_what_follows_is_told_as_soon_as_the_request_has_been_written() -> None:
    seen: list[int] = []
    async with receiver([ACCEPTED]) as (courier, there):
        await courier.post(there.url, {}, b"body", lambda: seen.append(len(there.got)))
    assert seen == [0]
