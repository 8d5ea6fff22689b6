"""The campaign service as it runs, in front of a real Kafka and PostgreSQL."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import replace
from typing import Any
from urllib.parse import urlsplit

import asyncpg
import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient

from contracts import topics
from contracts.events import CampaignRequested, decode
from infra.http.application import new_application
from infra.kafka.connection import KafkaConnection
from infra.kafka.log import scan
from infra.kafka.provision import provision
from infra.postgres.pool import Pool
from infra.process.health import add_health_routes
from infra.process.settings import Settings
from infra.process.world import SystemIds, World
from services.campaign.app import setup
from tests.served import ServedAsRun

Client = TestClient[web.Request, web.Application]
Start = Callable[..., Awaitable[Client]]
Logged = Callable[[], Awaitable[list[CampaignRequested]]]

ADA = "+15551231234"
BOB = "+15551256344"
PRIVACY_KEY = "sixteen letters or more"
SEND = "/api/campaigns/send"
HELLO = {"recipients": [ADA, BOB], "message": "Hello"}


@pytest.fixture
async def start(database: str, kafka: KafkaConnection, world: World) -> AsyncIterator[Start]:
    """Starts the service on this test's database and topics; keyword arguments are further settings."""
    async with AsyncExitStack() as stack:

        async def go(**more: Any) -> Client:
            return await stack.enter_async_context(await _service(database, kafka, world, **more))

        yield go


async def _service(database: str, kafka: KafkaConnection, world: World, **more: Any) -> Client:
    values: dict[str, Any] = {
        "_env_file": None,
        "database_url": database,
        "kafka_bootstrap_servers": kafka.bootstrap_servers,
        "kafka_topic_prefix": kafka.topic_prefix,
        "privacy_key": PRIVACY_KEY,
    }
    settings = Settings(**(values | more))
    app = new_application(settings)
    add_health_routes(app)
    await setup(app, settings, world)
    return TestClient(ServedAsRun(app))


@pytest.fixture(scope="module")
async def standing(
    request: pytest.FixtureRequest, postgres_dsn: str, template: str, kafka_bootstrap: str
) -> AsyncIterator[Client]:
    """A running service for those tests of a module that do not see each other; `SETTINGS` there are its settings."""
    more = getattr(request.module, "SETTINGS", {})
    name = f"standing_{SystemIds().uuid7().hex}"
    connection = await asyncpg.connect(postgres_dsn)
    await connection.execute(f"create database {name} template {template}")
    kafka = KafkaConnection(kafka_bootstrap, topic_prefix=f"{name}-")
    await provision(kafka, topics=[replace(topic, partitions=1) for topic in topics.TOPICS])
    world = World()
    dsn = urlsplit(postgres_dsn)._replace(path=f"/{name}").geturl()
    async with await _service(dsn, kafka, world, **more) as client:
        yield client
    await world.tasks.stop()
    await connection.execute(f"drop database {name} with (force)")
    await connection.close()


@pytest.fixture
async def client(start: Start) -> Client:
    """A client of a running service that stands open."""
    return await start()


@pytest.fixture
def logged(kafka: KafkaConnection) -> Logged:
    """Gives every campaign request in this test's log, those that are there twice included."""

    async def read() -> list[CampaignRequested]:
        events = []
        async for batch in scan(kafka, [topics.CAMPAIGN_REQUESTS]):
            for record in (record for records in batch.values() for record in records):
                event = decode(record.value)
                assert isinstance(event, CampaignRequested)
                assert record.key == f"{event.campaign_id}.{event.chunk}".encode()
                events.append(event)
        return sorted(events, key=lambda event: (event.campaign_id, event.chunk))

    return read


LIVE = """
drop schema live cascade;
create schema live;
create table live.campaigns (campaign_id uuid, name text, body text, sender text, status text, scheduled_at timestamptz,
    requested_at timestamptz, requested bigint, counts jsonb, chunks int, chunks_seen int);
create table live.batches (campaign_id uuid, chunk int, part text, attempt smallint, client_reference text, status text,
    batch_id text, recipients int, attempted_at timestamptz, accepted_at timestamptz);
create table live.messages (campaign_id uuid, recipient bigint, chunk int, part text, attempt smallint, status text,
    final bool, provider_status text, code int, parts smallint, batch_id text, reported_at timestamptz,
    finalized_at timestamptz);
"""


@pytest.fixture
async def live(pool: Pool) -> Pool:
    """The test's database with tables in the place of the projector's views, to be filled at will."""
    await pool.execute(LIVE)
    return pool
