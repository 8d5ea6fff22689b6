"""What tests share: one Kafka and one PostgreSQL a run, started when the first test asks, and a place in them each."""

import os
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from infra.kafka.connection import KafkaConnection
from infra.kafka.embedded import EmbeddedKafka
from infra.postgres.embedded import EmbeddedPostgres
from infra.postgres.pool import Pool, create_pool
from infra.process.world import World
from tests.places import make_template, own_database, own_topics
from tests.sharing import machine, pytest_collection_modifyitems

__all__ = ["machine", "pytest_collection_modifyitems"]

# How fast a busy machine draws examples says nothing about the code: neither deadlines nor that check may fail a run.
settings.register_profile("heliograph", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("heliograph")

BACKEND = os.environ.get("HELIOGRAPH_TEST_BACKEND", "embedded")


def pytest_configure() -> None:
    """A backend that is not there is said before anything starts."""
    if BACKEND not in ("embedded", "containers"):
        raise pytest.UsageError(f"HELIOGRAPH_TEST_BACKEND={BACKEND}: known are `embedded` and `containers`")


@pytest.fixture(scope="session")
async def postgres_dsn(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[str]:
    """The DSN of this run's PostgreSQL, as its administrator."""
    if BACKEND == "containers":
        from tests.containers import postgres_container  # noqa: PLC0415  testcontainers is not needed otherwise

        async with postgres_container() as dsn:
            yield dsn
        return
    server = EmbeddedPostgres(Path(tmp_path_factory.mktemp("server")), durable=False)
    yield await server.start()
    await server.stop()


@pytest.fixture(scope="session")
async def kafka_bootstrap(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[str]:
    """The bootstrap servers of this run's Kafka."""
    if BACKEND == "containers":
        from tests.containers import kafka_container  # noqa: PLC0415  the same

        async with kafka_container() as servers:
            yield servers
        return
    broker = EmbeddedKafka(Path(tmp_path_factory.mktemp("broker")))
    yield await broker.start()
    await broker.stop()


@pytest.fixture
async def kafka(kafka_bootstrap: str) -> AsyncIterator[KafkaConnection]:
    """A connection whose prefix makes the topics this test's own; they are there, with few partitions."""
    async with own_topics(kafka_bootstrap) as connection:
        yield connection


@pytest.fixture(scope="session")
async def template(postgres_dsn: str) -> str:
    """The name of a migrated database from which each test's own is copied."""
    return await make_template(postgres_dsn)


@pytest.fixture
async def empty_database(postgres_dsn: str) -> AsyncIterator[str]:
    """The DSN of a database of this test's own, with nothing in it."""
    async with own_database(postgres_dsn, "template1") as dsn:
        yield dsn


@pytest.fixture
async def database(postgres_dsn: str, template: str) -> AsyncIterator[str]:
    """The DSN of a database of this test's own, with all migrations applied."""
    async with own_database(postgres_dsn, template) as dsn:
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
