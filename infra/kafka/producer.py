"""One aiokafka producer from its start to its end: replaced when it fails, never repaired.

This file and `ending.py` are the only ones that know private names of aiokafka, which is why pyproject.toml holds it
to 0.14. They are needed because `send()` spends two thirds of its time on metadata that has not changed, and because
`stop()` waits for ever when the broker is frozen (PITFALLS).
"""
# ruff: noqa: SLF001 - see above

import asyncio
from typing import Any

import structlog
from aiokafka import AIOKafkaProducer
from aiokafka.structs import RecordMetadata, TopicPartition

from infra.kafka.connection import KafkaConnection
from infra.kafka.ending import consume_failure, end_within
from infra.kafka.errors import LogUnavailable
from infra.kafka.partitioner import partition_for
from infra.kafka.records import Entry

log = structlog.get_logger(__name__)

BATCH_BYTES = 128 * 1024  # well under the broker's 1 MB a batch, whatever stands in it
RECORD_OVERHEAD_BYTES = 36  # lengths, offsets and attributes of a record, at their longest
HEADER_OVERHEAD_BYTES = 10  # two lengths
REQUEST_TIMEOUT_MS = 10_000  # then the connection is renewed and the same request repeated; not the caller's deadline
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
        self._accumulator: Any = self._aiokafka._message_accumulator
        self._cluster: Any = self._aiokafka.client.cluster
        self._routes: dict[str, list[TopicPartition]] = {}
        self._cluster.add_listener(lambda _: self._routes.clear())

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
        future = await self._accumulator.add_batch(builder, partition, FOR_EVER_SECONDS)
        consume_failure(future)
        return builder.record_count(), future

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
