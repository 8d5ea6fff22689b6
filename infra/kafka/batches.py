"""Many records at once: whole batches, partition beside partition, each partition's own in order."""

import asyncio
from collections.abc import Callable, Sequence

from aiokafka.structs import RecordMetadata, TopicPartition

from infra.kafka.partitioner import partition_for
from infra.kafka.producer import Producer, size_of
from infra.kafka.records import Entry, Position

SLICE = 1_000  # entries between two breaths, about 2 ms: other coroutines must not starve


async def append_in_batches(
    producer: Producer,
    entries: Sequence[Entry],
    positions: list[Position | None],
    check: Callable[[Entry, int], None],
) -> None:
    """Append all entries and note their positions, index by index, as they are acknowledged.

    `check` is called with every entry and its size before the first is sent. A failure is raised when all partitions
    are through; what was acknowledged stands in `positions` then.
    """
    groups = await _by_partition(producer, entries, check)
    work = [
        asyncio.create_task(_append_partition(producer, partition, entries, indexes, positions))
        for partition, indexes in groups.items()
    ]
    try:
        outcomes = await asyncio.gather(*work, return_exceptions=True)
    except asyncio.CancelledError:  # the deadline; gather has cancelled them, none may write into `positions` later
        await asyncio.wait(work)
        raise
    for outcome in outcomes:
        if outcome is not None:
            raise outcome


async def shielded(producer: Producer, acknowledgement: asyncio.Future[RecordMetadata]) -> RecordMetadata:
    """The acknowledgement of a batch of our own. Cancelled by a deadline, a batch that was never sent is taken back."""
    try:
        return await asyncio.shield(acknowledgement)
    except asyncio.CancelledError:
        producer.take_back(acknowledgement)
        raise


async def _by_partition(
    producer: Producer, entries: Sequence[Entry], check: Callable[[Entry, int], None]
) -> dict[TopicPartition, list[int]]:
    groups: dict[TopicPartition, list[int]] = {}
    routes = {topic: await producer.route(topic) for topic in {entry.topic for entry in entries}}
    for index, entry in enumerate(entries):
        check(entry, size_of(entry))
        route = routes[entry.topic]
        groups.setdefault(route[partition_for(entry.key, len(route))], []).append(index)
        if index % SLICE == SLICE - 1:
            await asyncio.sleep(0)
    return groups


async def _append_partition(
    producer: Producer,
    partition: TopicPartition,
    entries: Sequence[Entry],
    indexes: list[int],
    positions: list[Position | None],
) -> None:
    """Queue one partition's entries batch by batch, then wait for the acknowledgements."""
    waiting: list[tuple[int, int, asyncio.Future[RecordMetadata]]] = []
    try:
        await _queue(producer, partition, entries, indexes, waiting)
        for start, count, acknowledgement in waiting:
            base = (await shielded(producer, acknowledgement)).offset
            for nth, index in enumerate(indexes[start : start + count]):
                positions[index] = Position(entries[index].topic, partition.partition, base + nth)
    except asyncio.CancelledError:  # the deadline
        for _, _, acknowledgement in waiting:
            producer.take_back(acknowledgement)
        raise


async def _queue(
    producer: Producer,
    partition: TopicPartition,
    entries: Sequence[Entry],
    indexes: list[int],
    waiting: list[tuple[int, int, asyncio.Future[RecordMetadata]]],
) -> None:
    begin = 0
    while begin < len(indexes):
        count, acknowledgement = await producer.put_batch(
            partition, [entries[i] for i in indexes[begin : begin + SLICE]]
        )
        waiting.append((begin, count, acknowledgement))
        begin += count
