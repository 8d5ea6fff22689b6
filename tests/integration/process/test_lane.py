"""The lane through aiohttp: plain POSTs in the connection's own task, everything else the ordinary way."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from aiohttp import StreamReader, web
from aiohttp.http_parser import RawRequestMessage

from infra.process.health import serving
from infra.process.lane import LANE, Receive

BLOCK = b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nlane"


async def short(_message: RawRequestMessage, body: StreamReader, _remote: str | None) -> bytes:
    """Answers `lane`, after the body was read."""
    await body.read()
    return BLOCK


async def ordinary(request: web.Request) -> web.Response:
    """Answers `long`."""
    await request.read()
    return web.Response(text="long")


ROUTE = ordinary


@asynccontextmanager
async def connected(receive: Receive = short) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    """A raw connection to a server that has the path /p both ways."""
    app = web.Application()
    lane: dict[str, Receive] = {"/p": receive}
    app[LANE] = lane
    app.router.add_route("*", "/{path}", ROUTE)
    async with asyncio.timeout(20), serving(app, "127.0.0.1", 0) as port:
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


async def test_nonsense_is_answered_400() -> None:
    """By aiohttp's own parser."""
    async with connected() as (reader, writer):
        writer.write(post())
        assert await answer(reader) == "lane"
        writer.write(b"NONSENSE\r\n\r\n")
        assert (await reader.readuntil(b"\r\n")).startswith(b"HTTP/1.0 400")


async def test_stopping_lets_the_request_in_progress_finish() -> None:
    """And closes its connection after the answer."""
    asked, go_on = asyncio.Event(), asyncio.Event()

    async def slow(*_: object) -> bytes:
        asked.set()
        await go_on.wait()
        return BLOCK

    app = web.Application()
    lane: dict[str, Receive] = {"/p": slow}
    app[LANE] = lane
    server = serving(app, "127.0.0.1", 0)
    async with asyncio.timeout(20):
        port = await server.__aenter__()
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(post())
        await asked.wait()
        ending = asyncio.create_task(server.__aexit__(None, None, None))
        asyncio.get_running_loop().call_soon(go_on.set)
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
