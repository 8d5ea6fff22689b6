"""The gateway as routes in an aiohttp application, and what it starts and stops with it."""

from collections.abc import AsyncIterator, Awaitable, Callable
from functools import partial

import structlog
from aiohttp import web

from contracts.identity import pseudonym
from infra.kafka.connection import connection_from
from infra.kafka.log import Appender
from infra.kafka.reachable import check_reachable
from infra.process.health import readiness_of
from infra.process.settings import Settings
from infra.process.world import World
from services.webhook_gateway.handler import Handler
from services.webhook_gateway.translate import Translator

log = structlog.get_logger(__name__)

SERVICE = "webhook_gateway"
PATHS = ("/api/webhooks/delivery-reports", "/api/webhooks/sinch")
PREFIX = "/api/webhooks/"

HANDLER: web.AppKey[Handler] = web.AppKey("webhook_handler", Handler)


async def setup(app: web.Application, settings: Settings, world: World) -> None:
    """Add the gateway to `app`: its routes, its errors, its readiness, and what lives as long as the application.

    Needs KAFKA_BOOTSTRAP_SERVERS and PRIVACY_KEY.
    """
    app.middlewares.append(_answers)
    for path in PATHS:
        app.router.add_post(path, _receive)
    readiness_of(app)
    app.cleanup_ctx.append(partial(_lifetime, settings=settings, world=world))


async def _receive(request: web.Request) -> web.Response:
    return await request.app[HANDLER](request)


async def _lifetime(app: web.Application, *, settings: Settings, world: World) -> AsyncIterator[None]:
    assert settings.privacy_key is not None
    kafka, key = connection_from(settings), settings.privacy_key.get_secret_value()
    appender = Appender(kafka, world, name=f"{SERVICE}-{settings.replica}")
    await appender.start()
    tokens = [token.get_secret_value() for token in settings.webhook_token]
    app[HANDLER] = Handler(appender, Translator(lambda number: pseudonym(number, key)), world.clock, tokens)
    readiness_of(app)["kafka"] = lambda: check_reachable(kafka)
    yield
    await appender.stop()


@web.middleware
async def _answers(
    request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
) -> web.StreamResponse:
    """Below /api/webhooks/ errors are JSON, and a defect of ours is a 503, which Sinch retries."""
    if not request.path.startswith(PREFIX):
        return await handler(request)
    try:
        return await handler(request)
    except web.HTTPException as error:
        headers = {"Allow": error.headers["Allow"]} if "Allow" in error.headers else {}
        return web.json_response({"message": error.reason}, status=error.status, headers=headers)
    except Exception:
        log.exception("callback_failed", path=request.path)
        return web.json_response({"message": "Something is wrong here; try again."}, status=503)
