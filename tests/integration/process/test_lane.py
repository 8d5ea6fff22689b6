"""The lane through aiohttp: plain POSTs without a task, everything else the ordinary way."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import pytest
from aiohttp import web
from aiohttp.http_parser import RawRequestMessage

from infra.process.health import serving
from infra.process.lane import LANE, LaneRunner, Receive, Respond

BLOCK = b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nlane"


def short(_message: RawRequestMessage, body: bytes, _remote: str | None, respond: Respond) -> None:
    """Answers `lane` at once, to the right body."""
    assert body == b"{}"
    respond(BLOCK)


async def ordinary(request: web.Request) -> web.Response:
    """Answers `long`."""
    await request.read()
    return web.Response(text="long")


ROUTE = ordinary


def app_with(receive: Receive) -> web.Application:
    """An application that has the path /p both ways."""
    app = web.Application()
    lane: dict[str, Receive] = {"/p": receive}
    app[LANE] = lane
    app.router.add_route("*", "/{path}", ROUTE)
    return app


@asynccontextmanager
async def connected(receive: Receive = short) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    """A raw connection to a server of such an application."""
    async with asyncio.timeout(20), serving(app_with(receive), "127.0.0.1", 0) as port:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        yield reader, writer
        writer.close()


async def answer(reader: asyncio.StreamReader) -> str:
    """The body of the next response."""
    head = await reader.readuntil(b"\r\n\r\n")
    length = next(int(line[15:]) for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:"))
    return (await reader.readexactly(length)).decode()


def post(path: str = "/p", body: str = "{}", more: str = "", version: str = "1.1") -> bytes:
    """A whole request."""
    return f"POST {path} HTTP/{version}\r\nHost: h\r\n{more}Content-Length: {len(body)}\r\n\r\n{body}".encode()


async def test_requests_on_one_connection_are_answered_in_order() -> None:
    """Also when they come all at once, and when the lane ends in between: the ordinary way takes over for good."""
    async with connected() as (reader, writer):
        writer.write(post() * 40 + b"GET /p HTTP/1.1\r\nHost: h\r\n\r\n" + post())
        assert [await answer(reader) for _ in range(42)] == ["lane"] * 40 + ["long", "long"]


@pytest.mark.parametrize(
    "request_",
    [post("/other"), post(more="Connection: close\r\n"), post(version="1.0"), b"PUT /p HTTP/1.1\r\nHost: h\r\n\r\n"],
    ids=["another path", "a last request", "HTTP/1.0", "another method"],
)
async def test_what_is_not_plain_takes_the_ordinary_way(request_: bytes) -> None:
    """The lane writes one form of answer only."""
    async with connected() as (reader, writer):
        writer.write(request_)
        assert await answer(reader) == "long"


async def test_a_request_that_waits_to_be_told_to_go_on_is_told() -> None:
    """`Expect: 100-continue`, as curl sends it with large bodies."""
    async with connected() as (reader, writer):
        writer.write(post(more="Expect: 100-continue\r\n"))
        assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 100")
        assert await answer(reader) == "long"


async def test_a_body_that_comes_later_takes_the_ordinary_way(monkeypatch: pytest.MonkeyPatch) -> None:
    """There it is bounded in time and size; the connection stays there."""
    begun = asyncio.Event()

    async def waiting(request: web.Request) -> web.Response:
        begun.set()
        return await ordinary(request)

    monkeypatch.setitem(globals(), "ROUTE", waiting)
    async with connected() as (reader, writer):
        writer.write(post()[:-2])
        await begun.wait()
        writer.write(post()[-2:] + post())
        assert [await answer(reader), await answer(reader)] == ["long", "long"]


async def test_nonsense_is_answered_400(caplog: pytest.LogCaptureFixture) -> None:
    """By aiohttp's own parser, and without a trace in the log: any stranger could fill it."""
    async with connected() as (reader, writer):
        writer.write(post())
        assert await answer(reader) == "lane"
        writer.write(b"NONSENSE\r\n\r\n")
        assert (await reader.readuntil(b"\r\n")).startswith(b"HTTP/1.0 400")
    assert [
        record for record in caplog.records if not record.name.startswith("aiokafka")
    ] == []  # of other tests' clients


async def test_stopping_lets_the_request_in_progress_finish() -> None:
    """And closes its connection after the answer."""
    asked: asyncio.Future[Respond] = asyncio.get_running_loop().create_future()

    def slow(_message: RawRequestMessage, _body: bytes, _remote: str | None, respond: Respond) -> None:
        asked.set_result(respond)

    server = serving(app_with(slow), "127.0.0.1", 0)
    async with asyncio.timeout(20):
        port = await server.__aenter__()
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(post())
        respond = await asked
        ending = asyncio.create_task(server.__aexit__(None, None, None))
        asyncio.get_running_loop().call_later(0.05, respond, BLOCK)
        assert await answer(reader) == "lane"
        assert await reader.read() == b""
        await ending
        writer.close()


async def test_a_caller_who_hangs_up_in_the_middle_harms_nobody() -> None:
    """What was being answered is finished; the next connection is served."""
    async with connected() as (_, writer):
        writer.write(post())
        writer.transport.abort()
    async with connected() as (reader, writer):
        writer.write(post())
        assert await answer(reader) == "lane"


async def test_answers_that_come_later_keep_their_order() -> None:
    """The second request is not even shown before the first has its answer; a second answer to one is nothing."""
    shown: asyncio.Queue[tuple[bytes, Respond]] = asyncio.Queue()

    def later(_message: RawRequestMessage, body: bytes, _remote: str | None, respond: Respond) -> None:
        shown.put_nowait((body, respond))

    async with connected(later) as (reader, writer):
        writer.write(post(body="one") + post(body="two"))
        body, respond = await shown.get()
        assert (body, shown.empty()) == (b"one", True)
        respond(BLOCK)
        respond(BLOCK)
        body, respond = await shown.get()
        assert body == b"two"
        respond(BLOCK.replace(b"lane", b"2nd!"))
        assert [await answer(reader), await answer(reader)] == ["lane", "2nd!"]


async def test_a_body_in_one_piece_larger_than_what_holds_up_reading() -> None:
    """It comes whole, and reading goes on after it."""
    large = "x" * 150_000

    def length(_message: RawRequestMessage, body: bytes, _remote: str | None, respond: Respond) -> None:
        respond(BLOCK if body == large.encode() else b"HTTP/1.1 500 \r\nContent-Length: 0\r\n\r\n")

    async with connected(length) as (reader, writer):
        answers = set()
        for _ in range(3):
            writer.write(post(body=large))
            answers.add(await answer(reader))
        assert answers <= {"lane", "long"}  # `long` where it came in several pieces


async def test_an_empty_body() -> None:
    """Is one too."""
    bodies: list[bytes] = []

    def note(_message: RawRequestMessage, body: bytes, _remote: str | None, respond: Respond) -> None:
        bodies.append(body)
        respond(BLOCK)

    async with connected(note) as (reader, writer):
        writer.write(post(body=""))
        assert (await answer(reader), bodies) == ("lane", [b""])


async def test_a_defect_of_one_answer_does_not_hold_up_other_connections() -> None:
    """Each connection goes on by itself, whatever happens to its neighbour in the same turn."""

    def broken(_message: RawRequestMessage, body: bytes, _remote: str | None, respond: Respond) -> None:
        if body == b"bad":
            raise AssertionError(body)
        respond(BLOCK)

    async with asyncio.timeout(20), serving(app_with(broken), "127.0.0.1", 0) as port:
        pairs = [await asyncio.open_connection("127.0.0.1", port) for _ in range(40)]
        asyncio.get_running_loop().set_exception_handler(lambda *_: None)
        for number, (_, writer) in enumerate(pairs):
            writer.write(post(body="bad" if number % 2 else "{}"))
        assert {await answer(reader) for reader, _ in pairs[::2]} == {"lane"}
        for _, writer in pairs:
            writer.close()


async def test_a_caller_who_reads_no_answers_is_not_asked_for_more() -> None:
    """Answers that nobody takes do not pile up: at some point requests are left where they are, and go on later."""
    count = 0

    def long_answer(_message: RawRequestMessage, _body: bytes, _remote: str | None, respond: Respond) -> None:
        nonlocal count
        count += 1
        respond(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n" + b"x" * 100_000)

    requests = 2_000
    async with connected(long_answer) as (reader, writer):
        sending = asyncio.create_task(_send(writer, requests))
        await until_still(lambda: count)
        assert count < requests / 2
        for _ in range(requests):
            await answer(reader)
        await sending
        assert count == requests


async def _send(writer: asyncio.StreamWriter, requests: int) -> None:
    for _ in range(requests):
        writer.write(post())
        await writer.drain()


async def until_still(value: Callable[[], int]) -> None:
    """Wait until a number has not grown for a fifth of a second."""
    before = -1
    while before != value():
        before = value()
        await asyncio.sleep(0.2)


async def test_an_idle_connection_is_closed_and_a_busy_one_is_not() -> None:
    """The keep-alive timeout of aiohttp holds in the lane."""
    shown: asyncio.Future[Respond] = asyncio.get_running_loop().create_future()

    def later(_message: RawRequestMessage, _body: bytes, _remote: str | None, respond: Respond) -> None:
        shown.set_result(respond)

    runner = LaneRunner(app_with(later), keepalive_timeout=0.2)
    await runner.setup()
    assert runner.server is not None
    server = await asyncio.get_running_loop().create_server(runner.server, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    async with asyncio.timeout(20):
        busy_reader, busy = await asyncio.open_connection("127.0.0.1", port)
        busy.write(post())
        respond = await shown
        idle_reader, idle = await asyncio.open_connection("127.0.0.1", port)
        assert await idle_reader.read() == b""  # closed, after the time
        respond(BLOCK)
        assert await answer(busy_reader) == "lane"
        assert await busy_reader.read() == b""  # closed, once it was idle
        busy.close()
        idle.close()
    server.close()
    await runner.cleanup()


async def test_a_head_that_trickles_is_told_to_come_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """It may be a callback's, and Sinch repeats a 503 only."""
    monkeypatch.setattr("infra.process.lane.LOOK_SECONDS", 0.05)
    monkeypatch.setattr("infra.http.slow_clients.HEAD_SECONDS", 0.2)
    async with connected() as (reader, writer):
        writer.write(post() + b"POST /p HTTP/1.1\r\nX: ")
        assert await answer(reader) == "lane"
        line = asyncio.ensure_future(reader.readline())
        while not line.done():
            writer.write(b"T")
            await asyncio.wait([line], timeout=0.05)
        assert line.result().startswith(b"HTTP/1.1 503 ")
