"""A store on a database of its own, and projectors on a log of their own."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from infra.kafka.log import Appender, KafkaConnection
from infra.process.world import World
from services.projector.store import Store
from tests.integration.projector.processes import Projectors
from tests.integration.projector.within import Within


@pytest.fixture
async def store(database: str) -> AsyncIterator[Store]:
    """The projector's store, on the current build."""
    store = await Store.connect(database)
    yield store
    await store.close()


@pytest.fixture
async def projectors(kafka: KafkaConnection, database: str, tmp_path: Path) -> AsyncIterator[Projectors]:
    """Projector processes that end with the test."""
    projectors = Projectors(kafka, database, tmp_path)
    yield projectors
    await projectors.stop()


@pytest.fixture
async def within(kafka: KafkaConnection, database: str) -> AsyncIterator[Within]:
    """Projectors in this process, that end with the test."""
    projectors = Within(kafka, database)
    yield projectors
    await projectors.stop()


@pytest.fixture
async def appender(kafka: KafkaConnection, world: World) -> AsyncIterator[Appender]:
    """What writes the log of a test."""
    appender = Appender(kafka, world, name="test")
    await appender.start()
    yield appender
    await appender.stop()
