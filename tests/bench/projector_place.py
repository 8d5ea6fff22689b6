"""Where the projector is measured: Kafka, PostgreSQL, a log of reports, and the real processes on them."""

import asyncio
import json
import os
import random
import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import AsyncExitStack
from datetime import datetime
from functools import partial
from pathlib import Path

import asyncpg

from infra.kafka.connection import KafkaConnection
from infra.kafka.embedded import EmbeddedKafka
from infra.kafka.log import Appender, Scanner
from infra.kafka.provision import provision
from infra.postgres.embedded import EmbeddedPostgres
from infra.postgres.migrations import migrate
from infra.process.children import Child, start_child
from services.projector.app import FOLDED
from tests.bench.processes import ROOT
from tests.integration.projector.traffic import FIRST_NUMBER, Said, chunk
from tests.integration.projector.traffic import reports as reports_of
from tests.memory import peak_mb
from tests.waiting import until

REPORTS = int(os.environ.get("BENCH_REPORTS", "1000000"))
CHUNK = 1_000
BATCH = 50_000
STEPS_SECONDS = 0.02
ASSIGNED = "partitions_assigned"
HELD = "SELECT count(DISTINCT pid) FROM pg_locks WHERE relation = $1::regclass AND NOT granted"
GIVE_UP_SECONDS = 900.0


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
        """Records a second of so many processes, which begin together, once each has its partitions; the most MB of one."""
        await self.settled()
        begun = time.time()
        children = []
        try:
            async with self.connection.transaction():
                await self.connection.execute(f"LOCK TABLE build_{build}.projector_offsets")
                children += [await self.projector(n, build) for n in range(processes)]
                await until(partial(self._are_held, build, processes), "all have their partitions", GIVE_UP_SECONDS)
            seen = await self.until_folded(build, records, topic)
            self._require_running(build, children)
            start = max(self._assigned(build, n, begun) for n in range(processes))
            before = max(done for at, done in seen if at <= start)
            return (seen[-1][1] - before) / (seen[-1][0] - start), max(peak_mb(child.pid) for child in children)
        finally:
            for child in children:
                child.kill()
                await child.wait()

    async def _are_held(self, build: int, processes: int) -> bool:
        """Whether so many projectors have partitions and ask for their offsets, which they get when the lock goes."""
        return int(await self.connection.fetchval(HELD, f"build_{build}.projector_offsets")) == processes

    def _require_running(self, build: int, children: Sequence[Child]) -> None:
        """One that ended has left its work to the others: that is no figure."""
        for number, child in enumerate(children):
            if not child.running:
                lines = (self.home / f"projector-{build}-{number}.log").read_text().splitlines()
                raise RuntimeError("\n".join([f"projector {number} of build {build} ended by itself:", *lines[-5:]]))

    async def end(self) -> int:
        """Records that the log has for a build."""
        async with Scanner(self.kafka) as scanner:
            return sum(end for _, end in (await scanner.bounds(await scanner.partitions(FOLDED))).values())

    async def settled(self) -> None:
        """What was measured before left the database work: it is done before the next."""
        for chore in ("VACUUM ANALYZE", "CHECKPOINT"):
            await self.connection.execute(chore)

    def _assigned(self, build: int, replica: int, since: float) -> float:
        """When that projector, started after `since`, told that it has partitions (seconds since 1970)."""
        lines = map(json.loads, (self.home / f"projector-{build}-{replica}.log").open())
        told = (datetime.fromisoformat(line["at"]).timestamp() for line in lines if line["event"] == ASSIGNED)
        return min(at for at in told if at >= since)


async def opened(stack: AsyncExitStack) -> Place:
    """A new place, gone when the stack ends."""
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


def log_of(campaign: int, reports: int = REPORTS) -> tuple[list[Said], list[Said]]:
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


async def fill(appender: Appender, said: Sequence[Said]) -> None:
    """Append all of it."""
    for at in range(0, len(said), BATCH):
        await appender.append_all([s.entry for s in said[at : at + BATCH]], within=120)
