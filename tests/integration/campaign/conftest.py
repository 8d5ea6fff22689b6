"""The campaign service as it runs, in front of a real Kafka and PostgreSQL."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer

from contracts import topics
from contracts.events import CampaignRequested, decode
from infra.kafka.connection import KafkaConnection
from infra.kafka.log import scan
from infra.postgres.pool import Pool
from infra.process.health import add_health_routes
from infra.process.settings import Settings
from infra.process.world import World
from services.campaign.app import setup

Client = TestClient[web.Request, web.Application]
Start = Callable[..., Awaitable[Client]]
Logged = Callable[[], Awaitable[list[CampaignRequested]]]

ADA = "+15551231234"
BOB = "+15551256344"
SEND = "/api/campaigns/send"
HELLO = {"recipients": [ADA, BOB], "message": "Hello"}


@pytest.fixture
async def start(database: str, kafka: KafkaConnection, world: World) -> AsyncIterator[Start]:
    """Starts the service on this test's database and topics; keyword arguments are further settings."""
    async with AsyncExitStack() as stack:

        async def go(**more: Any) -> Client:
            values = {
                "database_url": database,
                "kafka_bootstrap_servers": kafka.bootstrap_servers,
                "kafka_topic_prefix": kafka.topic_prefix,
            }
            app = web.Application()
            add_health_routes(app)
            await setup(app, Settings(_env_file=None, **(values | more)), world)
            return await stack.enter_async_context(TestClient(TestServer(app)))

        yield go


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
    """This test's database with tables in the place of the projector's views, to be filled at will."""
    await pool.execute(LIVE)
    return pool
