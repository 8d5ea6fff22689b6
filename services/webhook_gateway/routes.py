"""The gateway's paths in an application: the ordinary way through aiohttp, and the short one."""

from functools import partial

import structlog
from aiohttp import web
from aiohttp.http_parser import RawRequestMessage

from infra.http import callback_paths
from infra.process.lane import LANE, Receive, Respond
from infra.process.world import Clock
from services.webhook_gateway.answers import ACCEPTED, FAILED, Answer, refusal
from services.webhook_gateway.handler import Handler

log = structlog.get_logger(__name__)

PATHS = ("/api/webhooks/delivery-reports", "/api/webhooks/sinch")
NEARLY = f"/{{near:{callback_paths.NEARLY}}}"
"""A 404 would lose every report that comes there, for Sinch never repeats one."""
HANDLER: web.AppKey[Handler] = web.AppKey("webhook_handler", Handler)


def add_routes(app: web.Application, clock: Clock) -> "Accepted":
    """Answer callbacks on the gateway's paths, and on those that nearly are, by `app[HANDLER]`.

    Gives the block of the usual answer, whose Date somebody has to renew.
    """
    accepted, lane = Accepted(clock), dict[str, Receive]()
    short = _Short(app, accepted)
    app[LANE] = lane
    for path in PATHS:
        lane[path] = short
        app.router.add_post(path, _ordinary)
        app.router.add_route("*", path, _only_post)
    app.router.add_post(NEARLY, _ordinary)
    app.router.add_route("*", NEARLY, _nothing_here)
    return accepted


class Accepted:
    """The block of bytes that nearly every callback gets. Its Date is as old as the last `renew`."""

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self.renew()

    def renew(self) -> None:
        """Write it anew, with the time of now."""
        self.block = ACCEPTED.block(self.clock.wall())


class _Short:
    """The lane's way to the handler and back."""

    def __init__(self, app: web.Application, accepted: Accepted) -> None:
        self._app = app
        self._accepted = accepted

    def __call__(self, message: RawRequestMessage, body: bytes, remote: str | None, respond: Respond) -> None:
        answer = partial(self._write, respond)
        try:
            self._app[HANDLER].receive(message.path, message.headers, body, remote, answer)
        except Exception:
            log.exception("callback_failed")
            answer(FAILED)

    def _write(self, respond: Respond, answer: Answer) -> None:
        respond(self._accepted.block if answer is ACCEPTED else answer.block(self._accepted.clock.wall()))


async def _ordinary(request: web.Request) -> web.Response:
    try:
        answer = await request.app[HANDLER].read(request.raw_path, request.headers, request.content, request.remote)
    except Exception:
        log.exception("callback_failed")
        answer = FAILED
    return answer.response()


async def _only_post(_request: web.Request) -> web.Response:
    return refusal(405, "Callbacks are posted.", {"Allow": "POST"}).response()


async def _nothing_here(_request: web.Request) -> web.Response:
    return refusal(404, "There is nothing here.", {}).response()
