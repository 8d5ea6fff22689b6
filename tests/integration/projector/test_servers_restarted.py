"""PostgreSQL or Kafka ended, killed or frozen while the projector folds: the tables are the reference's in the end."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from infra.kafka.embedded import EmbeddedKafka
from infra.kafka.log import Appender, KafkaConnection, LogUnavailable
from infra.postgres.embedded import EmbeddedPostgres
from infra.process.ports import free_port
from infra.process.world import World
from tests.integration.kafka.brokers import Broker
from tests.integration.projector.other_facts import other_facts
from tests.integration.projector.servers import end, running_postgres
from tests.integration.projector.supervised import ends_as_the_reference, supervised
from tests.integration.projector.traffic import Said, traffic
from tests.places import make_template, own_database, own_topics

pytestmark = pytest.mark.faults

HOW = ("stopped", "killed")
PART_RECORDS = 12_000
POURED_SECONDS = 120.0
FROZEN = "metrics_not_updated"  # what a projector says that has heard nothing from Kafka for five seconds


@pytest.fixture(scope="module")
async def postgres(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[tuple[EmbeddedPostgres, str]]:
    """A PostgreSQL that these tests may harm, and the DSN of its administrator; its template is migrated."""
    async with running_postgres(Path(tmp_path_factory.mktemp("mortal"))) as (server, dsn):
        await make_template(dsn)
        yield server, dsn


@pytest.fixture(scope="module")
async def broker(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[EmbeddedKafka]:
    """A broker on a fixed port that these tests may harm."""
    broker = EmbeddedKafka(Path(tmp_path_factory.mktemp("broker")), free_port())
    await broker.start()
    yield broker
    await broker.stop()


def _parts(seed: int, parts: int) -> list[list[Said]]:
    said = [*traffic(parts * PART_RECORDS * 10 // 31, seed=seed), *other_facts(seed=seed)]
    return [said[n::parts] for n in range(parts)]


async def test_postgres_restarted_while_folding_changes_nothing(
    postgres: tuple[EmbeddedPostgres, str], kafka: KafkaConnection, world: World, tmp_path: Path
) -> None:
    """The projector ends each time, is started again until PostgreSQL is there, and goes on where its offsets are."""
    server, administrator = postgres
    parts, appended = _parts(11, len(HOW)), 0
    async with (
        _appending(kafka, world) as appender,
        own_database(administrator, "migrated_template") as dsn,
        supervised(kafka, dsn, tmp_path, world) as projector,
    ):
        for how, part in zip(HOW, parts, strict=True):
            await appender.append_all([s.entry for s in part], within=60)
            await projector.folds(appended + 1)
            await end(server, how)
            await projector.starts_again(2)  # both of them in vain
            await server.start()
            appended += len(part)
        await ends_as_the_reference(projector, [said for part in parts for said in part])


async def test_kafka_restarted_while_folding_changes_nothing(
    broker: EmbeddedKafka, database: str, world: World, tmp_path: Path
) -> None:
    """Every record is folded once after the broker comes back on its data."""
    parts, appended = _parts(12, len(HOW)), 0
    async with (
        own_topics(broker.bootstrap_servers) as kafka,
        _appending(kafka, world) as appender,
        supervised(kafka, database, tmp_path, world) as projector,
    ):
        for how, part in zip(HOW, parts, strict=True):
            middle = len(part) // 2
            await appender.append_all([s.entry for s in part[:middle]], within=60)
            await projector.folds(appended + 1)
            async with _pouring(appender, part[middle:]):
                await end(broker, how)
                await broker.start()
            appended += len(part)
        await ends_as_the_reference(projector, [said for part in parts for said in part])


async def test_kafka_frozen_while_folding_changes_nothing(
    broker: EmbeddedKafka, database: str, world: World, tmp_path: Path
) -> None:
    """The broker stands still for longer than our requests wait; after the thaw every record is folded once."""
    before, meanwhile = _parts(13, 2)
    async with (
        own_topics(broker.bootstrap_servers) as kafka,
        _appending(kafka, world) as appender,
        supervised(kafka, database, tmp_path, world) as projector,
    ):
        await appender.append_all([s.entry for s in before], within=60)
        await projector.folds(1)
        async with _pouring(appender, meanwhile):
            with Broker(broker).frozen():
                await projector.says(FROZEN)
        await ends_as_the_reference(projector, [*before, *meanwhile])


@asynccontextmanager
async def _appending(kafka: KafkaConnection, world: World) -> AsyncIterator[Appender]:
    appender = Appender(kafka, world, name="test")
    await appender.start()
    try:
        yield appender
    finally:
        await appender.stop()


@asynccontextmanager
async def _pouring(appender: Appender, said: list[Said]) -> AsyncIterator[None]:
    """Records on their way all the while: what the log took without saying so is there twice."""
    async with asyncio.TaskGroup() as group:
        group.create_task(_poured(appender, said))
        yield


async def _poured(appender: Appender, said: list[Said]) -> None:
    """All of them again, as whoever hears LogUnavailable does: aiokafka keeps a batch without a leader for ten seconds."""
    async with asyncio.timeout(POURED_SECONDS):
        while True:
            try:
                await appender.append_all([s.entry for s in said], within=60)
            except LogUnavailable:
                continue
            return
