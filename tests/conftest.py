"""What tests share: one Kafka and one PostgreSQL a run, started when the first test asks, and a place in them each."""

import os
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from urllib.parse import urlsplit

import asyncpg
import pytest
from aiokafka.admin import AIOKafkaAdminClient

from contracts.topics import TOPICS
from infra.kafka.connection import KafkaConnection
from infra.kafka.embedded import EmbeddedKafka
from infra.kafka.provision import provision
from infra.postgres.embedded import EmbeddedPostgres
from infra.postgres.migrations import migrate
from infra.postgres.pool import Pool, create_pool
from infra.process.world import SystemIds, World

BACKEND = os.environ.get("HELIOGRAPH_TEST_BACKEND", "embedded")
TEMPLATE = "migrated_template"
TEST_PARTITIONS = 3  # of each topic that has more: enough to see order between partitions, quick to make


def _backend_unknown() -> pytest.UsageError:
    """The answer to a backend that is not there; `containers` gets its place beside `embedded` below."""
    return pytest.UsageError(f"HELIOGRAPH_TEST_BACKEND={BACKEND}: only `embedded` is known")


@pytest.fixture(scope="session")
async def postgres_dsn(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[str]:
    """The DSN of this run's PostgreSQL, as its administrator."""
    if BACKEND != "embedded":
        raise _backend_unknown()
    server = EmbeddedPostgres(Path(tmp_path_factory.mktemp("server")))
    yield await server.start()
    await server.stop()


@pytest.fixture(scope="session")
async def kafka_bootstrap(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[str]:
    """The bootstrap servers of this run's Kafka."""
    if BACKEND != "embedded":
        raise _backend_unknown()
    broker = EmbeddedKafka(Path(tmp_path_factory.mktemp("broker")))
    yield await broker.start()
    await broker.stop()


@pytest.fixture
async def kafka(kafka_bootstrap: str) -> AsyncIterator[KafkaConnection]:
    """A connection whose prefix makes the topics this test's own; they are there, with few partitions."""
    connection = KafkaConnection(kafka_bootstrap, topic_prefix=f"t{SystemIds().uuid7().hex}-")
    topics = [replace(topic, partitions=min(topic.partitions, TEST_PARTITIONS)) for topic in TOPICS]
    await provision(connection, topics=topics)
    yield connection
    admin = AIOKafkaAdminClient(**connection.client_arguments())
    await admin.start()
    await admin.delete_topics([connection.topic(topic.name) for topic in TOPICS])
    await admin.close()


async def _administer(dsn: str, *statements: str) -> None:
    connection = await asyncpg.connect(dsn)
    try:
        for statement in statements:
            await connection.execute(statement)
    finally:
        await connection.close()


def _named(dsn: str, database: str) -> str:
    return urlsplit(dsn)._replace(path=f"/{database}").geturl()


@pytest.fixture(scope="session")
async def template(postgres_dsn: str) -> str:
    """The name of a migrated database from which each test's own is copied, which is cheaper than migrating."""
    await _administer(postgres_dsn, f"create database {TEMPLATE}")
    await migrate(_named(postgres_dsn, TEMPLATE))
    return TEMPLATE


async def _own_database(postgres_dsn: str, template: str) -> AsyncIterator[str]:
    name = f"test_{SystemIds().uuid7().hex}"
    await _administer(postgres_dsn, f"create database {name} template {template}")
    yield _named(postgres_dsn, name)
    await _administer(postgres_dsn, f"drop database {name} with (force)")


@pytest.fixture
async def empty_database(postgres_dsn: str) -> AsyncIterator[str]:
    """The DSN of a database of this test's own, with nothing in it."""
    async for dsn in _own_database(postgres_dsn, "template1"):
        yield dsn


@pytest.fixture
async def database(postgres_dsn: str, template: str) -> AsyncIterator[str]:
    """The DSN of a database of this test's own, with all migrations applied."""
    async for dsn in _own_database(postgres_dsn, template):
        yield dsn


@pytest.fixture
async def pool(database: str) -> AsyncIterator[Pool]:
    """A pool on this test's own migrated database."""
    pool = await create_pool(database, "test")
    yield pool
    await pool.close()


@pytest.fixture
async def world() -> AsyncIterator[World]:
    """The real world, whose tasks end with the test."""
    world = World()
    yield world
    await world.tasks.stop()
