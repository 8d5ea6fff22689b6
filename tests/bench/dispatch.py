"""The dispatcher: a campaign of a million, ten thousand campaigns of one, and how much of the plan's rate is used.

Real Kafka and PostgreSQL of its own, the dispatcher as its own process, and a server that only accepts (bare_sinch).
Nothing is pinned: Kafka, PostgreSQL, the server and the dispatcher share the machine's cores.
"""

import asyncio
import os
import sys
import tempfile
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import aiohttp
import asyncpg
import uvloop
from sinch import SinchClient

from contracts import topics
from contracts.events import CampaignRequested, encode
from contracts.identity import chunk_key, derived_id
from infra.kafka.connection import KafkaConnection
from infra.kafka.embedded import EmbeddedKafka
from infra.kafka.log import Appender, Entry
from infra.postgres.embedded import EmbeddedPostgres
from infra.postgres.pool import Connection
from infra.process.children import Child, start_child
from infra.process.ports import free_port
from infra.process.world import World, iso
from infra.sinch.wire.batches import SendBatch
from infra.sinch.wire.batches import encode as encode_batch
from tests.bench.harness import Row, publish, row
from tests.memory import peak_mb, resident_mb
from tests.places import make_template, own_database, own_topics
from tests.waiting import until

IN_FLIGHT = 16
DELAY = 0.05
MILLION, ONES = 1_000_000, 10_000
SDK_BATCHES = 20
RATES = (30, 300, 3_000)
RATE_SECONDS = 8.0
DUE = "SELECT count(*) FROM dispatch.batches WHERE state <> 'accepted'"
ALL = "SELECT count(*) FROM dispatch.batches"


@dataclass(frozen=True)
class Servers:
    """The servers of this run."""

    bootstrap: str
    dsn: str
    template: str
    http: aiohttp.ClientSession


@dataclass(frozen=True)
class Measured:
    """What the accepting server saw, and the dispatcher's resident memory before and at most (MiB)."""

    seen: list[tuple[float, int]]
    before: float
    peak: float

    @property
    def seconds(self) -> float:
        """From the first arrival to the last."""
        return self.seen[-1][0] - self.seen[0][0]


def main() -> None:
    """Measure and publish."""
    uvloop.run(_measure())


async def _measure() -> None:
    async with AsyncExitStack() as stack:
        home = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        kafka, postgres = EmbeddedKafka(home / "kafka"), EmbeddedPostgres(home / "postgres")
        bootstrap, dsn = await kafka.start(), await postgres.start()
        stack.push_async_callback(postgres.stop)
        stack.push_async_callback(kafka.stop)
        http = await stack.enter_async_context(aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=IN_FLIGHT)))
        servers = Servers(bootstrap, dsn, await make_template(dsn), http)
        rows = [*await _million(servers), *await _ones(servers)]
        rows += [await _rate(servers, rate, replicas) for replicas in (1, 3) for rate in RATES]
        publish("dispatch", rows)


async def _million(servers: Servers) -> list[Row]:
    async with _accepting(DELAY) as url:
        sdk = await asyncio.to_thread(_sdk_loop, url)
        await _seen(servers.http, url)
        chunks = [("01930000-0000-7000-8000-000000000001", n, 1000) for n in range(MILLION // 1000)]
        measured = await _dispatch(servers, url, chunks)
    ideal = len(chunks) * DELAY / IN_FLIGHT
    speed = MILLION / (measured.seconds + DELAY)
    return [
        row("1,000,000 recipients, 50 ms a batch, 16 in flight", speed, "messages/s", ("ideal: batches x 50 ms / 16", MILLION / ideal),
            target="0.85 of the ideal", notes="arrivals at the server, first to last, plus one answer; full ledger and log"),
        row("the same beside Sinch's SDK in a loop", speed, "messages/s", (f"PyPI sinch, {SDK_BATCHES} batches one after another", sdk),
            target="12 times"),
        row("peak resident memory for it", measured.peak, "MiB", ("before the campaign", measured.before),
            target="150 MB"),
    ]  # fmt: skip


def _sdk_loop(url: str) -> float:
    """Messages a second of Sinch's own SDK, one batch of 1,000 after another."""
    client = SinchClient(service_plan_id="simulator", sms_api_token="simulator")
    client.configuration.sms_origin_with_service_plan_id = url
    numbers = [f"+{15550000000 + n}" for n in range(1000)]
    started = asyncio.run(_now())
    for _ in range(SDK_BATCHES):
        client.sms.batches.send_sms(to=numbers, from_="15550009999", body="Hello")
    return SDK_BATCHES * 1000 / (asyncio.run(_now()) - started)


async def _now() -> float:
    return World().clock.boot()


async def _ones(servers: Servers) -> list[Row]:
    async with _accepting(0) as url:
        plain = await _only_post(servers.http, url)
        await _seen(servers.http, url)
        chunks = [(f"01930000-0000-7000-8000-{n:012d}", 0, 1) for n in range(ONES)]
        measured = await _dispatch(servers, url, chunks)
    return [
        row("10,000 campaigns of one recipient", ONES / measured.seconds, "sends/s",
            ("an aiohttp client that only POSTs, 16 in flight", plain), target="1,000 sends/s",
            notes="each with SendAttempted and BatchAccepted acknowledged and every state committed"),
    ]  # fmt: skip


async def _only_post(http: aiohttp.ClientSession, url: str) -> float:
    body = encode_batch(SendBatch(to=["15550000001"], body="Hello", client_reference="r"))
    left = iter(range(ONES))

    async def post() -> None:
        for _ in left:
            async with http.post(f"{url}/xms/v1/simulator/batches", data=body) as answer:
                await answer.read()

    started = await _now()
    await asyncio.gather(*(post() for _ in range(IN_FLIGHT)))
    return ONES / (await _now() - started)


async def _rate(servers: Servers, rate: int, replicas: int) -> Row:
    size = min(1000, max(1, rate // 3))
    count = int(rate * RATE_SECONDS / size) + 1
    chunks = [("01930000-0000-7000-8000-000000000001", n, size) for n in range(count)]
    async with _accepting(0) as url:
        measured = await _dispatch(servers, url, chunks, replicas=replicas, rate=rate)
    first, last = measured.seen[0][0], measured.seen[-1][0]
    sent = sum(n for _, n in measured.seen[:-1])
    ahead = _most_ahead(measured.seen, rate, first)
    return row(
        f"use of {rate} a second, {replicas} replicas", sent / (last - first), "recipients/s", ("the plan's rate", rate),
        target="0.97, never more than one chunk ahead",
        notes=f"chunks of {size}; at most {ahead / size:.2f} chunks ahead of the rate at any arrival",
    )  # fmt: skip


def _most_ahead(seen: Sequence[tuple[float, int]], rate: float, first: float) -> float:
    """The most recipients by which arrivals were ahead of `rate` since the first."""
    total, most = 0, 0.0
    for moment, recipients in seen:
        total += recipients
        most = max(most, total - rate * (moment - first))
    return most


async def _dispatch(
    servers: Servers, url: str, chunks: Sequence[tuple[str, int, int]], *, replicas: int = 1, rate: int = 10_000_000
) -> Measured:
    """Ask for these chunks (campaign, number, recipients), then start the dispatchers and wait until all are accepted."""
    async with AsyncExitStack() as stack:
        kafka = await stack.enter_async_context(own_topics(servers.bootstrap))
        database = await stack.enter_async_context(own_database(servers.dsn, servers.template))
        connection = await asyncpg.connect(database)
        stack.push_async_callback(connection.close)
        children = [
            await stack.enter_async_context(_dispatcher(kafka, database, url, n, rate)) for n in range(replicas)
        ]
        await until(lambda: _caught_up(connection), "the readers are there", within=60.0)
        before = resident_mb(children[0].pid)
        await _ask(kafka, chunks)

        async def done() -> bool:
            arrived: int = await connection.fetchval(ALL)
            return bool(arrived == len(chunks) and await connection.fetchval(DUE) == 0)

        await until(done, "all is accepted", within=300.0)
        return Measured(await _seen(servers.http, url), before, peak_mb(children[0].pid))


async def _caught_up(connection: Connection) -> bool:
    return bool(await connection.fetchval("SELECT min(caught_up_at) > '-infinity' FROM dispatch.readers"))


async def _ask(kafka: KafkaConnection, chunks: Sequence[tuple[str, int, int]]) -> None:
    world, counts = World(), dict[str, int]()
    for campaign, _, _ in chunks:
        counts[campaign] = counts.get(campaign, 0) + 1
    now, number = iso(world.clock.wall()), 15550000000
    entries = []
    for campaign, chunk, size in chunks:
        event = CampaignRequested(
            event_id=derived_id(campaign, chunk), occurred_at=now, campaign_id=campaign, chunk=chunk, chunks=counts[campaign],
            actor="bench", body="Hello from the benchmark", recipients=[str(number + n) for n in range(size)],
        )  # fmt: skip
        number += size
        entries.append(Entry(topics.CAMPAIGN_REQUESTS, chunk_key(campaign, chunk), encode(event)))
    appender = Appender(kafka, world, name="bench")
    await appender.start()
    await appender.append_all(entries, within=60.0)
    await appender.stop()


@asynccontextmanager
async def _dispatcher(kafka: KafkaConnection, database: str, url: str, number: int, rate: int) -> AsyncIterator[Child]:
    environment = dict(os.environ) | {
        "KAFKA_BOOTSTRAP_SERVERS": kafka.bootstrap_servers, "KAFKA_TOPIC_PREFIX": kafka.topic_prefix, "DATABASE_URL": database,
        "SINCH_BASE_URL": url, "SINCH_SERVICE_PLAN_ID": "simulator", "SINCH_API_TOKEN": "simulator",
        "SINCH_NUMBER": "15550009999", "SINCH_MPS": str(rate), "DISPATCH_IN_FLIGHT": str(IN_FLIGHT), "REPLICA": str(number),
        "PRIVACY_KEY": "k" * 16, "LOG_FORMAT": "json",
    }  # fmt: skip
    argv = [sys.executable, "-m", "services.cli", "dispatcher"]
    log = Path(tempfile.gettempdir()) / f"bench-dispatcher-{number}.log"
    child = await start_child(argv, name="dispatcher", env=environment, output=log)
    try:
        yield child
    finally:
        await child.stop(within=8.0)


@asynccontextmanager
async def _accepting(delay: float) -> AsyncIterator[str]:
    port = free_port()
    child = await start_child(
        [sys.executable, "-m", "tests.bench.bare_sinch", str(port), str(delay)], name="bare_sinch"
    )
    url = f"http://127.0.0.1:{port}"
    try:
        async with aiohttp.ClientSession() as http:
            await until(lambda: _is_up(http, url), "the accepting server is up", within=20.0)
        yield url
    finally:
        await child.stop(within=5.0)


async def _is_up(http: aiohttp.ClientSession, url: str) -> bool:
    try:
        await _seen(http, url)
    except aiohttp.ClientError:
        return False
    return True


async def _seen(http: aiohttp.ClientSession, url: str) -> list[tuple[float, int]]:
    async with http.get(f"{url}/seen") as answer:
        seen: list[tuple[float, int]] = await answer.json()
    return seen


if __name__ == "__main__":
    main()
