"""`make chaos NAME=brokers`: three brokers are harmed under the load of gateway, dispatcher and projector."""

import asyncio
import os
import sys
import tempfile
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
import asyncpg

from contracts import topics
from contracts.events import CampaignRequested, encode
from contracts.identity import chunk_key, derived_id
from infra.kafka.connection import KafkaConnection
from infra.kafka.log import Appender, Entry, scan
from infra.postgres.embedded import EmbeddedPostgres
from infra.process.children import start_child
from infra.process.ports import free_port
from infra.process.world import World
from infra.sinch.simulator.server import serve_simulator
from tests.chaos.load import Found, Load, found_of
from tests.cluster import Cluster
from tests.places import make_template, named
from tests.waiting import until

PROGRAMS = ("webhook-gateway", "dispatcher", "projector")
RECIPIENTS = 5
MOST_SECONDS_FROZEN = 6.0
MOST_RATIO = 1.05
END_SECONDS = 180.0
SETTINGS = {
    "SINCH_SERVICE_PLAN_ID": "simulator", "SINCH_API_TOKEN": "simulator", "SINCH_NUMBER": "15550009999",
    "SINCH_MPS": "1000", "PRIVACY_KEY": "k" * 16, "LOG_FORMAT": "json", "METRICS_PORT": "0", "KAFKA_REPLICATION": "3",
}  # fmt: skip
Harm = Callable[[Cluster], Awaitable[None]]


async def leader_killed(cluster: Cluster) -> None:
    """A leader ends by SIGKILL and comes back."""
    node = await cluster.leader(topics.CAMPAIGN_REQUESTS)
    await cluster.kill(node)
    await asyncio.sleep(6)
    await cluster.revive(node)


async def leader_frozen(cluster: Cluster) -> None:
    """A leader stands still for 20 s."""
    node = await cluster.leader(topics.CAMPAIGN_REQUESTS)
    cluster.freeze(node)
    await asyncio.sleep(20)
    cluster.thaw(node)


async def two_away(cluster: Cluster) -> None:
    """Two of three end by SIGKILL and come back: meanwhile nothing can be acknowledged."""
    await cluster.kill(1)
    await cluster.kill(2)
    await asyncio.sleep(6)
    await asyncio.gather(cluster.revive(1), cluster.revive(2))


async def controller_killed(cluster: Cluster) -> None:
    """The controller of the moment ends by SIGKILL and comes back."""
    node = await cluster.active_controller()
    await cluster.kill(node)
    await asyncio.sleep(6)
    await cluster.revive(node)


HARMS: tuple[Harm, ...] = (leader_killed, leader_frozen, two_away, controller_killed)


@dataclass(slots=True)
class System:
    """All that runs, and the load upon it."""

    cluster: Cluster
    kafka: KafkaConnection
    world: World
    dsn: str
    simulator: str


@asynccontextmanager
async def _system(home: Path) -> AsyncIterator[System]:
    async with AsyncExitStack() as stack:
        world = World()
        stack.push_async_callback(world.tasks.stop)
        cluster, postgres = Cluster(home), EmbeddedPostgres(home / "postgres", durable=False)
        stack.push_async_callback(cluster.stop)
        stack.push_async_callback(postgres.stop)
        kafka, server = await cluster.start(), await postgres.start()
        dsn = named(server, await make_template(server))
        simulator = await stack.enter_async_context(serve_simulator(world=world))
        port = str(free_port())
        environment = os.environ | SETTINGS | {
            "KAFKA_BOOTSTRAP_SERVERS": kafka.bootstrap_servers, "DATABASE_URL": dsn, "SINCH_BASE_URL": simulator.url,
            "BASE_URL": f"http://127.0.0.1:{port}", "PORT": port, "WEBHOOK_PORT": port, "REPLICA": "0",
        }  # fmt: skip
        for program in PROGRAMS:
            stack.push_async_callback(_stop, world.tasks.spawn(program, _kept(program, environment, home)))
        yield System(cluster, kafka, world, dsn, simulator.url)


async def _stop(task: asyncio.Task[None]) -> None:
    task.cancel()
    await asyncio.wait({task})


async def _kept(program: str, environment: dict[str, str], home: Path) -> None:
    """A program, started again when it ends, as every supervisor does."""
    while True:
        argv = [sys.executable, "-m", "services.cli", program]
        child = await start_child(argv, name=program, env=environment, output=home / f"{program}.log")
        try:
            await child.wait()
        finally:
            await child.stop()
        await asyncio.sleep(0.5)


def request(name: str) -> Entry:
    """A campaign of one chunk, its recipients nobody else's."""
    campaign = derived_id("campaign", name)
    first = 10**9 + int(campaign.replace("-", "")[:7], 16) * 100
    event = CampaignRequested(
        event_id=derived_id("request", name), occurred_at="2026-03-01T12:00:00.000Z", campaign_id=campaign, chunk=0,
        chunks=1, actor="chaos", body="Hello", recipients=[f"1{first + n}" for n in range(RECIPIENTS)],
    )  # fmt: skip
    return Entry(topics.CAMPAIGN_REQUESTS, chunk_key(campaign, 0), encode(event))


@dataclass(frozen=True, slots=True)
class Harmed:
    """What one kind of harm showed."""

    name: str
    found: Found
    worst: float
    failures: int

    @property
    def good(self) -> bool:
        """Nothing lost, nothing elsewhere, hardly anything twice; with a frozen leader nobody waits for long."""
        bounded = self.name != leader_frozen.__name__ or self.worst < MOST_SECONDS_FROZEN
        return not self.found.lost and not self.found.elsewhere and self.found.ratio < MOST_RATIO and bounded


async def harm(system: System, what: Harm) -> tuple[Load, Harmed]:
    """One kind of harm under load."""
    appender = Appender(system.kafka, system.world, name=what.__name__)
    await appender.start()
    load = Load(appender, request, what.__name__, writers=4, pause=0.2)

    async def harmed() -> None:
        await asyncio.sleep(2)
        await what(system.cluster)
        await asyncio.sleep(4)

    await load.during(harmed)
    await appender.stop()
    found = await found_of(load, system.kafka, topics.CAMPAIGN_REQUESTS)
    return load, Harmed(what.__name__, found, load.worst, load.failures)


async def judge(system: System, asked: int) -> list[str]:
    """What is wrong at the end: recipients sent to twice or never, messages without an end in the tables."""
    wanted, wrong = asked * RECIPIENTS, []
    connection = await asyncpg.connect(system.dsn)

    async def ended() -> bool:
        return bool(
            await connection.fetchval("SELECT count(*) FROM live.messages WHERE status = 'delivered'") == wanted
        )

    try:
        await until(ended, f"{wanted} messages delivered in the tables", within=END_SECONDS)
    except AssertionError as error:
        rows = await connection.fetch("SELECT status::text, count(*) FROM live.messages GROUP BY 1")
        wrong.append(f"{error}; there are {[tuple(row) for row in rows]}")
    finally:
        await connection.close()
    async with aiohttp.ClientSession() as http, http.get(f"{system.simulator}/simulator/sends") as answer:
        sends: dict[str, Any] = await answer.json()
    got = Counter(recipient for entry in sends["sends"] for recipient in entry["recipients"])
    twice = sum(count > 1 for count in got.values())
    if twice or len(got) != wanted:
        wrong.append(f"{twice} recipients got it twice, {wanted - len(got)} not at all")
    return wrong


async def records_for_each(kafka: KafkaConnection) -> float:
    """Records in the log of gateway and dispatcher for each that is different: what landed beside its repetition counts."""
    values: Counter[bytes | None] = Counter()
    async for batch in scan(kafka, [topics.DELIVERY_REPORTS, topics.DISPATCHES]):
        for records in batch.values():
            values.update(record.value for record in records)
    return sum(values.values()) / max(1, len(values))


async def run(harms: tuple[Harm, ...] = HARMS) -> bool:
    """All kinds of harm, a line each; gives whether all went well."""
    with tempfile.TemporaryDirectory() as directory:
        async with _system(Path(directory)) as system:
            asked, good = 0, True
            for what in harms:
                load, harmed = await harm(system, what)
                asked, good = asked + len(load.asked), good and harmed.good
                found = harmed.found
                print(
                    f"{harmed.name}: {'good' if harmed.good else 'BAD'}, {found.acknowledged} acknowledged, {found.lost} lost, "
                    f"{found.elsewhere} elsewhere, worst wait {harmed.worst:.1f} s, {harmed.failures} repeated, "
                    f"{found.ratio:.3f} records each",
                    flush=True,
                )
            wrong, ratio = await judge(system, asked), await records_for_each(system.kafka)
            print(f"{asked * RECIPIENTS} recipients: {'; '.join(wrong) or 'each once, all delivered'}")
            print(f"reports and dispatches: {ratio:.3f} records each")
            return good and not wrong and ratio < MOST_RATIO
