"""The dispatcher in this process, with a simulated Sinch and a gateway for its callbacks: what its tests stand on."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import Any, TypeVar

import aiohttp
import asyncpg
from aiohttp import web
from aiohttp.test_utils import TestServer

from contracts import topics
from contracts.events import AnyEvent, CampaignRequested, Event, encode
from contracts.identity import chunk_key, derived_id
from infra.kafka.connection import KafkaConnection
from infra.kafka.log import Appender, Entry
from infra.postgres.pool import Connection
from infra.process.settings import Settings
from infra.process.world import World, iso
from infra.sinch.simulator.server import RunningSimulator, serve_simulator
from services.dispatcher.app import run
from services.webhook_gateway.app import setup
from tests.reading import events_of
from tests.waiting import until

FAST: dict[str, Any] = {
    "dispatch_deadline": 1.0, "sinch_http_timeout": 1.0, "dispatch_margin": 0.2, "in_doubt_settle": 0.4,
    "in_doubt_looks": 2, "sinch_mps": 100_000, "privacy_key": "k" * 16, "sinch_service_plan_id": "simulator",
    "sinch_api_token": "simulator", "sinch_number": "15550009999", "follow_up_gather": 0.2, "pull_margin": 0.0,
}  # fmt: skip
OPEN = "SELECT count(*) FROM dispatch.batches WHERE state IN ('due', 'attempting', 'in_doubt')"
CAMPAIGN = "01930000-0000-7000-8000-0000000000aa"
NUMBERS = [str(15550000000 + n) for n in range(10)]

E = TypeVar("E", bound=Event)


@dataclass(frozen=True)
class Parts:
    """What a test needs of the outside."""

    kafka: KafkaConnection
    database: str
    simulator: RunningSimulator
    http: aiohttp.ClientSession
    appender: Appender
    gateway: str
    ledger: Connection

    def settings(self, **more: Any) -> Settings:
        """The dispatcher's settings on these parts."""
        values = FAST | {
            "kafka_bootstrap_servers": self.kafka.bootstrap_servers, "kafka_topic_prefix": self.kafka.topic_prefix,
            "database_url": self.database, "sinch_base_url": self.simulator.url, "base_url": self.gateway,
        }  # fmt: skip
        return Settings(**(values | more))

    async def rules(self, **rules: Any) -> None:
        """How Sinch behaves from now on."""
        async with self.http.put(f"{self.simulator.url}/simulator/rules", json=rules) as answer:
            assert answer.status == 200, await answer.text()

    async def ask(
        self, *chunks: Sequence[str], campaign: str = CAMPAIGN, of: int | None = None, first: int = 0, **more: Any
    ) -> None:
        """A campaign is requested; with `of`, these chunks, from number `first` on, are only some of its chunks."""
        entries = [
            Entry(
                topics.CAMPAIGN_REQUESTS,
                chunk_key(campaign, number),
                encode(
                    CampaignRequested(
                        event_id=derived_id(campaign, number), occurred_at=iso(World().clock.wall()), campaign_id=campaign,
                        chunk=number, chunks=of or len(chunks), actor="test", body="Hello", recipients=list(chunk), **more,
                    )
                ),
            )
            for number, chunk in enumerate(chunks, first)
        ]  # fmt: skip
        await self.appender.append_all(entries)

    async def say(self, topic: str, key: str, event: Event) -> None:
        """Somebody says something in the log."""
        await self.appender.append(Entry(topic, key, encode(event)))

    async def sent(self) -> Counter[str]:
        """How often the simulator accepted a message to each number."""
        async with self.http.get(f"{self.simulator.url}/simulator/sends") as answer:
            body = await answer.json()
        return Counter(recipient for entry in body["sends"] for recipient in entry["recipients"])

    async def messages(self) -> int:
        """How many messages the simulator accepted; cheap to ask for."""
        async with self.http.get(f"{self.simulator.url}/simulator/sends?summary=1") as answer:
            count: int = (await answer.json())["messages"]
        return count

    async def settled(self, chunks: int = 1) -> None:
        """Wait until all is taken in and nothing is left to offer or to find out."""

        async def is_settled() -> bool:
            arrived: int = await self.ledger.fetchval("SELECT count(*) FROM dispatch.chunks")
            return arrived >= chunks and await self.ledger.fetchval(OPEN) == 0

        await until(is_settled, "the ledger is settled", within=120.0)  # pauses grow, and a machine may be busy

    async def events(self, kind: type[E], topic: str = topics.DISPATCHES) -> list[E]:
        """What the log says, of one kind."""
        found: list[AnyEvent] = await events_of(self.kafka, topic)
        return [event for event in found if isinstance(event, kind)]


@asynccontextmanager
async def parts(
    kafka: KafkaConnection, database: str, world: World, *, sinchs: World | None = None
) -> AsyncIterator[Parts]:
    """Simulator, gateway, an appender and a look into the ledger. `sinchs`: the simulator's world, where it is another."""
    async with AsyncExitStack() as stack:
        simulator = await stack.enter_async_context(serve_simulator(world=sinchs or world))
        app = web.Application()
        values: dict[str, Any] = {"kafka_bootstrap_servers": kafka.bootstrap_servers, "privacy_key": "k" * 16}
        settings = Settings(kafka_topic_prefix=kafka.topic_prefix, **values)
        await setup(app, settings, world)
        gateway = await stack.enter_async_context(TestServer(app))
        http = await stack.enter_async_context(aiohttp.ClientSession())
        appender = Appender(kafka, world, name="test")
        await appender.start()
        stack.push_async_callback(appender.stop)
        ledger = await asyncpg.connect(database)
        stack.push_async_callback(ledger.close)
        yield Parts(kafka, database, simulator, http, appender, str(gateway.make_url("")).rstrip("/"), ledger)


@asynccontextmanager
async def dispatching(these: Parts, **more: Any) -> AsyncIterator[None]:
    """A dispatcher lives while the context lasts; a failure of its own fails the test."""
    world = World()
    main = asyncio.create_task(run(these.settings(**more), world))
    try:
        yield
        assert not main.done(), main.exception()
    except AssertionError as failed:  # a state that did not come, because the dispatcher was gone
        if main.done() and not main.cancelled():
            raise AssertionError(f"the dispatcher ended: {main.exception()!r}") from failed
        raise
    finally:
        main.cancel()
        await asyncio.wait({main})
        await world.tasks.stop()
        assert not world.tasks.any_failed, "a task of the dispatcher failed"
