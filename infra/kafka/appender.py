"""Appending to the log: acknowledged by every replica, or an error that says what to do next."""

import asyncio
from collections.abc import Sequence
from typing import NoReturn

from aiokafka.errors import (
    KafkaError,
    MessageSizeTooLargeError,
    OutOfOrderSequenceNumber,
    ProducerClosed,
    RecordListTooLargeError,
    UnknownTopicOrPartitionError,
)
from aiokafka.structs import RecordMetadata

from infra.kafka.batches import append_in_batches
from infra.kafka.connection import KafkaConnection
from infra.kafka.deadlines import Deadlines
from infra.kafka.errors import LogOverloaded, LogUnavailable, RecordTooLarge
from infra.kafka.producer import Producer, size_of
from infra.kafka.records import Entry, Position
from infra.kafka.supply import Supply
from infra.process.world import World

MAX_RECORD_BYTES = 1_000_000  # the broker's own default limit is 1,048,588 a batch
MAX_IN_FLIGHT_BYTES = 32 * 1024 * 1024
START_SECONDS = 15.0
STOP_SECONDS = 3.0
STALL_SECONDS = 15.0  # no acknowledgement for so long while deadlines pass: aiokafka itself may be stuck

REFUSED_FOR_SIZE = (MessageSizeTooLargeError, RecordListTooLargeError)
NOT_APPENDED = (OutOfOrderSequenceNumber, *REFUSED_FOR_SIZE)  # the second kind leads to the first in the next batches


class Appender:
    """An idempotent writer (acks=all) that many coroutines share.

    `max_record_bytes` is checked before anything is sent; `max_in_flight_bytes` is the most that may wait for
    acknowledgement. A producer that cannot go on (a refused record leaves its partition unusable, PITFALLS) is
    replaced behind the callers' backs.
    """

    def __init__(
        self,
        connection: KafkaConnection,
        world: World,
        *,
        name: str,
        linger_ms: int = 0,
        max_record_bytes: int = MAX_RECORD_BYTES,
        max_in_flight_bytes: int = MAX_IN_FLIGHT_BYTES,
    ) -> None:
        self._connection = connection
        self._max_record_bytes = max_record_bytes
        self._max_in_flight_bytes = max_in_flight_bytes
        self._in_flight_bytes = 0
        self._acknowledgements = 0
        self._stall = (-1, 0.0)  # acknowledgements and time when deadlines began to pass without any
        self._supply = Supply(connection, world, name=name, linger_ms=linger_ms)
        self._deadlines: Deadlines | None = None

    async def start(self, *, within: float = START_SECONDS) -> None:
        """Connect. LogUnavailable when the broker is not there within that time."""
        self._deadlines = Deadlines(self._late)
        try:
            async with asyncio.timeout(within):
                await self._supply.get()
        except TimeoutError as error:
            await self._supply.stop(STOP_SECONDS)
            raise LogUnavailable(f"no Kafka at {self._connection.bootstrap_servers} within {within:g} s") from error

    async def stop(self, *, within: float = STOP_SECONDS) -> None:
        """Wait for acknowledgements for at most `within` seconds, then fail what is left and close. Never hangs."""
        await self._supply.stop(within)
        if self._deadlines is not None:
            self._deadlines.close()

    async def append(self, entry: Entry, *, within: float = 3.0) -> Position:
        """Append one record and wait until every replica in sync has it.

        RecordTooLarge and LogOverloaded: surely not appended. LogUnavailable: perhaps appended.
        """
        size = size_of(entry)
        self._check_size(entry, size)
        if self._in_flight_bytes + size > self._max_in_flight_bytes:
            raise LogOverloaded(f"{self._in_flight_bytes} of {self._max_in_flight_bytes} bytes wait for the broker")
        deadlines, producer = self._started(), self._supply.current
        deadline = deadlines.now() + within
        future = None if producer is None else producer.put(entry)
        if producer is None or future is None:
            return await self._append_patiently(entry, size, deadline)
        self._in_flight_bytes += size
        deadlines.watch(future, deadline)
        try:
            appended = await future
        except NOT_APPENDED as error:
            self._supply.replace(producer, repr(error))
        except KafkaError as error:
            self._fail(producer, entry, error)
        else:
            self._acknowledgements += 1
            return Position(entry.topic, appended.partition, appended.offset)
        finally:
            deadlines.forget(future)
            self._in_flight_bytes -= size
        return await self._append_patiently(entry, size, deadline, alone=True)

    async def append_all(self, entries: Sequence[Entry], *, within: float = 10.0) -> list[Position]:
        """Append them all, in whole batches; returns their positions, in order, once every one is acknowledged.

        Records with the same key stay in order. LogUnavailable: any of them may have been appended. Its memory is
        bounded by one batch a partition, so it is not counted against `max_in_flight_bytes`.
        """
        positions: list[Position | None] = [None] * len(entries)
        try:
            async with asyncio.timeout_at(self._started().now() + within):
                producer = await self._supply.get()
                try:
                    await append_in_batches(producer, entries, positions, self._check_size)
                except NOT_APPENDED as error:
                    self._supply.replace(producer, repr(error))
                except KafkaError as error:
                    self._fail(producer, entries[0], error)
                done = [await self._append_alone(entries[n]) if at is None else at for n, at in enumerate(positions)]
        except TimeoutError as error:
            raise self._late() from error
        self._acknowledgements += len(done)
        return done

    async def _append_patiently(self, entry: Entry, size: int, deadline: float, *, alone: bool = False) -> Position:
        """The way for what cannot be queued at once: no producer, no metadata, no room, or a batch that was refused."""
        self._in_flight_bytes += size
        try:
            async with asyncio.timeout_at(deadline):
                if alone:
                    return await self._append_alone(entry)
                return await self._append_waiting(entry)
        except TimeoutError as error:
            raise self._late() from error
        finally:
            self._in_flight_bytes -= size

    async def _append_waiting(self, entry: Entry) -> Position:
        while True:
            producer = await self._supply.get()
            try:
                appended = await (await producer.put_waiting(entry))
            except ProducerClosed:
                continue  # surely not queued
            except NOT_APPENDED as error:
                self._supply.replace(producer, repr(error))
                return await self._append_alone(entry)
            except KafkaError as error:
                self._fail(producer, entry, error)
            else:
                return self._acknowledged(entry, appended)

    async def _append_alone(self, entry: Entry) -> Position:
        """In a batch of its own, so that a refusal for size is meant for this very record."""
        while True:
            producer = await self._supply.get()
            try:
                _, acknowledgement = await producer.put_batch(await producer.partition_of(entry), [entry])
                return self._acknowledged(entry, await acknowledgement)
            except ProducerClosed:
                continue
            except OutOfOrderSequenceNumber as error:  # refused for a neighbour's sake, surely not appended
                self._supply.replace(producer, repr(error))
            except REFUSED_FOR_SIZE as error:
                self._supply.replace(producer, repr(error))
                raise RecordTooLarge(
                    f"the broker refused a record of {size_of(entry)} bytes for {entry.topic}"
                ) from error
            except KafkaError as error:
                self._fail(producer, entry, error)

    def _acknowledged(self, entry: Entry, appended: RecordMetadata) -> Position:
        self._acknowledgements += 1
        return Position(entry.topic, appended.partition, appended.offset)

    def _fail(self, producer: Producer, entry: Entry, error: KafkaError) -> NoReturn:
        if isinstance(error, UnknownTopicOrPartitionError):
            topic = self._connection.topic(entry.topic)
            raise LogUnavailable(f"there is no topic {topic}: `heliograph topics` creates it") from error
        self._supply.replace(producer, repr(error))
        raise LogUnavailable(f"the broker refused: {error!r}") from error

    def _check_size(self, entry: Entry, size: int) -> None:
        if size > self._max_record_bytes:
            raise RecordTooLarge(f"{size} bytes for {entry.topic}, the limit is {self._max_record_bytes}")

    def _started(self) -> Deadlines:
        if self._deadlines is None:
            raise RuntimeError("start() comes before append()")
        return self._deadlines

    def _late(self) -> LogUnavailable:
        """The error of a deadline; and the moment to see whether aiokafka itself is stuck."""
        now, (count, since) = self._started().now(), self._stall
        if count != self._acknowledgements:
            self._stall = (self._acknowledgements, now)
        elif now - since > STALL_SECONDS and (producer := self._supply.current) is not None:
            self._stall = (-1, 0.0)
            self._supply.replace(producer, f"nothing acknowledged for {STALL_SECONDS:g} s")
        return LogUnavailable("not acknowledged in time; perhaps appended all the same")
