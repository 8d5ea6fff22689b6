"""What becomes of bodies: left as they come, thrown away where refused, ended where they come too slowly."""

import asyncio
import gzip

import pytest
from aiohttp import web

from infra.http.content_encoding import decoded, encoding_of
from infra.http.slow_clients import TooSlow
from tests.unit.http.serving import answer, connected, head, refuse, served
from tests.waiting import until

BOMB = gzip.compress(bytes(64 * 1024 * 1024))  # 65 KB
GZIP = "Content-Encoding: gzip\r\n"


async def test_a_refused_body_is_never_inflated() -> None:
    """What comes with a wrong key reaches us as the bytes that were sent, and the connection ends after the answer."""
    seen: list[web.Request] = []

    async def keep(request: web.Request) -> web.Response:
        seen.append(request)
        return await refuse(request)

    async with served(keep) as port, connected(port) as (reader, writer):
        writer.write(head(len(BOMB), GZIP) + BOMB[:100])
        status, headers, _ = await answer(reader)
        assert (status, headers["connection"]) == (401, "close")
        writer.write(BOMB[100:])
        assert await reader.read() == b""
        assert seen[0].content.total_bytes <= len(BOMB)


async def test_whoever_reads_gets_what_was_meant() -> None:
    """A body in gzip is inflated for the handler that reads it, and the connection stays."""

    async def echo(request: web.Request) -> web.Response:
        return web.Response(body=b"".join([b async for b in decoded(request.content, encoding_of(request.headers))]))

    async with served(echo) as port, connected(port) as (reader, writer):
        for text in (b"one", b"two" * 1000):
            body = gzip.compress(text)
            writer.write(head(len(body), GZIP) + body)
            status, headers, got = await answer(reader)
            assert (status, got, headers.get("connection")) == (200, text, None)


async def test_a_refused_body_without_end_is_not_drained_for_long(monkeypatch: pytest.MonkeyPatch) -> None:
    """Who is refused and goes on sending is cut off."""
    monkeypatch.setattr("infra.process.lane.LINGER_SECONDS", 0.2)
    async with served(refuse) as port, connected(port) as (reader, writer):
        writer.write(head(10**9))
        assert (await answer(reader))[0] == 401
        with pytest.raises(ConnectionError):
            await _trickle(writer)


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Windows of a fraction of a second."""
    monkeypatch.setattr("infra.process.lane.LOOK_SECONDS", 0.05)
    for name in ("HEAD_SECONDS", "WINDOW_SECONDS"):
        monkeypatch.setattr(f"infra.http.slow_clients.{name}", 0.3)


@pytest.mark.usefixtures("impatient")
async def test_a_body_that_trickles_ends() -> None:
    """The handler that reads is told, and the connection ends with its answer."""

    async def read(request: web.Request) -> web.Response:
        try:
            await request.read()
        except TooSlow:
            return web.Response(status=408)
        return web.Response()

    async with served(read) as port, connected(port) as (reader, writer):
        writer.write(head(1000))
        trickle = asyncio.ensure_future(_trickle(writer))
        assert (await answer(reader))[0] == 408
        assert await _ended(reader)
        trickle.cancel()


@pytest.mark.usefixtures("impatient")
async def test_a_head_that_trickles_ends() -> None:
    """408, though a letter more comes all the while."""
    async with served(refuse) as port, connected(port) as (reader, writer):
        writer.write(b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nX: ")
        trickle = asyncio.ensure_future(_trickle(writer))
        assert (await answer(reader))[0] == 408
        assert await _ended(reader)
        trickle.cancel()


@pytest.mark.usefixtures("impatient")
async def test_a_connection_between_requests_may_rest() -> None:
    """Neither a long handler nor a pause between two requests is the client's slowness."""
    go_on = asyncio.Event()

    async def slow(request: web.Request) -> web.Response:
        await request.read()
        await go_on.wait()
        return web.Response()

    async with served(slow) as port, connected(port) as (reader, writer):
        writer.write(head(3) + b"abc")
        await asyncio.sleep(0.8)  # several windows: nothing must happen in them, so there is nothing to wait for
        go_on.set()
        assert (await answer(reader))[0] == 200
        await asyncio.sleep(0.8)
        writer.write(head(3) + b"abc")
        assert (await answer(reader))[0] == 200


async def _ended(reader: asyncio.StreamReader) -> bool:
    """Whether the connection was ended with nothing more said; by a reset, where something more had been sent."""
    try:
        return await reader.read() == b""
    except ConnectionError:
        return True


async def _trickle(writer: asyncio.StreamWriter) -> None:
    while True:
        writer.write(b"x")
        await writer.drain()
        await asyncio.sleep(0.05)


async def test_no_http_is_answered_with_the_headers_too() -> None:
    """What cannot be read as a request gets 400, and its answer may not be sniffed or framed either."""
    async with served(refuse) as port, connected(port) as (reader, writer):
        writer.write(b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nbad header\r\n\r\n")
        status, headers, _ = await answer(reader)
        assert (status, headers["x-content-type-options"]) == (400, "nosniff")
        await until(reader.at_eof, "the connection is closed", within=10)
