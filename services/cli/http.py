"""The HTTP processes: campaign and webhook gateway in one application, or each alone; and the workers' health pages."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import structlog
from aiohttp import web

from infra.http.application import health_application, new_application
from infra.kafka.connection import connection_from
from infra.kafka.safety import kafka_check
from infra.postgres.ready import postgres_check
from infra.postgres.standing import Standing
from infra.process.health import NOTES, add_health_routes, readiness_of, same_health, serving
from infra.process.settings import Settings
from infra.process.world import World
from services.cli.service import Work

log = structlog.get_logger(__name__)

Setup = Callable[[web.Application, Settings, World], Awaitable[None]]


def http_work(
    *setups: Setup, port: Callable[[Settings], int] = lambda settings: settings.port, reuse_port: bool = False
) -> Work:
    """A process that answers HTTP with all of `setups` mounted in one application, on a port of several if wanted."""

    async def work(settings: Settings, world: World) -> None:
        app = new_application(settings)
        add_health_routes(app)
        for setup in setups:
            await setup(app, settings, world)
        async with (
            serving(app, settings.host, port(settings), reuse_port=reuse_port) as bound,
            _own_port(app, settings),
        ):
            log.info("listening", host=settings.host, port=bound)
            await asyncio.Event().wait()

    return work


@asynccontextmanager
async def _own_port(app: web.Application, settings: Settings) -> AsyncIterator[None]:
    """Health and metrics of `app` also on METRICS_PORT, where nobody comes from outside."""
    if settings.metrics_port == 0:
        yield
        return
    other = health_application(settings)
    same_health(app, other)
    async with serving(other, settings.host, settings.metrics_port):
        yield


def with_health(work: Work) -> Work:
    """The work of a process without an API, with health pages on METRICS_PORT beside it. 0: without."""

    async def both(settings: Settings, world: World) -> None:
        if settings.metrics_port == 0:
            return await work(settings, world)
        app = health_application(settings)
        add_health_routes(app, published=False)
        assert settings.database_url is not None
        checks, kafka = readiness_of(app), connection_from(settings)
        checks["postgres"] = postgres_check(settings.database_url.get_secret_value())
        checks["kafka"] = kafka_check(kafka, world.clock)
        standing = Standing(settings.database_url.get_secret_value())
        app[NOTES] = standing.as_notes
        async with (
            world.tasks.running("standing", standing.run(world)),
            serving(app, settings.host, settings.metrics_port),
        ):
            return await work(settings, world)

    return both
