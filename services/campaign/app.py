"""The campaign service as routes in an aiohttp application, and what it starts and stops with it."""

from collections.abc import AsyncIterator
from importlib.metadata import version

from aiohttp import web

from contracts.http.campaigns import BannerAnswer
from contracts.identity import pseudonym
from infra.http.application import STANDS_OPEN
from infra.kafka.connection import KafkaConnection, connection_from
from infra.kafka.log import Appender
from infra.kafka.safety import kafka_check
from infra.postgres.pool import Patience, create_pool
from infra.postgres.ready import postgres_check
from infra.postgres.standing import Standing
from infra.process.access import NoKey
from infra.process.health import NOTES, readiness_of
from infra.process.settings import Settings
from infra.process.world import World
from services.campaign import control_views, look, opt_outs
from services.campaign.accept import Acceptance
from services.campaign.access.caps import Caps
from services.campaign.access.key_ring import KeyRing
from services.campaign.addresses import Addresses
from services.campaign.auth import Guard
from services.campaign.body.held import Bodies
from services.campaign.cursors import NumberCursors
from services.campaign.decisions import Decisions
from services.campaign.docs_page import add_docs
from services.campaign.measured import measured
from services.campaign.problems import problem_documents
from services.campaign.publish import Publisher
from services.campaign.reads import Reads
from services.campaign.replies import views as replies
from services.campaign.send import SendView
from services.campaign.store import Outbox
from services.campaign.views import SERVICE, Service, json_answer
from services.campaign.voice import Voice

NAME = "campaign"
PATIENCE = Patience(lock=3.0, statement=10.0, connection=5.0)
"""With PostgreSQL, of whoever waits for an answer: tables may be locked (ALTER, VACUUM FULL), or the server stand still."""
CONNECT_SECONDS = 3.0  # to Kafka at start; without it we answer what needs no log, and go on trying


async def setup(app: web.Application, settings: Settings, world: World) -> None:
    """Add the service to `app`: routes, middlewares, readiness checks, and what lives as long as the application.

    The middlewares leave /api/webhooks/ alone: the gateway, which may be mounted in the same application, answers
    for itself. Needs DATABASE_URL, KAFKA_BOOTSTRAP_SERVERS and PRIVACY_KEY. `/healthz`, `/readyz` and `/metrics` are added by whoever
    makes the application (infra/process/health.py), once for all that is mounted in it.
    """
    assert settings.database_url is not None
    dsn, kafka = settings.database_url.get_secret_value(), connection_from(settings)
    ring, may_be_open = KeyRing(dsn, settings.api_keys, world), settings.may_stand_open
    app[STANDS_OPEN] = lambda: may_be_open and ring.is_empty
    app.middlewares.extend([measured(world.clock), problem_documents])
    Guard(ring, world.clock, settings.api_requests_per_minute, app[STANDS_OPEN]).stand_before(app)
    app.router.add_get("/", _banner)
    app.router.add_view("/api/campaigns/send", SendView)
    for path, view in (*look.ROUTES, *control_views.ROUTES, *opt_outs.ROUTES, *replies.ROUTES):
        app.router.add_view(path, view)
    add_docs(app)
    checks = readiness_of(app)
    checks["postgres"] = postgres_check(dsn)
    checks["kafka"] = kafka_check(kafka, world.clock)
    standing = Standing(dsn)
    app[NOTES] = standing.as_notes
    app.cleanup_ctx.append(lambda app: _keys(app, ring, world))
    app.cleanup_ctx.append(lambda _: _looking(standing, world))
    app.cleanup_ctx.append(lambda app: _lifetime(app, dsn, kafka, settings, world))


async def _keys(app: web.Application, ring: KeyRing, world: World) -> AsyncIterator[None]:
    """The keys of the API, known before the first request."""
    await ring.load()
    if ring.is_empty and not app[STANDS_OPEN]():
        raise NoKey(
            "The API has no key, and may not stand open (HOST, BASE_URL, a Sinch account): `heliograph keys create NAME`, or set API_KEYS."
        )
    async with world.tasks.running("keys", ring.run()):
        yield
    ring.close()


async def _looking(standing: Standing, world: World) -> AsyncIterator[None]:
    async with world.tasks.running("standing", standing.run(world)):
        yield


async def _lifetime(
    app: web.Application, dsn: str, kafka: KafkaConnection, settings: Settings, world: World
) -> AsyncIterator[None]:
    """Pool, appender and finisher: started in this order, stopped in the reverse."""
    assert settings.privacy_key is not None
    privacy_key = settings.privacy_key.get_secret_value()
    async with await create_pool(dsn, NAME, patience=PATIENCE) as pool:
        outbox = Outbox(pool)
        publisher = Publisher(outbox, lambda: _connect(kafka, settings, world), world)
        addresses = Addresses(settings.base_url)
        acceptance = Acceptance(
            outbox,
            publisher,
            addresses,
            world,
            caps=Caps(settings, world.clock),
            default_region=settings.default_region,
        )
        app[SERVICE] = Service(
            acceptance=acceptance,
            reads=Reads(pool),
            decisions=Decisions(pool),
            voice=Voice(publisher.appender),
            pseudonym=lambda number: pseudonym(number, privacy_key),
            cursors=NumberCursors(privacy_key),
            addresses=addresses,
            world=world,
            max_body_bytes=settings.max_body_bytes,
            bodies=Bodies(settings.max_body_bytes),
            default_region=settings.default_region,
        )
        finisher = world.tasks.spawn("campaign-finisher", publisher.finish_what_was_left())
        yield
        finisher.cancel()
        await publisher.stop()


async def _connect(kafka: KafkaConnection, settings: Settings, world: World) -> Appender:
    appender = Appender(kafka, world, name=f"{NAME}-{settings.replica}")
    await appender.start(within=CONNECT_SECONDS)
    return appender


async def _banner(_request: web.Request) -> web.Response:
    links = {"docs": "/docs", "openapi": "/openapi.json", "campaigns": "/api/campaigns", "ready": "/readyz"}
    said = "SMS campaigns on Sinch. POST /api/campaigns/send sends one."
    return json_answer(BannerAnswer(name="Heliograph", version=version("heliograph"), message=said, links=links))
