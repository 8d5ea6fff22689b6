"""Reading without a group: given partitions, from given offsets to the present end."""

import asyncio
from collections.abc import AsyncGenerator, Collection, Mapping, Sequence
from math import inf
from typing import Self

from aiokafka import AIOKafkaConsumer
from aiokafka.errors import KafkaError, OffsetOutOfRangeError
from aiokafka.structs import TopicPartition

from infra.kafka.bounds import Bounds, start_offset
from infra.kafka.cluster.partitions import partitions_now
from infra.kafka.connection import KafkaConnection
from infra.kafka.ending import end_consumer
from infra.kafka.errors import LogRewritten, LogUnavailable
from infra.kafka.fast_records import use_fast_records
from infra.kafka.leaving import leave_silent_brokers
from infra.kafka.records import Partition, Record

START_SECONDS = 15.0
STOP_SECONDS = 2.0
REQUEST_SECONDS = 10.0
PATIENCE_SECONDS = 30.0  # without one record although the end is not reached
MAX_RECORDS = 5_000  # a batch; larger ones gain nothing (PERFORMANCE.md)
POLL_SECONDS = 1.0
MAX_PARTITION_FETCH_BYTES = 1024 * 1024


class Scanner:
    """A consumer without a group: `async with Scanner(connection) as scanner`. It changes nothing on the broker."""

    def __init__(
        self, connection: KafkaConnection, *, max_partition_fetch_bytes: int = MAX_PARTITION_FETCH_BYTES
    ) -> None:
        self._connection = connection
        self._max_partition_fetch_bytes = max_partition_fetch_bytes
        self._consumer: AIOKafkaConsumer | None = None

    async def __aenter__(self) -> Self:
        use_fast_records()
        consumer = AIOKafkaConsumer(
            **self._connection.client_arguments(),
            auto_offset_reset="none",
            enable_auto_commit=False,
            max_partition_fetch_bytes=self._max_partition_fetch_bytes,
        )
        leave_silent_brokers(consumer._client)  # noqa: SLF001 - as there
        try:
            async with asyncio.timeout(START_SECONDS):
                await consumer.start()
        except BaseException as error:
            await end_consumer(consumer, STOP_SECONDS)
            if isinstance(error, KafkaError | OSError | TimeoutError):
                raise LogUnavailable(f"no Kafka at {self._connection.bootstrap_servers}: {error!r}") from error
            raise
        self._consumer = consumer
        return self

    async def __aexit__(self, *_: object) -> None:
        consumer, self._consumer = self._consumer, None
        if consumer is not None:
            await end_consumer(consumer, STOP_SECONDS)

    async def partitions(self, topics: Sequence[str]) -> list[Partition]:
        """All partitions of the topics, in order. LogUnavailable for a topic that is not there."""
        client = self._entered()._client  # noqa: SLF001 - the consumer itself tells only of topics it has asked for
        found = []
        try:
            async with asyncio.timeout(REQUEST_SECONDS):
                for topic in topics:
                    numbers = await client._wait_on_metadata(self._connection.topic(topic))  # noqa: SLF001
                    found += [Partition(topic, number) for number in sorted(numbers)]
        except (KafkaError, TimeoutError) as error:
            raise LogUnavailable(f"no metadata of {', '.join(topics)}; are the topics there? {error!r}") from error
        return found

    async def partitions_now(self, topics: Sequence[str]) -> list[Partition]:
        """The same, asked of a broker at this moment: `partitions` may not know new ones yet."""
        client = self._entered()._client  # noqa: SLF001 - as above
        return await partitions_now(client, self._connection, topics, REQUEST_SECONDS)

    async def bounds(self, partitions: Collection[Partition]) -> dict[Partition, Bounds]:
        """The first offset and the next one to be written, of each partition, now."""
        wanted = {self._on_broker(partition): partition for partition in partitions}
        consumer = self._entered()
        try:
            async with asyncio.timeout(REQUEST_SECONDS):
                begins, ends = await consumer.beginning_offsets(wanted), await consumer.end_offsets(wanted)
        except (KafkaError, TimeoutError) as error:
            raise LogUnavailable(f"no offsets from the broker: {error!r}") from error
        return {partition: Bounds(begins[at], ends[at]) for at, partition in wanted.items()}

    async def offsets_at(self, partitions: Collection[Partition], timestamp_ms: int) -> dict[Partition, int]:
        """The first offset appended at or after that time, of each partition; its end where there is none."""
        wanted = {self._on_broker(partition): partition for partition in partitions}
        try:
            async with asyncio.timeout(REQUEST_SECONDS):
                found = await self._entered().offsets_for_times(dict.fromkeys(wanted, timestamp_ms))
        except (KafkaError, TimeoutError) as error:
            raise LogUnavailable(f"no offsets from the broker: {error!r}") from error
        bounds = await self.bounds(partitions)
        return {name: bounds[name].end if found[at] is None else found[at].offset for at, name in wanted.items()}

    async def record_at(self, partition: Partition, offset: int) -> Record | None:
        """The record at exactly that offset, or None when the log does not hold it."""
        bounds = (await self.bounds([partition]))[partition]
        if not bounds.begin <= offset < bounds.end:
            return None
        async for records in self.read({partition: offset}, {partition: offset + 1}):
            for record in records[partition]:
                return record if record.offset == offset else None
        return None

    async def read(
        self,
        start: Mapping[Partition, int],
        end: Mapping[Partition, int] | None,
        *,
        max_records: int = MAX_RECORDS,
        patience: float = PATIENCE_SECONDS,
    ) -> AsyncGenerator[dict[Partition, list[Record]], None]:
        """Batches of records from `start` up to, not including, `end`; for ever where that is None.

        LogRewritten: `start` does not fit the log. LogUnavailable: nothing came for `patience` seconds although the
        end was not reached.
        """
        stops = await self._begin(start, end)
        while stops:
            batch = {}
            for at, records in (await self._fetch(max_records, patience, idle_is_failure=end is not None)).items():
                kept, done = _cut(records, stops[at])
                if done:
                    del stops[at]
                    self._entered().pause(at)
                if kept:
                    batch[Partition(self._connection.plain(at.topic), at.partition)] = kept
            if batch:
                yield batch

    async def _begin(
        self, start: Mapping[Partition, int], end: Mapping[Partition, int] | None
    ) -> dict[TopicPartition, float]:
        """Seek what there is to be read; gives the offset before which each partition stops, infinite without `end`."""
        bounds = await self.bounds(start)
        consumer = self._entered()
        starts = {self._on_broker(name): start_offset(name, stored, bounds[name]) for name, stored in start.items()}
        stops = {self._on_broker(name): inf if end is None else min(end[name], bounds[name].end) for name in start}
        wanted = {at: stop for at, stop in stops.items() if starts[at] < stop}
        if wanted:
            consumer.assign(list(wanted))
        for at in wanted:
            consumer.seek(at, starts[at])  # never seek_to_beginning: it can leave getmany empty for ever (PITFALLS)
        return wanted

    async def _fetch(
        self, max_records: int, patience: float, *, idle_is_failure: bool
    ) -> dict[TopicPartition, list[Record]]:
        """The next records; waits in short polls, so that a following reader can be cancelled at any time."""
        loop = asyncio.get_running_loop()
        deadline = loop.time() + patience
        while True:
            try:
                got: dict[TopicPartition, list[Record]] = await self._entered().getmany(
                    timeout_ms=int(min(POLL_SECONDS, patience) * 1000), max_records=max_records
                )
            except OffsetOutOfRangeError as error:
                raise LogRewritten(f"the log was cut while it was read: {error.args[0]}") from error
            except KafkaError as error:
                raise LogUnavailable(f"reading failed: {error!r}") from error
            if got:
                return got
            if idle_is_failure and loop.time() >= deadline:
                raise LogUnavailable(f"no record for {patience:g} s, and the end was not reached")

    def _on_broker(self, partition: Partition) -> TopicPartition:
        return TopicPartition(self._connection.topic(partition.topic), partition.partition)

    def _entered(self) -> AIOKafkaConsumer:
        if self._consumer is None:
            raise RuntimeError("a Scanner is used inside `async with`")
        return self._consumer


def _cut(records: list[Record], stop: float) -> tuple[list[Record], bool]:
    """The records before offset `stop`, and whether `stop` has been reached."""
    if records[-1].offset < stop - 1:
        return records, False
    return [record for record in records if record.offset < stop], True


async def scan(
    connection: KafkaConnection,
    topics: Sequence[str],
    *,
    start: Mapping[Partition, int] | None = None,
    stop_at_end: bool = True,
    patience: float = PATIENCE_SECONDS,
) -> AsyncGenerator[dict[Partition, list[Record]], None]:
    """Every record of the topics, from `start` (0 where it says nothing) to the end there is now, or for ever."""
    async with Scanner(connection) as scanner:
        bounds = await scanner.bounds(await scanner.partitions(topics))
        offsets = {partition: (start or {}).get(partition, begin) for partition, (begin, _) in bounds.items()}
        ends = {partition: end for partition, (_, end) in bounds.items()} if stop_at_end else None
        async for batch in scanner.read(offsets, ends, patience=patience):
            yield batch
