"""A served application, and a raw connection to it."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from aiohttp import web
from aiohttp.typedefs import Handler

from infra.http.application import new_application
from infra.process.health import serving
from infra.process.settings import Settings

Pair = tuple[asyncio.StreamReader, asyncio.StreamWriter]


@asynccontextmanager
async def served(handler: Handler) -> AsyncIterator[int]:
    """An application that stands open with `handler` on every path; gives its port."""
    app = new_application(Settings(_env_file=None))  # type: ignore[call-arg]  # pydantic-settings' own
    app.router.add_route("*", "/{path:.*}", handler)
    async with asyncio.timeout(60), serving(app, "127.0.0.1", 0) as port:
        yield port


@asynccontextmanager
async def connected(port: int) -> AsyncIterator[Pair]:
    """A connection to it."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        yield reader, writer
    finally:
        writer.close()


def head(length: int, more: str = "") -> bytes:
    """The head of a POST whose body has `length` bytes."""
    return f"POST /p HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: {length}\r\n{more}\r\n".encode()


async def answer(reader: asyncio.StreamReader) -> tuple[int, dict[str, str], bytes]:
    """Status, headers (names in small letters) and body of the next answer."""
    lines = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines[1:] if line)}
    return int(lines[0].split()[1]), headers, await reader.readexactly(int(headers["content-length"]))


async def refuse(_request: web.Request) -> web.Response:
    """Refuses without looking at the body, as a missing key does."""
    return web.Response(status=401)
