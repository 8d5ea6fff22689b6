"""Bench of the projector: reports from the log into the tables, steady and from zero, latency, diff, swap, memory.

1,000,000 reports, three a message, shuffled (`BENCH_REPORTS` for another number). The projectors are the real
processes; Kafka and PostgreSQL are the embedded ones, durable as always.
"""

import asyncio
import gc
import json
import os
import random
import statistics
import sys
import tempfile
import time
from collections import defaultdict, deque
from collections.abc import Sequence
from contextlib import AsyncExitStack
from datetime import datetime
from functools import partial
from io import BytesIO
from pathlib import Path

import asyncpg
import uvloop

from contracts import topics
from infra.kafka.connection import KafkaConnection
from infra.kafka.embedded import EmbeddedKafka
from infra.kafka.log import Appender, Scanner
from infra.kafka.provision import provision
from infra.postgres.embedded import EmbeddedPostgres
from infra.postgres.migrations import migrate
from infra.process.children import Child, start_child
from infra.process.world import World
from services.projector import builds
from services.projector.app import FOLDED
from services.projector.diff import compare
from tests.bench.connect import beside, connect_sink
from tests.bench.decoding import decode_only
from tests.bench.harness import Row, publish, row
from tests.bench.processes import ROOT
from tests.integration.projector.traffic import FIRST_NUMBER, Said, chunk
from tests.integration.projector.traffic import reports as reports_of
from tests.memory import peak_mb
from tests.waiting import until

REPORTS = int(os.environ.get("BENCH_REPORTS", "1000000"))
CHUNK = 1_000
BATCH = 50_000
LATENCY_RATE = 2_000  # reports a second
LATENCY_SECONDS = 10
WARM_SECONDS = 30  # before, told apart: a broker that just started compiles meanwhile what it does for single records
LATENCY_CAMPAIGN = 1
STEPS_SECONDS = 0.02
ASSIGNED = "partitions_assigned"
GIVE_UP_SECONDS = 900.0
NOTES = "nothing pinned: broker, database and projectors share all cores; history table included; log in one broker"


class Place:
    """Kafka, PostgreSQL and the projectors on them."""

    def __init__(self, kafka: KafkaConnection, dsn: str, connection: asyncpg.Connection, home: Path) -> None:
        self.kafka = kafka
        self.dsn = dsn
        self.connection = connection
        self.home = home

    async def projector(self, replica: int, build: int) -> Child:
        """One more process on that build."""
        environment = {
            **os.environ, "KAFKA_BOOTSTRAP_SERVERS": self.kafka.bootstrap_servers, "DATABASE_URL": self.dsn,
            "REPLICA": str(replica), "METRICS_PORT": "0", "LOG_FORMAT": "json",
        }  # fmt: skip
        argv = [sys.executable, "-m", "services.cli", "projector", "--build", str(build)]
        output = self.home / f"projector-{build}-{replica}.log"
        return await start_child(argv, name=f"{replica}", env=environment, cwd=ROOT, output=output)

    async def folded(self, build: int, topic: str | None = None) -> int:
        """Records that the build has."""
        where = "" if topic is None else f" WHERE topic = '{topic}'"
        return int(await self.connection.fetchval(
            f"SELECT coalesce(sum(next_offset), 0)::bigint FROM build_{build}.projector_offsets{where}"))  # fmt: skip

    async def until_folded(self, build: int, records: int, topic: str | None = None) -> list[tuple[float, int]]:
        """Wait for so many; gives how many there were at each moment (seconds since 1970)."""
        deadline, seen = time.monotonic() + GIVE_UP_SECONDS, [(0.0, await self.folded(build, topic))]
        while seen[-1][1] < records:
            if time.monotonic() > deadline:
                raise TimeoutError(f"{seen[-1][1]} of {records} after {GIVE_UP_SECONDS} s")
            await asyncio.sleep(STEPS_SECONDS)
            seen.append((time.time(), await self.folded(build, topic)))
        return seen

    async def rate(self, build: int, processes: int, records: int, topic: str | None = None) -> tuple[float, float]:
        """Records a second of so many processes, once each has its partitions; and the most MB of one.

        What the first had gathered alone by then it threw away when the others came: nobody has a start.
        """
        await self.settled()
        begun = time.time()
        children = [await self.projector(n, build) for n in range(processes)]
        try:
            seen = await self.until_folded(build, records, topic)
            self._require_running(build, children)
            start = max(self._assigned(build, n, begun) for n in range(processes))
            before = max(done for at, done in seen if at <= start)
            return (seen[-1][1] - before) / (seen[-1][0] - start), max(peak_mb(child.pid) for child in children)
        finally:
            for child in children:
                child.kill()
                await child.wait()

    def _require_running(self, build: int, children: Sequence[Child]) -> None:
        """One that ended has left its work to the others: that is no figure."""
        for number, child in enumerate(children):
            if not child.running:
                lines = (self.home / f"projector-{build}-{number}.log").read_text().splitlines()
                raise RuntimeError("\n".join([f"projector {number} of build {build} ended by itself:", *lines[-5:]]))

    async def settled(self) -> None:
        """What was measured before left the database work: it is done before the next."""
        for chore in ("VACUUM ANALYZE", "CHECKPOINT"):
            await self.connection.execute(chore)

    def _assigned(self, build: int, replica: int, since: float) -> float:
        """When that projector, started after `since`, told first that it has partitions (seconds since 1970)."""
        lines = map(json.loads, (self.home / f"projector-{build}-{replica}.log").open())
        told = (datetime.fromisoformat(line["at"]).timestamp() for line in lines if line["event"] == ASSIGNED)
        return min(at for at in told if at >= since)


async def _place(stack: AsyncExitStack) -> Place:
    home = Path(stack.enter_context(tempfile.TemporaryDirectory()))
    kafka, postgres = EmbeddedKafka(home / "kafka"), EmbeddedPostgres(home)
    bootstrap, dsn = await asyncio.gather(kafka.start(), postgres.start())
    stack.push_async_callback(postgres.stop)
    stack.push_async_callback(kafka.stop)
    await migrate(dsn)
    connection = KafkaConnection(bootstrap)
    await provision(connection)
    database = await asyncpg.connect(dsn)
    stack.push_async_callback(database.close)
    return Place(connection, dsn, database, home)


def _log(campaign: int, reports: int = REPORTS) -> tuple[list[Said], list[Said]]:
    """Requests, and about so many reports in random order."""
    chance, chunks = random.Random(campaign), max(1, reports // 3 // CHUNK)
    asked: list[Said] = []
    told: list[Said] = []
    for number in range(chunks):
        recipients = [str(FIRST_NUMBER + number * CHUNK + n) for n in range(CHUNK)]
        asked += chunk(campaign, number, chunks, recipients)
        told += reports_of(campaign, number, recipients, chance)
    chance.shuffle(told)
    return asked, told


async def _fill(appender: Appender, said: Sequence[Said]) -> None:
    for at in range(0, len(said), BATCH):
        await appender.append_all([s.entry for s in said[at : at + BATCH]], within=120)


async def _copy_only(place: Place, rows: int) -> float:
    """Rows a second of COPY into a keyed table as wide as `messages`."""
    await place.connection.execute("CREATE SCHEMA IF NOT EXISTS yardstick; DROP TABLE IF EXISTS yardstick.t")
    await place.connection.execute("CREATE TABLE yardstick.t (LIKE build_1.messages INCLUDING ALL)")
    line = "01930000-0000-7000-8000-000000000000\t{}\t2026-03-01T12:00:00.000Z\t0\t0\t1\t0\t0\t10\t1\tt\tf\tf\t\tdelivered\tDelivered\t01B\n"
    began = time.monotonic()
    for at in range(0, rows, BATCH):
        text = "".join([line.format(FIRST_NUMBER + n) for n in range(at, min(at + BATCH, rows))])
        await place.connection.copy_to_table("t", schema_name="yardstick", source=BytesIO(text.encode()), format="text")
    seconds = time.monotonic() - began
    await place.connection.execute("DROP SCHEMA yardstick CASCADE")
    return rows / seconds


async def _latency(place: Place, appender: Appender, build: int) -> tuple[float, float, float]:
    """Milliseconds from the acknowledged append to the commit that shows it: p50, p99, and p50 while warming up.

    At 2,000 reports a second.

    This process measures: nothing of it may stand still meanwhile, so its collector does not run.
    """
    asked, told = _log(LATENCY_CAMPAIGN, LATENCY_RATE * (WARM_SECONDS + LATENCY_SECONDS))
    warming = LATENCY_RATE * WARM_SECONDS
    await _fill(appender, asked)
    child = await place.projector(9, build)
    watcher = await asyncpg.connect(place.dsn)
    open_ones: dict[int, deque[tuple[int, float, int]]] = defaultdict(deque)
    waits: list[float] = []
    warm: list[float] = []
    shown = await watcher.prepare(
        f"SELECT partition, next_offset FROM build_{build}.projector_offsets WHERE topic = '{topics.DELIVERY_REPORTS}'"
    )

    async def watch() -> None:
        while True:
            for partition, offset in await shown.fetch():
                now, waiting = time.perf_counter(), open_ones[partition]
                while waiting and waiting[0][0] < offset:
                    _, since, number = waiting.popleft()
                    (warm if number < warming else waits).append(1000 * (now - since))
            await asyncio.sleep(0.001)

    async def one(number: int, said: Said) -> None:
        at = await appender.append(said.entry)
        open_ones[at.partition].append((at.offset, time.perf_counter(), number))

    try:
        await place.until_folded(build, await _end(place))
        await place.settled()
        gc.collect()
        gc.disable()
        begin = time.perf_counter()
        async with asyncio.TaskGroup() as group:
            watching = group.create_task(watch())
            for n, said in enumerate(told):
                if (early := begin + n / LATENCY_RATE - time.perf_counter()) > 0:
                    await asyncio.sleep(early)
                group.create_task(one(n, said))
            await until(lambda: len(warm) + len(waits) == len(told), "all of them seen")
            watching.cancel()
    finally:
        gc.enable()
        await watcher.close()
        child.kill()
        await child.wait()
    return statistics.median(waits), statistics.quantiles(waits, n=100)[98], statistics.median(warm)


async def _end(place: Place) -> int:
    async with Scanner(place.kafka) as scanner:
        return sum(end for _, end in (await scanner.bounds(await scanner.partitions(FOLDED))).values())


async def _swaps(place: Place, build: int) -> tuple[int, float]:
    """Swaps to and fro under a reader that polls every millisecond: errors, and its longest wait in milliseconds."""
    reader, errors, longest = await asyncpg.connect(place.dsn), 0, 0.0
    stop = asyncio.Event()

    async def poll() -> None:
        nonlocal errors, longest
        while not stop.is_set():
            began = time.monotonic()
            try:
                await reader.fetchrow("SELECT requested, counts FROM live.campaigns LIMIT 1")
            except asyncpg.PostgresError:
                errors += 1
            longest = max(longest, 1000 * (time.monotonic() - began))
            await asyncio.sleep(0.001)

    task = asyncio.get_running_loop().create_task(poll())
    for number in (build, 1, build, 1):
        await until(partial(builds.swap, place.connection, number), f"swapped to {number}")
        await asyncio.sleep(0.25)
    stop.set()
    await task
    await reader.close()
    return errors, longest


async def measure() -> list[Row]:
    """Everything, in one run."""
    async with AsyncExitStack() as stack:
        place, world = await _place(stack), World()
        appender = Appender(place.kafka, world, name="bench")
        await appender.start()
        stack.push_async_callback(appender.stop)
        asked, told = _log(0)
        await _fill(appender, asked)
        second = await builds.create(place.connection)
        for build in (1, second):
            child = await place.projector(0, build)
            await place.until_folded(build, len(asked))
            child.kill()
            await child.wait()
        await _fill(appender, told)
        sunk = await connect_sink(place.kafka, place.dsn)
        decoding, copying = await decode_only(place.kafka), await _copy_only(place, len(told))
        one, memory = await place.rate(1, 1, len(told), topics.DELIVERY_REPORTS)
        two, more = await place.rate(second, 2, len(told), topics.DELIVERY_REPORTS)
        third = await builds.create(place.connection)
        rebuilt, most = await place.rate(third, 2, await _end(place))
        began = time.monotonic()
        found = await compare(place.connection, place.kafka, 1, third)
        diff_seconds = time.monotonic() - began
        errors, longest = await _swaps(place, third)
        p50, p99, warming = await _latency(place, appender, 1)
    yard = ("a consumer that only decodes, records/s", decoding)
    return [
        row("steady state, one process", one, "records/s", yard, target="100,000", notes=NOTES),
        row("steady state, two processes", two, "records/s", yard, target="180,000", notes=NOTES),
        row("steady state, one process, against COPY", one, "records/s", ("COPY of as many rows, rows/s", copying)),
        beside(two, sunk),
        row("rebuild from zero, two processes", rebuilt, "records/s", yard, target="300,000", notes=NOTES),
        row("acknowledged to visible at 2,000/s, p50", p50, "ms", target="below 20",
            notes=f"in the {WARM_SECONDS} s before, which do not count: {warming:.1f} ms"),
        row("acknowledged to visible at 2,000/s, p99", p99, "ms", target="below 100"),
        row(f"diff of two builds of {len(told) // 3:,} messages", diff_seconds, "s", target="10 s for 1,000,000",
            notes=f"equal: {found.equal}, differing {found.differing}, moving {found.moving}"),
        row("errors of a reader polling through four swaps", errors, "errors", target="0",
            notes=f"its longest read took {longest:.0f} ms"),
        row("memory of a projector, most", max(memory, more, most), "MB", target="300, not growing with the table"),
    ]  # fmt: skip


def main() -> None:
    """`python -m tests.bench projector`."""
    publish("projector", uvloop.run(measure()))
