"""A log that does not fit the stored offsets is refused with words."""

import asyncio

import pytest

from infra.kafka import reader as reader_module
from infra.kafka.log import Appender, LogRewritten
from tests.integration.kafka.brokers import Broker
from tests.integration.kafka.readers import (
    MakeReader,
    Offsets,
    one_partition,
    read_until,
    settled,
)
from tests.waiting import until


async def test_a_log_that_begins_too_late_is_refused(
    broker: Broker, appender: Appender, make_reader: MakeReader
) -> None:
    """Records deleted before they were read stop the reader with words."""
    partition = await one_partition(appender, 10)
    await broker.delete_records(partition, before=5)
    reader = make_reader(offsets=Offsets({partition: 3}))
    await reader.start()
    with pytest.raises(LogRewritten, match="begins at offset 5, but we have read only up to 3"):
        await asyncio.wait_for(read_until(reader, 1), 10.0)


async def test_a_topic_made_anew_is_refused_at_start(
    broker: Broker, appender: Appender, make_reader: MakeReader
) -> None:
    """A topic that was deleted and made again stops the reader with words, instead of being read from nowhere."""
    partition = await one_partition(appender, 10)
    await broker.delete_topic()
    await made_anew(broker)
    reader = make_reader(offsets=Offsets({partition: 10}))
    await reader.start()
    with pytest.raises(LogRewritten, match=r"ends at offset 0, but we have read up to 10.*made anew"):
        await asyncio.wait_for(read_until(reader, 1), 10.0)


async def test_records_cut_away_under_a_reader_are_refused(
    broker: Broker, appender: Appender, make_reader: MakeReader
) -> None:
    """A running reader whose next record is gone says so, instead of skipping it."""
    partition = await one_partition(appender, 10)
    reader = make_reader(offsets=Offsets({partition: 10}))
    await reader.start()
    await settled(reader)
    await broker.delete_records(partition, before=5)
    reader._started().seek(reader._on_broker(partition), 3)
    with pytest.raises(LogRewritten, match="begins at offset 5, but we have read only up to 3"):
        await asyncio.wait_for(read_until(reader, 1), 10.0)


async def test_a_topic_made_anew_under_a_reader_is_refused(
    broker: Broker, appender: Appender, make_reader: MakeReader, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same happens to a reader that is running when the topic is deleted and made again."""
    monkeypatch.setattr(reader_module, "METADATA_MAX_AGE_MS", 500)
    partition = await one_partition(appender, 10)
    reader = make_reader(offsets=Offsets({partition: 10}))
    await reader.start()
    await settled(reader)
    await broker.delete_topic()
    await made_anew(broker)
    with pytest.raises(LogRewritten):
        await asyncio.wait_for(read_until(reader, 1), 20.0)


async def made_anew(broker: Broker) -> None:
    """Make the topic again as soon as its deletion allows."""

    async def is_there() -> bool:
        await broker.make_topic()
        return True

    await until(is_there, "made anew")
