"""A way to Sinch that refuses large batches of one campaign without naming anybody, so that they are split."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import aiohttp
import msgspec
from aiohttp import web
from aiohttp.test_utils import TestServer

REFUSAL = {"code": "syntax_constraint_violation", "text": "The request cannot be handled."}


@asynccontextmanager
async def narrow(sinch: str, campaign: str, most: int) -> AsyncIterator[str]:
    """Its address. Everything but batches of that campaign with more than `most` recipients goes on to `sinch`."""
    async with aiohttp.ClientSession(auto_decompress=False) as http:

        async def handle(request: web.Request) -> web.Response:
            raw = await request.read()
            if request.method == "POST" and campaign.encode() in raw and len(msgspec.json.decode(raw)["to"]) > most:
                return web.json_response(REFUSAL, status=400)
            headers = {name: value for name, value in request.headers.items() if name != "Host"}
            try:
                async with http.request(request.method, sinch + request.path_qs, data=raw, headers=headers) as answer:
                    body = await answer.read()
                    kept = {
                        name: answer.headers[name]
                        for name in ("Content-Type", "Date", "Retry-After")
                        if name in answer.headers
                    }
                    return web.Response(status=answer.status, body=body, headers=kept)
            except aiohttp.ClientError:  # it was cut there, so it is cut here
                assert request.transport is not None
                request.transport.abort()
                return web.Response()

        app = web.Application(client_max_size=8 * 1024 * 1024)
        app.router.add_route("*", "/{path:.*}", handle)
        server = TestServer(app)
        await server.start_server()
        try:
            yield str(server.make_url("")).rstrip("/")
        finally:
            await server.close()
