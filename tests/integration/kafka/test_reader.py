"""Reading with offsets of our own: what is delivered, and from where."""

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from infra.kafka.log import Appender, Entry, LogUnavailable, Partition
from tests.integration.kafka.brokers import TOPIC
from tests.integration.kafka.readers import (
    ALL,
    MakeReader,
    Offsets,
    one_partition,
    read_until,
    settled,
    settled_by_reading,
)
from tests.waiting import until


class _Away(Offsets):
    """Offsets that cannot be loaded the first two times."""

    async def load(self, partitions: Sequence[Partition]) -> Mapping[Partition, int]:
        stored = await super().load(partitions)
        if len(self.asked) < 3 * len(partitions):
            raise LogUnavailable("no Kafka")
        return stored


async def test_everything_appended_is_read(appender: Appender, make_reader: MakeReader) -> None:
    """Without stored offsets every record comes, in order, under the unprefixed topic."""
    partition = await one_partition(appender, 100)
    reader = make_reader()
    await reader.start()
    found = await read_until(reader, 100)
    assert [record.value for record in found[partition]] == [b"%d" % number for number in range(100)]


async def test_a_record_shows_key_headers_and_time_of_append(appender: Appender, make_reader: MakeReader) -> None:
    """A record as read has what the contract of `Record` says."""
    await appender.append(Entry(TOPIC, "k", b"v", (("traceparent", b"00"),)))
    reader = make_reader()
    await reader.start()
    ((record,),) = (await read_until(reader, 1)).values()
    assert (record.key, record.value) == (b"k", b"v")
    assert list(record.headers) == [("traceparent", b"00")]
    assert record.timestamp > 1_700_000_000_000


async def test_max_records_is_kept(appender: Appender, make_reader: MakeReader) -> None:
    """A read gives at most `max_records`."""
    await one_partition(appender, 50)
    reader = make_reader()
    await reader.start()
    await settled_by_reading(reader)
    batch = await read_until(reader, 1)
    assert sum(map(len, batch.values())) <= 100


async def test_reading_begins_at_the_stored_offset(appender: Appender, make_reader: MakeReader) -> None:
    """The owner's stored offset decides where reading begins."""
    partition = await one_partition(appender, 10)
    reader = make_reader(offsets=Offsets({partition: 6}))
    await reader.start()
    found = await read_until(reader, 4)
    assert [record.offset for record in found[partition]] == [6, 7, 8, 9]


async def test_offsets_that_could_not_be_loaded_are_asked_for_again(
    appender: Appender, make_reader: MakeReader
) -> None:
    """Whoever looks into the log for them may find the broker away once more; nothing is read meanwhile."""
    partition = await one_partition(appender, 10)
    reader = make_reader(offsets=_Away({partition: 4}))
    await reader.start()
    found = await read_until(reader, 6)
    assert [record.offset for record in found[partition]] == list(range(4, 10))


async def test_records_before_the_seek_are_dropped(appender: Appender, make_reader: MakeReader) -> None:
    """What aiokafka fetches from the group's committed offset before we have sought is never delivered."""
    partition = await one_partition(appender, 10)
    first = make_reader()
    await first.start()
    await read_until(first, 10)
    await first.commit({partition: 5})
    await first.stop()
    offsets = Offsets({partition: 2})
    offsets.free.clear()
    second = make_reader(offsets=offsets)
    await second.start()
    reading = asyncio.ensure_future(read_until(second, 8))
    assert second._consumer is not None
    fetched = second._consumer._fetcher._records
    await until(lambda: bool(fetched), "aiokafka fetched from the committed offset")
    offsets.free.set()
    assert [record.offset for record in (await reading)[partition]] == [2, 3, 4, 5, 6, 7, 8, 9]


async def test_records_of_a_partition_not_yet_sought_are_dropped(
    appender: Appender, make_reader: MakeReader, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A batch that aiokafka hands over for a partition gained a moment ago does not reach the caller."""
    partition = await one_partition(appender, 3)
    reader = make_reader()
    await reader.start()
    await settled_by_reading(reader)
    consumer = reader._consumer
    assert consumer is not None
    theirs = reader._on_broker(partition)

    async def gained_meanwhile(**_: object) -> dict[Any, list[str]]:
        reader.gained([theirs])
        return {theirs: ["a record from the wrong offset"]}

    monkeypatch.setattr(consumer, "getmany", gained_meanwhile)
    assert await reader.read(max_records=10, wait=0.0) == {}


async def test_a_commit_shows_as_lag_for_tools(appender: Appender, make_reader: MakeReader) -> None:
    """What was committed is what Kafka's own tools see of the group."""
    partition = await one_partition(appender, 10)
    reader = make_reader()
    await reader.start()
    await read_until(reader, 10)
    await reader.commit({partition: 7})
    assert reader._consumer is not None
    assert await reader._consumer.committed(reader._on_broker(partition)) == 7


async def test_a_commit_of_what_is_not_ours_is_left_out(make_reader: MakeReader) -> None:
    """Partitions lost meanwhile are not committed: their new owner does that."""
    reader = make_reader()
    await reader.start()
    await settled(reader)
    await reader.commit({Partition("elsewhere", 0): 7})


async def test_lag_counts_what_is_still_to_be_read(appender: Appender, make_reader: MakeReader) -> None:
    """The lag of a partition is the records between our position and its end."""
    partition = await one_partition(appender, 10)
    reader = make_reader(offsets=Offsets({partition: 10}))
    await reader.start()
    await settled(reader)
    assert await reader.lag() == dict.fromkeys(ALL, 0)
    reader._started().seek(reader._on_broker(partition), 4)
    assert (await reader.lag())[partition] == 6
