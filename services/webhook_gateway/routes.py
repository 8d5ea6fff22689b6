"""The gateway's paths in an application: the ordinary way through aiohttp, and the short one."""

from collections.abc import Mapping
from functools import partial

import structlog
from aiohttp import StreamReader, web
from aiohttp.http_parser import RawRequestMessage

from infra.process.lane import LANE, Receive
from infra.process.world import Clock
from services.webhook_gateway.answers import ACCEPTED, Answer, refusal, try_again
from services.webhook_gateway.handler import Handler

log = structlog.get_logger(__name__)

PATHS = ("/api/webhooks/delivery-reports", "/api/webhooks/sinch")
PREFIX = "/api/webhooks/"
HANDLER: web.AppKey[Handler] = web.AppKey("webhook_handler", Handler)


def add_routes(app: web.Application, clock: Clock) -> "Accepted":
    """Answer callbacks on the gateway's paths by `app[HANDLER]`, and say of all else below them what is wrong.

    Gives the block of the usual answer, whose Date somebody has to renew.
    """
    accepted, lane = Accepted(clock), dict[str, Receive]()
    app[LANE] = lane
    for path in PATHS:
        lane[path] = partial(_short, app, accepted)
        app.router.add_post(path, _ordinary)
        app.router.add_route("*", path, _only_post)
    app.router.add_route("*", f"{PREFIX}{{rest:.*}}", _nothing_here)
    return accepted


class Accepted:
    """The block of bytes that nearly every callback gets. Its Date is as old as the last `renew`."""

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self.renew()

    def renew(self) -> None:
        """Write it anew, with the time of now."""
        self.block = ACCEPTED.block(self.clock.wall())


async def _short(
    app: web.Application, accepted: Accepted, message: RawRequestMessage, body: StreamReader, remote: str | None
) -> bytes:
    answer = await _answer(app, message.path, message.headers, body, remote)
    return accepted.block if answer is ACCEPTED else answer.block(accepted.clock.wall())


async def _ordinary(request: web.Request) -> web.Response:
    answer = await _answer(request.app, request.raw_path, request.headers, request.content, request.remote)
    return answer.response()


async def _answer(
    app: web.Application, target: str, headers: Mapping[str, str], body: StreamReader, remote: str | None
) -> Answer:
    """A defect of ours is a 503, which Sinch retries."""
    try:
        return await app[HANDLER](target, headers, body, remote)
    except Exception:
        log.exception("callback_failed", path=target.partition("?")[0])
        return try_again("Something is wrong here; try again.")


async def _only_post(_request: web.Request) -> web.Response:
    return refusal(405, "Callbacks are posted.", {"Allow": "POST"}).response()


async def _nothing_here(_request: web.Request) -> web.Response:
    return refusal(404, "There is nothing here.", {}).response()
