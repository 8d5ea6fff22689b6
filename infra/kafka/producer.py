"""One aiokafka producer from its start to its end: replaced when it fails, never repaired.

This file and `ending.py` are the only ones that know private names of aiokafka, which is why pyproject.toml holds it
to 0.14. They are needed because `send()` spends two thirds of its time on metadata that has not changed, and because
`stop()` waits for ever when the broker is frozen (PITFALLS).
"""
# ruff: noqa: SLF001 - see above

import asyncio
from collections.abc import Sequence
from typing import Any

import structlog
from aiokafka import AIOKafkaProducer
from aiokafka.producer.message_accumulator import MessageBatch
from aiokafka.structs import RecordMetadata, TopicPartition

from infra.kafka.connection import KafkaConnection
from infra.kafka.ending import consume_failure, end_within
from infra.kafka.errors import LogUnavailable
from infra.kafka.leaving import leave_silent_brokers
from infra.kafka.partitioner import partition_for
from infra.kafka.records import Entry

log = structlog.get_logger(__name__)

BATCH_BYTES = 128 * 1024  # well under the broker's 1 MB a batch, whatever stands in it
RECORD_OVERHEAD_BYTES = 36  # lengths, offsets and attributes of a record, at their longest
HEADER_OVERHEAD_BYTES = 10  # two lengths
REQUEST_TIMEOUT_MS = 4_000  # then the connection is renewed and the same request repeated; not the caller's deadline
FOR_EVER_SECONDS = 86_400.0  # the caller's deadline ends these waits, not aiokafka's


def size_of(entry: Entry) -> int:
    """Bytes that a record takes in the log, at most."""
    size = len(entry.key) * 4 + len(entry.value) + RECORD_OVERHEAD_BYTES  # a letter is at most 4 bytes
    for name, value in entry.headers:
        size += len(name) * 4 + len(value) + HEADER_OVERHEAD_BYTES
    return size


class Producer:
    """An idempotent producer (acks=all). What it gives back are futures of acknowledgements; it sets no deadline."""

    def __init__(self, connection: KafkaConnection, *, client_id: str, linger_ms: int) -> None:
        self._connection = connection
        self._aiokafka = AIOKafkaProducer(
            **connection.client_arguments(),
            client_id=client_id,
            acks="all",
            enable_idempotence=True,
            linger_ms=linger_ms,
            max_batch_size=BATCH_BYTES,
            request_timeout_ms=REQUEST_TIMEOUT_MS,
        )
        leave_silent_brokers(self._aiokafka.client)
        self._accumulator: Any = self._aiokafka._message_accumulator
        self._cluster: Any = self._aiokafka.client.cluster
        self._routes: dict[str, list[TopicPartition]] = {}
        self._cluster.add_listener(self._route_anew)

    @property
    def usable(self) -> bool:
        """False once it is closed or its sender has failed for good; then nothing more is queued."""
        return not self._accumulator._closed and self._accumulator._exception is None

    async def start(self) -> None:
        """Connect and get a producer id. Never returns while the broker is frozen: set a limit."""
        await self._aiokafka.start()

    async def route(self, topic: str) -> list[TopicPartition]:
        """The topic's partitions on the broker; waits for its metadata if need be."""
        route = self._routes.get(topic)
        if route is None:
            name = self._connection.topic(topic)
            numbers = await self._aiokafka.client._wait_on_metadata(name)
            route = self._routes[topic] = [TopicPartition(name, number) for number in sorted(numbers)]
        return route

    def _route_anew(self, cluster: Any) -> None:
        """Metadata has come: a topic may have other partitions now. One that is gone is waited for again."""
        for topic in list(self._routes):
            name = self._connection.topic(topic)
            numbers = cluster.partitions_for_topic(name)
            if numbers:
                self._routes[topic] = [TopicPartition(name, number) for number in sorted(numbers)]
            else:
                del self._routes[topic]

    async def partition_of(self, entry: Entry) -> TopicPartition:
        """The partition of an entry on the broker."""
        route = await self.route(entry.topic)
        return route[partition_for(entry.key, len(route))]

    def put(self, entry: Entry) -> tuple[asyncio.Future[RecordMetadata], int] | None:
        """Queue an entry at once: its batch's acknowledgement (of the first record) and which record of it this is.

        None where one has to wait (`put_waiting`).
        """
        route = self._routes.get(entry.topic)
        accumulator = self._accumulator
        if route is None or not self.usable:
            return None
        partition = route[partition_for(entry.key, len(route))]
        queue = accumulator._batches.get(partition)
        batch = queue[-1] if queue else accumulator._append_batch(accumulator.create_builder(), partition)
        metadata = batch._builder.append(
            timestamp=None, key=entry.key.encode(), value=entry.value, headers=list(entry.headers)
        )
        return None if metadata is None else (batch.future, metadata.offset)

    async def put_waiting(self, entry: Entry) -> asyncio.Future[RecordMetadata]:
        """Queue an entry, waiting for the topic's metadata and for room in its partition's queue."""
        partition = await self.partition_of(entry)
        future: asyncio.Future[RecordMetadata] = await self._accumulator.add_message(
            partition, entry.key.encode(), entry.value, FOR_EVER_SECONDS, headers=list(entry.headers)
        )
        return future

    async def put_batch(self, partition: TopicPartition, entries: list[Entry]) -> tuple[int, asyncio.Future[Any]]:
        """Queue as many of the entries as fit into one batch; gives their number and the acknowledgement to wait for."""
        builder = self._aiokafka.create_batch()
        for entry in entries:
            if (
                builder.append(key=entry.key.encode(), value=entry.value, timestamp=None, headers=list(entry.headers))
                is None
            ):
                break
        builder.close()
        await self._accumulator.add_batch(builder, partition, FOR_EVER_SECONDS)
        future = self._accumulator._batches[partition][-1].future  # itself, not aiokafka's shield: see `take_back`
        consume_failure(future)
        return builder.record_count(), future

    def take_back(self, acknowledgement: asyncio.Future[Any], keep: Sequence[Entry] = ()) -> asyncio.Future[Any] | None:
        """Take the batch of this acknowledgement back, but for the entries to `keep`; gives their new acknowledgement.

        None: it was handed to the socket once, and may land; nothing has changed. One that never was has no sequence
        number yet, so no gap is left. The kept ones, some of its own in their order, are numbered anew from 0.
        """
        for partition, queue in list(self._accumulator._batches.items()):
            for place, batch in enumerate(queue):
                if batch.future is acknowledgement:
                    return self._without(partition, place, batch, keep)
        return None

    def _without(
        self, partition: TopicPartition, place: int, batch: Any, keep: Sequence[Entry]
    ) -> asyncio.Future[Any] | None:
        if batch.retry_count or any(not future.done() for future, _ in batch._msg_futures):
            return None
        queue, builder = self._accumulator._batches[partition], self._accumulator.create_builder()
        for entry in keep:
            builder.append(timestamp=None, key=entry.key.encode(), value=entry.value, headers=list(entry.headers))
        kept = MessageBatch(partition, builder, batch._ttl, batch._linger_time)
        if keep:
            queue[place] = kept
        else:
            del queue[place]
        if not queue:
            del self._accumulator._batches[partition]
        batch._builder.close()
        if not batch._drain_waiter.done():
            batch._drain_waiter.set_result(None)  # whoever waits for room looks again
        future: asyncio.Future[Any] = kept.future
        return future

    def _queued(self) -> list[Any]:
        queues = self._accumulator._batches.values()
        return [*self._accumulator._pending_batches, *(batch for queue in queues for batch in queue)]

    async def end(self, within: float) -> None:
        """Let what is queued be acknowledged, then close; by force when `within` seconds are not enough."""
        if await end_within(self._aiokafka.stop(), within):
            return
        log.warning("producer_given_up", client=self._aiokafka.client._client_id, after_seconds=within)
        await self.discard()

    async def discard(self) -> None:
        """Close by force: what is queued fails here, though it may still land in the log."""
        self._aiokafka._closed = True
        self._accumulator._closed = True
        for batch in self._queued():
            consume_failure(batch._drain_waiter)
        self._accumulator.fail_all(LogUnavailable("the producer was given up"))
        sender: asyncio.Task[None] | None = self._aiokafka._sender.sender_task
        if sender is not None:
            sender.cancel()
        await end_within(self._aiokafka.client.close(), 1.0)
        if sender is not None:
            sender.cancel()  # the first one only makes it wait for its requests
            await asyncio.wait([sender], timeout=1.0)
