"""API, gateway, dispatcher, projector and simulator in one process, on this test's own topics and database."""

import asyncio
import os
import sys
from asyncio.subprocess import PIPE, STDOUT
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import aiohttp
from aiohttp import web

from contracts import topics
from contracts.events import CampaignRequested, encode
from contracts.identity import chunk_key
from infra.kafka.connection import KafkaConnection
from infra.kafka.log import Appender, Entry
from infra.postgres.pool import Pool
from infra.process.health import add_health_routes, serving
from infra.process.ports import free_port
from infra.process.settings import Settings
from infra.process.world import World, iso
from infra.sinch.simulator.rules import decode_rules
from infra.sinch.simulator.server import RunningSimulator, serve_simulator
from services.campaign.app import setup as campaign
from services.dispatcher.app import run as dispatcher
from services.projector.app import run as projector
from services.webhook_gateway.app import setup as webhook_gateway
from tests.waiting import until

CHUNK = 5
RATE = 100.0
"""Recipients a second: 20 small chunks."""
WITHIN_SECONDS = 60.0


FAST = {
    "sinch_service_plan_id": "simulator",
    "sinch_api_token": "simulator",
    "sinch_number": "15550009999",
    "sinch_mps": RATE,
    "sinch_http_timeout": 2,
    "dispatch_deadline": 2,
    "dispatch_in_flight": 4,
    "in_doubt_settle": 2,
}


@dataclass(frozen=True)
class Whole:
    """A running system, its clients and what is behind it."""

    api: aiohttp.ClientSession
    simulator: RunningSimulator
    kafka: KafkaConnection
    pool: Pool
    settings: Settings
    world: World

    async def request(self, chunks: int, **options: Any) -> tuple[str, list[str]]:
        """Put a campaign of small chunks into the log, as the API would; gives its id and its recipients."""
        campaign_id = str(self.world.ids.uuid7())
        first = 15_550_000_000 + int(campaign_id.replace("-", "")[-6:], 16) * 100
        recipients = [str(first + n) for n in range(chunks * CHUNK)]
        entries = [
            Entry(
                topics.CAMPAIGN_REQUESTS,
                chunk_key(campaign_id, chunk),
                encode(
                    CampaignRequested(
                        event_id=str(self.world.ids.uuid7()),
                        occurred_at=iso(self.world.clock.wall()),
                        campaign_id=campaign_id,
                        chunk=chunk,
                        chunks=chunks,
                        actor="test",
                        body="Hello",
                        recipients=recipients[chunk * CHUNK : (chunk + 1) * CHUNK],
                        **options,
                    )
                ),
            )
            for chunk in range(chunks)
        ]
        await self.append(entries)
        return campaign_id, recipients

    async def append(self, entries: Sequence[Entry]) -> None:
        """Put records into the log."""
        appender = Appender(self.kafka, self.world, name="test")
        await appender.start()
        await appender.append_all(entries)
        await appender.stop()

    async def decide(self, campaign_id: str, word: str) -> None:
        """Pause, resume or cancel through the API."""
        async with self.api.post(f"/api/campaigns/{campaign_id}/{word}") as answer:
            assert answer.status == 202, await answer.text()

    async def status(self, campaign_id: str) -> str:
        """The campaign's status; empty while the API knows nothing of it."""
        async with self.api.get(f"/api/campaigns/{campaign_id}") as answer:
            return str((await answer.json()).get("status", ""))

    async def reaches(self, campaign_id: str, status: str, within: float = WITHIN_SECONDS) -> None:
        """Wait until the campaign has this status."""

        async def there() -> bool:
            return await self.status(campaign_id) == status

        await until(there, f"{campaign_id} is {status}", within=within)

    def sent(self, campaign_id: str) -> list[str]:
        """Every recipient that the simulator took for this campaign, as often as it did."""
        return [str(number) for batch in self._batches(campaign_id) for number in batch.to]

    def last_post(self, campaign_id: str) -> datetime:
        """When the simulator accepted the campaign's last batch."""
        return datetime.fromtimestamp(max(batch.created for batch in self._batches(campaign_id)), UTC)

    def canceled(self, campaign_id: str) -> list[bool]:
        """For each of its batches, whether it was cancelled at Sinch."""
        return [batch.canceled for batch in self._batches(campaign_id)]

    async def has_sent(self, campaign_id: str, messages: int, within: float = WITHIN_SECONDS) -> None:
        """Wait until the simulator has taken so many messages."""
        await until(
            lambda: len(self.sent(campaign_id)) >= messages, f"{messages} of {campaign_id} are sent", within=within
        )

    def _batches(self, campaign_id: str) -> list[Any]:
        stored = self.simulator.plan.store.oldest_first()
        return [batch for batch in stored if str(batch.fields.get("client_reference", "")).startswith(campaign_id)]


def settings_of(kafka: KafkaConnection, database: str, **more: Any) -> Settings:
    """Settings for this test's own topics and database, from nowhere else."""
    values: dict[str, Any] = {
        "_env_file": None,
        "database_url": database,
        "kafka_bootstrap_servers": kafka.bootstrap_servers,
        "kafka_topic_prefix": kafka.topic_prefix,
        "privacy_key": "sixteen letters or more",
    }
    return Settings(**(values | more))


@asynccontextmanager
async def whole(kafka: KafkaConnection, database: str, pool: Pool, **more: Any) -> AsyncIterator[Whole]:
    """The system while the context lasts; keyword arguments are settings."""
    world, port = World(), free_port()
    async with serve_simulator() as simulator:
        settings = settings_of(kafka, database, **(FAST | {"sinch_base_url": simulator.url, "port": port} | more))
        app = web.Application()
        add_health_routes(app)
        await campaign(app, settings, world)
        await webhook_gateway(app, settings, world)
        async with (
            serving(app, "127.0.0.1", port),
            world.tasks.running("projector", projector(settings, world)),
            world.tasks.running("dispatcher", dispatcher(settings, world)),
            aiohttp.ClientSession(f"http://127.0.0.1:{port}") as api,
        ):
            yield Whole(api, simulator, kafka, pool, settings, world)
        await world.tasks.stop()


def slow_delivery(system: Whole) -> None:
    """Sinch keeps what it takes for a minute, so that there is something to cancel."""
    system.simulator.plan.follow(decode_rules(b'{"delays": {"dispatch": {"min": 60, "max": 60}}}'))


async def command(settings: Settings, *arguments: str) -> tuple[int, str]:
    """`heliograph …` as operators type it: its exit code and all that it says."""
    assert settings.database_url is not None
    environment = os.environ | {
        "DATABASE_URL": settings.database_url.get_secret_value(),
        "KAFKA_BOOTSTRAP_SERVERS": settings.kafka_bootstrap_servers or "",
        "KAFKA_TOPIC_PREFIX": settings.kafka_topic_prefix,
        "READER_LAG": str(settings.reader_lag),
        "IN_DOUBT_SETTLE": str(settings.in_doubt_settle),
    }
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "services.cli", *arguments, env=environment, stdout=PIPE, stderr=STDOUT
    )
    output, _ = await process.communicate()
    assert process.returncode is not None
    return process.returncode, output.decode()
