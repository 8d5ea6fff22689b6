"""Reading without a group, from given offsets to the end there is now."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from infra.kafka.log import Appender, Entry, LogRewritten, LogUnavailable, Partition, Scanner, scan
from tests.integration.kafka.brokers import PARTITIONS, TOPIC, Broker


async def _filled(appender: Appender, count: int) -> Partition:
    positions = await appender.append_all([Entry(TOPIC, "k", b"%d" % number) for number in range(count)])
    return Partition(TOPIC, positions[0].partition)


async def test_a_scan_reads_everything_and_ends(appender: Appender, broker: Broker) -> None:
    """A scan gives every record of every partition once and ends by itself."""
    await appender.append_all([Entry(TOPIC, f"k{number}", b"%d" % number) for number in range(5_000)])
    values = [
        int(record.value or b"")
        async for batch in scan(broker.connection, [TOPIC])
        for records in batch.values()
        for record in records
    ]
    assert sorted(values) == list(range(5_000))


async def test_a_scan_of_an_empty_topic_ends(broker: Broker) -> None:
    """Nothing to read is an end, not a wait."""
    assert [batch async for batch in scan(broker.connection, [TOPIC])] == []


async def test_a_scan_begins_where_it_is_told(appender: Appender, broker: Broker) -> None:
    """Partitions named in `start` begin there, the others at their beginning."""
    partition = await _filled(appender, 10)
    offsets = [
        record.offset
        async for batch in scan(broker.connection, [TOPIC], start={partition: 7})
        for record in batch[partition]
    ]
    assert offsets == [7, 8, 9]


async def test_a_scan_stops_at_the_end_it_saw_first(appender: Appender, broker: Broker) -> None:
    """Records appended while a scan runs are not part of it, or it might never end."""
    partition = await _filled(appender, 10)
    async with Scanner(broker.connection) as scanner:
        ends = {partition: (await scanner.bounds([partition]))[partition].end}
        await _filled(appender, 5)
        offsets = [record.offset async for batch in scanner.read({partition: 0}, ends) for record in batch[partition]]
    assert offsets == list(range(10))


async def test_a_following_scan_sees_what_comes(appender: Appender, broker: Broker) -> None:
    """With `stop_at_end=False` the scan goes on with what is appended later."""
    partition = await _filled(appender, 1)
    following = scan(broker.connection, [TOPIC], stop_at_end=False)
    first = await asyncio.wait_for(anext(following), 10.0)
    await appender.append(Entry(TOPIC, "k", b"later"))
    second = await asyncio.wait_for(anext(following), 10.0)
    await following.aclose()
    assert [record.value for batch in (first, second) for record in batch[partition]] == [b"0", b"later"]


async def test_a_start_before_the_log_begins_is_refused(appender: Appender, broker: Broker) -> None:
    """A scan from an offset whose record is gone is refused with words."""
    partition = await _filled(appender, 10)
    await broker.delete_records(partition, before=5)
    with pytest.raises(LogRewritten, match="begins at offset 5"):
        async for _ in scan(broker.connection, [TOPIC], start={partition: 2}):
            pass


async def test_one_record_can_be_had(appender: Appender, broker: Broker) -> None:
    """`record_at` gives the record at an offset, and None for one the log does not hold."""
    partition = await _filled(appender, 10)
    async with Scanner(broker.connection) as scanner:
        record = await scanner.record_at(partition, 4)
        assert record is not None
        assert record.value == b"4"
        assert await scanner.record_at(partition, 10) is None


async def test_offsets_are_found_by_time_of_append(appender: Appender, broker: Broker) -> None:
    """`offsets_at` gives the first offset appended at or after a time; after the last, the end."""
    partition = await _filled(appender, 3)
    async with Scanner(broker.connection) as scanner:
        last = await scanner.record_at(partition, 2)
        assert last is not None
        assert (await scanner.offsets_at([partition], 0))[partition] == 0
        assert (await scanner.offsets_at([partition], last.timestamp + 1))[partition] == 3


async def test_the_partitions_of_topics_are_told(broker: Broker) -> None:
    """A topic's partitions come in order, without the prefix."""
    async with Scanner(broker.connection) as scanner:
        assert await scanner.partitions([TOPIC]) == [Partition(TOPIC, number) for number in range(PARTITIONS)]


@pytest.mark.faults
async def test_a_frozen_broker_ends_a_scan(appender: Appender, broker: Broker) -> None:
    """A scan that gets nothing for as long as its patience lasts, short of its end, ends in LogUnavailable."""
    positions = await appender.append_all([Entry(TOPIC, "k", bytes(20_000)) for _ in range(100)])
    partition = Partition(TOPIC, positions[0].partition)
    async with Scanner(broker.connection, max_partition_fetch_bytes=20_000) as scanner:
        reading = scanner.read({partition: 0}, {partition: 100}, patience=0.5)
        await anext(reading)
        with broker.frozen(), pytest.raises(LogUnavailable, match="the end was not reached"):
            await asyncio.wait_for(_drained(reading), 10.0)


async def _drained(reading: AsyncIterator[object]) -> None:
    async for _ in reading:
        pass
