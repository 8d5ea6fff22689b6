"""The yardstick of the webhook benchmark: an aiohttp app on uvloop that reads the body and does nothing with it."""

import gc
import sys

import uvloop
from aiohttp import web


async def _receive(request: web.Request) -> web.Response:
    await request.read()
    return web.Response(body=b'{"message":"Webhook received successfully."}', content_type="application/json")


async def _app() -> web.Application:
    app = web.Application()
    app.router.add_post("/api/webhooks/delivery-reports", _receive)
    return app


def main() -> None:
    """Serve on the port that is the first argument."""
    gc.collect()
    gc.freeze()
    uvloop.install()
    web.run_app(_app(), host="127.0.0.1", port=int(sys.argv[1]), access_log=None, print=None)


if __name__ == "__main__":
    main()
