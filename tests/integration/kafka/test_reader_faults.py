"""Reading while the broker is frozen or killed."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator

import pytest

from infra.kafka import reader as reader_module
from infra.kafka.embedded import EmbeddedKafka
from infra.kafka.log import Appender, Entry, LogUnavailable, Reader, Record
from infra.process.world import World
from tests.integration.kafka.brokers import TOPIC, Broker
from tests.integration.kafka.readers import (
    MakeReader,
    Offsets,
    one_partition,
    read_until,
    settled,
)

pytestmark = pytest.mark.faults


async def test_a_frozen_broker_is_nothing_to_read(broker: Broker, appender: Appender, make_reader: MakeReader) -> None:
    """While the broker is frozen `read` comes back empty in time; after the thaw it goes on where it was."""
    partition = await one_partition(appender, 3)
    reader = make_reader()
    await reader.start()
    await read_until(reader, 3)
    with broker.frozen():
        assert await asyncio.wait_for(reader.read(max_records=10, wait=0.2), 2.0) == {}
    await appender.append(Entry(TOPIC, "k", b"after"), within=10.0)
    found = await read_until(reader, 1)
    assert [record.offset for record in found[partition]] == [3]


async def test_stopping_a_reader_does_not_hang_with_a_frozen_broker(broker: Broker, make_reader: MakeReader) -> None:
    """`stop` of a reader ends within its limit although the broker answers nothing."""
    reader = make_reader()
    await reader.start()
    await settled(reader)
    with broker.frozen():
        await asyncio.wait_for(reader.stop(within=0.3), 5.0)


async def test_starting_a_reader_ends_with_a_frozen_broker(broker: Broker, make_reader: MakeReader) -> None:
    """`start` of a reader ends within its limit, in LogUnavailable."""
    reader = make_reader()
    with broker.frozen(), pytest.raises(LogUnavailable):
        await asyncio.wait_for(reader.start(within=0.3), 6.0)


async def test_a_commit_that_fails_is_swallowed(
    broker: Broker, appender: Appender, make_reader: MakeReader, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A commit that the frozen broker does not answer raises nothing: the offsets that count are stored elsewhere."""
    monkeypatch.setattr(reader_module, "REQUEST_SECONDS", 0.3)
    partition = await one_partition(appender, 10)
    reader = make_reader()
    await reader.start()
    await read_until(reader, 10)
    with broker.frozen():
        await asyncio.wait_for(reader.commit({partition: 7}), 3.0)


async def test_a_reader_outlives_its_broker(mortal: EmbeddedKafka, world: World) -> None:
    """After kill -9 of the broker and its new start the same reader goes on where it was."""
    broker = Broker(mortal)
    await broker.make_topic()
    appender = Appender(broker.connection, world, name="writer")
    await appender.start()
    reader = Reader(
        broker.connection, world, topics=[TOPIC], group="readers", member="one", load_offsets=Offsets().load
    )
    await reader.start()
    await appender.append(Entry(TOPIC, "k", b"before"))
    await read_until(reader, 1)
    os.kill(mortal.pid, signal.SIGKILL)
    await mortal.stop()
    assert await reader.read(max_records=10, wait=0.2) == {}
    await mortal.start()
    await appender.append(Entry(TOPIC, "k", b"after"), within=20.0)
    values = {record.value async for record in values_until(reader, b"after")}
    await reader.stop()
    await appender.stop()
    assert b"after" in values


async def values_until(reader: Reader, last: bytes) -> AsyncIterator[Record]:
    """Records until one has the value `last`, for at most twenty seconds. A rebalance may repeat earlier ones."""
    async with asyncio.timeout(20.0):
        while True:
            for records in (await reader.read(max_records=100, wait=0.5)).values():
                for record in records:
                    yield record
                    if record.value == last:
                        return
