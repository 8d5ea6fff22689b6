"""What these tests share: topics of their own, and brokers that may be harmed."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from infra.kafka.embedded import EmbeddedKafka
from infra.kafka.log import Appender, Reader
from infra.kafka.reader import OnRevoked
from infra.process.ports import free_port
from infra.process.world import World
from tests.integration.kafka.brokers import TOPIC, Broker
from tests.integration.kafka.readers import MakeReader, Offsets


@pytest.fixture(scope="session")
async def harmed(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[EmbeddedKafka]:
    """One broker for the tests of this directory that freeze it or change its topics."""
    kafka = EmbeddedKafka(Path(tmp_path_factory.mktemp("broker")))
    await kafka.start()
    yield kafka
    await kafka.stop()


@pytest.fixture
async def broker(harmed: EmbeddedKafka) -> Broker:
    """That broker with one empty topic of this test's own, four partitions."""
    broker = Broker(harmed).own()
    await broker.make_topic()
    return broker


@pytest.fixture
async def appender(broker: Broker, world: World) -> AsyncIterator[Appender]:
    """A started appender on this test's broker."""
    appender = Appender(broker.connection, world, name="test-appender")
    await appender.start()
    yield appender
    await appender.stop()


@pytest.fixture
async def make_reader(broker: Broker, world: World) -> AsyncIterator[MakeReader]:
    """Makes readers of this test's topic, stopped with the test."""
    made: list[Reader] = []

    def make(
        member: str = "one", offsets: Offsets | None = None, on_revoked: OnRevoked | None = None, **more: Any
    ) -> Reader:
        load = (offsets or Offsets()).load
        reader = Reader(
            broker.connection, world, topics=[TOPIC], group="readers", member=member,
            load_offsets=load, on_revoked=on_revoked, **more,
        )  # fmt: skip
        made.append(reader)
        return reader

    yield make
    await asyncio.gather(*(reader.stop(within=1.0) for reader in made))


@pytest.fixture
async def mortal(tmp_path: Path) -> AsyncIterator[EmbeddedKafka]:
    """A broker on a fixed port, to be killed and started again."""
    kafka = EmbeddedKafka(tmp_path, port=free_port())
    await kafka.start()
    yield kafka
    await kafka.stop()
