"""Appending to the log: acknowledged by every replica, or an error that says what to do next."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from typing import Any

import msgspec
import structlog
from aiokafka.errors import (
    KafkaError,
    MessageSizeTooLargeError,
    OutOfOrderSequenceNumber,
    ProducerClosed,
    RecordListTooLargeError,
    UnknownTopicOrPartitionError,
)
from aiokafka.structs import RecordMetadata

from infra.kafka.batches import append_in_batches, shielded
from infra.kafka.connection import KafkaConnection
from infra.kafka.errors import LogError, LogOverloaded, LogUnavailable, LogUnreached, RecordTooLarge
from infra.kafka.producer import Producer, size_of
from infra.kafka.records import Entry, Position
from infra.kafka.supply import Supply
from infra.kafka.waiting import One, Told, Waiting
from infra.process.metrics import APPEND_FAILURES
from infra.process.world import World

log = structlog.get_logger(__name__)

MAX_RECORD_BYTES = 1_000_000  # the broker's own default limit is 1,048,588 a batch
MAX_IN_FLIGHT_BYTES = 32 * 1024 * 1024
START_SECONDS = 15.0
STOP_SECONDS = 3.0
EARLY_SECONDS = 0.25  # what is late so soon is taken back with what is late now: taking a batch apart is not cheap
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
        self._world = world
        self._name = name
        self._max_record_bytes = max_record_bytes
        self._max_in_flight_bytes = max_in_flight_bytes
        self._in_flight_bytes = 0
        self._acknowledgements = 0
        self._stall = (-1, 0.0)  # acknowledgements and time when deadlines began to pass without any
        self._supply = Supply(connection, world, name=name, linger_ms=linger_ms)
        self._waiting: Waiting | None = None

    async def start(self, *, within: float = START_SECONDS) -> None:
        """Connect. LogUnavailable when the broker is not there within that time."""
        self._waiting = Waiting(self._give_up)
        try:
            async with asyncio.timeout(within):
                await self._supply.get()
        except TimeoutError as error:
            await self._supply.stop(STOP_SECONDS)
            raise LogUnavailable(f"no Kafka at {self._connection.bootstrap_servers} within {within:g} s") from error

    async def stop(self, *, within: float = STOP_SECONDS) -> None:
        """Wait for acknowledgements for at most `within` seconds, then fail what is left and close. Never hangs."""
        await self._supply.stop(within)
        if self._waiting is not None:
            self._waiting.close()

    async def append(self, entry: Entry, *, within: float = 3.0) -> Position:
        """Append one record and wait until every replica in sync has it.

        RecordTooLarge, LogOverloaded and LogUnreached: surely not appended. LogUnavailable: perhaps appended.
        """
        position: asyncio.Future[Position] = asyncio.get_running_loop().create_future()
        self.put(entry, partial(_settle, position), within=within)
        return await position

    def put(self, entry: Entry, told: Told, *, within: float = 3.0) -> None:
        """`append` without a task: `told` hears the record's position, or the error; at once when it is refused here."""
        size = size_of(entry)
        try:
            self._check_size(entry, size)
        except RecordTooLarge as error:
            told(error)
            return
        if self._in_flight_bytes + size > self._max_in_flight_bytes:
            APPEND_FAILURES.labels(entry.topic).inc()
            told(LogOverloaded(f"{self._in_flight_bytes} of {self._max_in_flight_bytes} bytes wait for the broker"))
            return
        waiting, producer = self._started(), self._supply.current
        place = None if producer is None else producer.put(entry)
        self._in_flight_bytes += size
        if producer is None or place is None:
            self._patiently(One(entry, 0, told, size, waiting.now() + within), self._append_waiting)
            return
        acknowledgement, number = place
        if waiting.add(acknowledgement, One(entry, number, told, size, waiting.now() + within)):
            acknowledgement.add_done_callback(partial(self._ended, producer))

    async def append_all(self, entries: Sequence[Entry], *, within: float = 10.0) -> list[Position]:
        """Append them all, in whole batches; returns their positions, in order, once every one is acknowledged.

        Records with the same key stay in order. LogUnavailable: any of them may have been appended. Its memory is
        bounded by one batch a partition, so it is not counted against `max_in_flight_bytes`.
        """
        if not entries:
            return []
        try:
            return await self._append_all(entries, within)
        except LogUnavailable:
            APPEND_FAILURES.labels(entries[0].topic).inc()
            raise

    async def _append_all(self, entries: Sequence[Entry], within: float) -> list[Position]:
        positions: list[Position | None] = [None] * len(entries)
        try:
            async with asyncio.timeout_at(self._started().now() + within):
                producer = await self._supply.get()
                try:
                    await append_in_batches(producer, entries, positions, self._check_size)
                except NOT_APPENDED as error:
                    self._supply.replace(producer, repr(error))
                except KafkaError as error:
                    raise self._failure(producer, entries[0], error) from error
                done = [await self._append_alone(entries[n]) if at is None else at for n, at in enumerate(positions)]
        except TimeoutError as error:
            raise self._late() from error
        self._acknowledgements += len(done)
        return done

    def _ended(self, producer: Producer, acknowledgement: asyncio.Future[Any]) -> None:
        """A batch has been acknowledged, or refused."""
        ones = self._started().take(acknowledgement)
        error = acknowledgement.exception()
        if error is None:
            self._acknowledgements += 1
            appended = acknowledgement.result()
            for one in ones:
                self._tell(one, Position(one.entry.topic, appended.partition, appended.offset + one.number))
        elif isinstance(error, NOT_APPENDED):
            self._supply.replace(producer, repr(error))
            for one in ones:
                self._patiently(one, self._append_alone)
        else:
            for one in ones:
                self._tell(one, self._failure(producer, one.entry, error))

    def _tell(self, one: One, said: Position | LogError) -> None:
        self._in_flight_bytes -= one.size
        if isinstance(said, LogUnavailable):
            APPEND_FAILURES.labels(one.entry.topic).inc()
        one.told(said)

    def _give_up(self, acknowledgement: asyncio.Future[Any], late: list[One], rest: list[One]) -> None:
        """These are late. In a batch that was never sent they are taken back; what is left of it waits on, anew."""
        waiting, producer, said = self._started(), self._supply.current, self._late()
        soon = waiting.now() + EARLY_SECONDS
        kept = [one for one in rest if one.deadline > soon]
        anew = None if producer is None else producer.take_back(acknowledgement, [one.entry for one in kept])
        if producer is not None and anew is not None:
            said = LogUnreached("the broker did not get to it in time; taken back")
            late = late + [one for one in rest if one.deadline <= soon]
            waiting.take(acknowledgement)
            for number, one in enumerate(kept):
                waiting.add(anew, msgspec.structs.replace(one, number=number))
            if kept:
                anew.add_done_callback(partial(self._ended, producer))
        for one in late:
            self._tell(one, said)

    def _patiently(self, one: One, append: Callable[[Entry], Awaitable[Position]]) -> None:
        """The way for what cannot be queued at once: no producer, no metadata, no room, or a batch that was refused."""
        self._world.tasks.spawn(f"{self._name}-append", self._append_within(one, append))

    async def _append_within(self, one: One, append: Callable[[Entry], Awaitable[Position]]) -> None:
        said: Position | LogError = LogUnavailable("the appender has been stopped")
        try:
            async with asyncio.timeout_at(one.deadline):
                said = await append(one.entry)
        except TimeoutError:
            said = self._late()
        except LogError as error:
            said = error
        except Exception as error:
            log.exception("append_failed")
            said = LogUnavailable(f"a defect: {error!r}")
        finally:
            self._tell(one, said)

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
                raise self._failure(producer, entry, error) from error
            return self._acknowledged(entry, appended)

    async def _append_alone(self, entry: Entry) -> Position:
        """In a batch of its own, so that a refusal for size is meant for this very record."""
        while True:
            producer = await self._supply.get()
            try:
                _, acknowledgement = await producer.put_batch(await producer.partition_of(entry), [entry])
                appended = await shielded(producer, acknowledgement)
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
                raise self._failure(producer, entry, error) from error
            return self._acknowledged(entry, appended)

    def _acknowledged(self, entry: Entry, appended: RecordMetadata) -> Position:
        self._acknowledgements += 1
        return Position(entry.topic, appended.partition, appended.offset)

    def _failure(self, producer: Producer, entry: Entry, error: BaseException) -> LogUnavailable:
        """What an error of aiokafka means for this entry."""
        if isinstance(error, LogUnavailable):  # the producer was given up by force
            return LogUnavailable(str(error))
        if isinstance(error, UnknownTopicOrPartitionError):
            return LogUnavailable(
                f"there is no topic {self._connection.topic(entry.topic)}: `heliograph topics` creates it"
            )
        self._supply.replace(producer, repr(error))
        return LogUnavailable(f"the broker refused: {error!r}")

    def _check_size(self, entry: Entry, size: int) -> None:
        if size > self._max_record_bytes:
            raise RecordTooLarge(f"{size} bytes for {entry.topic}, the limit is {self._max_record_bytes}")

    def _started(self) -> Waiting:
        if self._waiting is None:
            raise RuntimeError("start() comes before append()")
        return self._waiting

    def _late(self) -> LogUnavailable:
        """The error of a deadline; and the moment to see whether aiokafka itself is stuck."""
        now, (count, since) = self._started().now(), self._stall
        if count != self._acknowledgements:
            self._stall = (self._acknowledgements, now)
        elif now - since > STALL_SECONDS and (producer := self._supply.current) is not None:
            self._stall = (-1, 0.0)
            self._supply.replace(producer, f"nothing acknowledged for {STALL_SECONDS:g} s")
        return LogUnavailable("not acknowledged in time; perhaps appended all the same")


def _settle(position: asyncio.Future[Position], said: Position | LogError) -> None:
    if position.done():  # whoever waited has been cancelled
        return
    if isinstance(said, LogError):
        position.set_exception(said)
    else:
        position.set_result(said)
