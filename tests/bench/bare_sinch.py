"""A server that only accepts batches: reads the body, waits, answers 201. It notes when each came and how many it was for.

`python -m tests.bench.bare_sinch PORT DELAY_SECONDS`; `GET /seen` gives [[seconds since boot, recipients], …] and forgets.
"""

import asyncio
import sys
import time

import msgspec
import orjson
import uvloop
from aiohttp import web


class _To(msgspec.Struct):
    to: list[str]
    client_reference: str | None = None


_decode = msgspec.json.Decoder(_To).decode


class BareSinch:
    """Accepts everything."""

    def __init__(self, delay: float) -> None:
        self._delay = delay
        self._seen: list[tuple[float, int]] = []

    async def accept(self, request: web.Request) -> web.Response:
        """POST …/batches."""
        raw = await request.read()
        sent = _decode(raw)
        self._seen.append((time.clock_gettime(time.CLOCK_BOOTTIME), len(sent.to)))
        number = len(self._seen)
        if self._delay:
            await asyncio.sleep(self._delay)
        body = {"id": f"01BENCH{number:019d}", "to": ["15550000000"], "created_at": "2026-03-01T12:00:00.000Z",
                "client_reference": sent.client_reference}  # fmt: skip
        return web.Response(body=orjson.dumps(body), status=201, content_type="application/json")

    async def seen(self, _request: web.Request) -> web.Response:
        """GET /seen."""
        seen, self._seen = self._seen, []
        return web.Response(body=orjson.dumps(seen), content_type="application/json")


async def serve(port: int, delay: float) -> None:
    """Until killed."""
    server = BareSinch(delay)
    app = web.Application(client_max_size=16 * 1024 * 1024)
    app.router.add_post("/xms/v1/{plan}/batches", server.accept)
    app.router.add_get("/seen", server.seen)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", port, backlog=1024).start()
    await asyncio.Event().wait()


if __name__ == "__main__":
    uvloop.run(serve(int(sys.argv[1]), float(sys.argv[2])))
