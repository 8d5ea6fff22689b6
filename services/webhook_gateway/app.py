"""The gateway as routes in an aiohttp application, and what it starts and stops with it."""

import gc
from collections.abc import AsyncIterator
from functools import partial

import structlog
from aiohttp import web

from contracts.consent import Keywords
from contracts.identity import pseudonym
from infra.http.application import DOOR
from infra.http.door import Door
from infra.kafka.connection import connection_from
from infra.kafka.log import Appender
from infra.kafka.safety import kafka_check
from infra.process.health import readiness_of
from infra.process.settings import Settings
from infra.process.world import World
from services.webhook_gateway.access_line import access_line
from services.webhook_gateway.counting import Counting
from services.webhook_gateway.handler import Handler
from services.webhook_gateway.proof import Proof
from services.webhook_gateway.routes import HANDLER, Accepted, add_routes
from services.webhook_gateway.translate import Translator

log = structlog.get_logger(__name__)

SERVICE = "webhook_gateway"

KEEP_UP_SECONDS = 0.5
YOUNG_OBJECTS = 20_000
"""Before the collector looks at them. 64 requests in flight are 2,000 objects, which the default of 700 goes through
three times for nothing: reports leave no cycles behind.
"""


async def setup(app: web.Application, settings: Settings, world: World) -> None:
    """Add the gateway to `app`: its routes, its errors, its readiness, and what lives as long as the application.

    Needs KAFKA_BOOTSTRAP_SERVERS and PRIVACY_KEY.
    """
    accepted = add_routes(app, world.clock)
    readiness_of(app)
    app.cleanup_ctx.append(partial(_lifetime, settings=settings, world=world, accepted=accepted))


async def _lifetime(
    app: web.Application, *, settings: Settings, world: World, accepted: Accepted
) -> AsyncIterator[None]:
    kafka = connection_from(settings)
    appender = Appender(kafka, world, name=f"{SERVICE}-{settings.replica}")
    await appender.start()
    gc.set_threshold(YOUNG_OBJECTS)
    counting = Counting()
    app[HANDLER] = Handler(
        appender,
        translator_of(settings),
        world,
        proof=proof_of(settings, app.get(DOOR)),
        log_callback=access_line(settings),
        counting=counting,
    )
    readiness_of(app)["kafka"] = kafka_check(kafka, world.clock)
    async with world.tasks.running("webhook_metrics", _keep_up(counting, accepted, world)):
        yield
    await appender.stop()
    counting.hand_over()


async def _keep_up(counting: Counting, accepted: Accepted, world: World) -> None:
    """What is done now and then instead of for every callback."""
    while True:
        counting.hand_over()
        accepted.renew()
        await world.clock.sleep(KEEP_UP_SECONDS)


def translator_of(settings: Settings) -> Translator:
    """The translator that the settings ask for; also how a dead letter is read again."""
    assert settings.privacy_key is not None
    key = settings.privacy_key.get_secret_value()
    words = Keywords(settings.consent_languages, settings.consent_opt_out_words, settings.consent_opt_in_words)
    return Translator(lambda number: pseudonym(number, key), words)


def proof_of(settings: Settings, door: Door | None = None) -> Proof:
    """What callers must show, by the settings; where they name nothing, `door` judges."""
    tokens, basic, secrets = (
        [secret.get_secret_value() for secret in several]
        for several in (settings.webhook_token, settings.webhook_basic_auth, settings.sinch_webhook_secret)
    )
    return Proof(tokens, basic, secrets, settings.webhook_freshness, door)
