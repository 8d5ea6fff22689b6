"""Reading as a member of a consumer group, from offsets that we keep ourselves, beside what they led to."""

import asyncio
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from zlib import crc32

import structlog
from aiokafka import AIOKafkaConsumer
from aiokafka.abc import ConsumerRebalanceListener
from aiokafka.coordinator.assignors.range import RangePartitionAssignor
from aiokafka.errors import (
    IllegalStateError,
    KafkaError,
    NoOffsetForPartitionError,
    OffsetOutOfRangeError,
)
from aiokafka.structs import TopicPartition

from infra.kafka.bounds import Bounds, start_offset
from infra.kafka.cluster.partitions import partitions_now
from infra.kafka.connection import KafkaConnection
from infra.kafka.ending import end_consumer
from infra.kafka.errors import LogRewritten, LogUnavailable, ReaderLost
from infra.kafka.fast_records import use_fast_records
from infra.kafka.leaving import leave_silent_brokers
from infra.kafka.records import Partition, Record
from infra.process.world import World

log = structlog.get_logger(__name__)

LoadOffsets = Callable[[Sequence[Partition]], Awaitable[Mapping[Partition, int]]]
"""Stored next offsets; a partition that is missing has never been read."""
OnRevoked = Callable[[Sequence[Partition]], Awaitable[None]]

MAX_PARTITION_FETCH_BYTES = 1024 * 1024
MAX_FETCH_BYTES = 8 * 1024 * 1024  # of all partitions: an answer is in memory three times while it is taken apart
SESSION_TIMEOUT_MS = 10_000  # a killed member's partitions wait about so long
HEARTBEAT_MS = 1_000  # how soon a member learns of a rebalance; aiokafka's 3 s would be the pause of every deploy
METADATA_MAX_AGE_MS = 30_000  # how late a topic that was deleted and made anew is noticed
REBALANCE_TIMEOUT_MS = 30_000  # what `on_revoked` may take
FETCH_WAIT_MS = 100  # an empty partition's fetch holds back the others on its broker for so long
START_SECONDS = 60.0  # a group whose dead member is still counted lets a new one wait for its session timeout
STOP_SECONDS = 3.0
REQUEST_SECONDS = 5.0
PAUSE_SECONDS = 0.1  # after a failure that passes by itself
GRACE_SECONDS = 0.25  # over `wait`, for aiokafka to return by itself


class Reader:
    """One member of a consumer group, with offsets kept by its owner.

    On every assignment the owner's `load_offsets` is asked and the partitions are sought; what aiokafka delivers
    before that is dropped. `member` is the fixed group_instance_id, with the topics: a member that comes back within the session
    timeout gets its partitions at once, and stopping one does not disturb the others. Two living members must not
    share a name: they would take the partitions from each other for ever.
    """

    def __init__(
        self,
        connection: KafkaConnection,
        world: World,
        *,
        topics: Sequence[str],
        group: str,
        member: str,
        load_offsets: LoadOffsets,
        on_revoked: OnRevoked | None = None,
        max_partition_fetch_bytes: int = MAX_PARTITION_FETCH_BYTES,
        max_fetch_bytes: int = MAX_FETCH_BYTES,
        session_timeout_ms: int = SESSION_TIMEOUT_MS,
    ) -> None:
        self._connection = connection
        self._world = world
        self._topics = [connection.topic(name) for name in topics]
        self._group = connection.group(group)
        self._member = member
        self._load_offsets = load_offsets
        self._on_revoked = on_revoked
        self._max_partition_fetch_bytes = max_partition_fetch_bytes
        self._max_fetch_bytes = max_fetch_bytes
        self._session_timeout_ms = session_timeout_ms
        self._consumer: AIOKafkaConsumer | None = None
        self._unsettled: frozenset[TopicPartition] = frozenset()
        self._settled: dict[TopicPartition, Partition] = {}
        self._ahead: dict[Partition, int] = {}
        self._waiting: asyncio.Timeout | None = None
        self._failure: Exception | None = None

    async def start(self, *, within: float = START_SECONDS) -> None:
        """Join the group. LogUnavailable when that takes longer than `within` seconds."""
        use_fast_records()
        consumer = AIOKafkaConsumer(
            **self._connection.client_arguments(),
            client_id=self._member,
            group_id=self._group,
            group_instance_id=f"{self._member}.{crc32(repr(sorted(self._topics)).encode()):08x}",
            partition_assignment_strategy=(RangePartitionAssignor,),
            auto_offset_reset="none",
            enable_auto_commit=False,
            session_timeout_ms=self._session_timeout_ms,
            heartbeat_interval_ms=min(HEARTBEAT_MS, self._session_timeout_ms // 3),
            metadata_max_age_ms=METADATA_MAX_AGE_MS,
            rebalance_timeout_ms=REBALANCE_TIMEOUT_MS,
            fetch_max_wait_ms=FETCH_WAIT_MS,
            fetch_max_bytes=self._max_fetch_bytes,
            max_partition_fetch_bytes=self._max_partition_fetch_bytes,
        )
        leave_silent_brokers(consumer._client)  # noqa: SLF001 - as there
        consumer.subscribe(topics=self._topics, listener=_Listener(self))
        try:
            async with asyncio.timeout(within):
                await consumer.start()
        except BaseException as error:
            await end_consumer(consumer, STOP_SECONDS)
            if isinstance(error, KafkaError | OSError | TimeoutError):
                raise LogUnavailable(f"group {self._group} not joined within {within:g} s: {error!r}") from error
            raise
        self._consumer = consumer

    async def stop(self, *, within: float = STOP_SECONDS) -> None:
        """Stop reading. As a fixed member it does not leave the group. Never hangs."""
        consumer, self._consumer = self._consumer, None
        self._unsettled, self._settled = frozenset(), {}
        if consumer is not None:
            await end_consumer(consumer, within)

    def assigned(self) -> frozenset[Partition]:
        """The partitions that are ours and have been sought: those whose records `read` can give."""
        return frozenset(self._settled.values())

    def ahead(self) -> Mapping[Partition, int]:
        """Records that the log had beyond what was read when the broker last answered, by partition. Asks nobody."""
        return self._ahead

    async def read(
        self, *, max_records: int, wait: float, only: Collection[Partition] = ()
    ) -> dict[Partition, list[Record]]:
        """Records by partition, as soon as there are any; empty after `wait` seconds, or while the broker is away.

        Empty also when the partitions have changed, before the first record of the new ones.
        `only`: of these partitions, the others keep what they have; empty: of all that are ours.
        LogRewritten: the log does not fit the stored offset. ReaderLost: this member cannot go on. Whatever
        `load_offsets` and `on_revoked` raise comes out here, but for a LogUnavailable of the first, which is asked again.
        """
        loop = asyncio.get_running_loop()
        deadline = loop.time() + wait
        while True:
            if self._unsettled and await self._settle():
                return {}
            left = max(0.0, deadline - loop.time())
            records = await self._fetch(max_records, left, only)
            if records or loop.time() >= deadline:
                return records

    async def commit(self, offsets: Mapping[Partition, int]) -> None:
        """Tell the group's coordinator how far we are, for lag tools. Best effort: a failure is logged, not raised."""
        wanted = {self._on_broker(partition): offset for partition, offset in offsets.items()}
        ours = {at: offset for at, offset in wanted.items() if at in self._settled}
        if not ours:
            return
        try:
            async with asyncio.timeout(REQUEST_SECONDS):
                await self._started().commit(ours)
        except (KafkaError, TimeoutError, IllegalStateError) as error:
            log.warning("offsets_not_committed", group=self._group, error=repr(error))

    async def lag(self) -> dict[Partition, int]:
        """Records between our position and the end, by partition. LogUnavailable when the broker does not say."""
        consumer, settled = self._started(), dict(self._settled)
        try:
            async with asyncio.timeout(REQUEST_SECONDS):
                ends = await consumer.end_offsets(list(settled))
                return {
                    partition: max(0, ends[at] - await consumer.position(at))
                    for at, partition in settled.items()
                    if at in self._settled
                }
        except (KafkaError, TimeoutError, IllegalStateError) as error:
            raise LogUnavailable(f"no lag from the broker: {error!r}") from error

    async def partitions(self, topics: Sequence[str]) -> list[Partition]:
        """All partitions that these topics have now, also those that nobody reads yet. LogUnavailable as for `lag`."""
        return await partitions_now(self._started()._client, self._connection, topics, REQUEST_SECONDS)  # noqa: SLF001

    async def _fetch(self, max_records: int, wait: float, only: Collection[Partition]) -> dict[Partition, list[Record]]:
        self._raise_failure()
        consumer, wanted = self._started(), [at for at, partition in self._settled.items() if partition in only]
        try:
            async with asyncio.timeout(wait + GRACE_SECONDS) as self._waiting:
                got = await consumer.getmany(*wanted, timeout_ms=int(wait * 1000), max_records=max_records)
        except TimeoutError:  # a rebalance under way holds getmany beyond its own time
            return {}
        except (NoOffsetForPartitionError, OffsetOutOfRangeError) as error:
            await self._explain(error)
            await self._world.clock.sleep(PAUSE_SECONDS)
            return {}
        except KafkaError as error:
            if error.retriable:
                log.warning("read_failed", group=self._group, member=self._member, error=repr(error))
                await self._world.clock.sleep(PAUSE_SECONDS)
                return {}
            raise ReaderLost(f"{self._member} of group {self._group}: {error!r}") from error
        finally:
            self._waiting = None
        settled = self._settled
        read = {settled[at]: records for at, records in got.items() if at in settled}
        for at in got:
            if at in settled:
                self._ahead[settled[at]] = (consumer.highwater(at) or 0) - read[settled[at]][-1].offset - 1
        return read

    async def _settle(self) -> bool:
        """Seek the partitions newly assigned to their stored offsets; gives whether that is done.

        A rebalance meanwhile leaves it to the next.
        """
        consumer, unsettled = self._started(), self._unsettled
        partitions = {at: Partition(self._connection.plain(at.topic), at.partition) for at in sorted(unsettled)}
        try:
            stored = await self._load_offsets(list(partitions.values()))
        except LogUnavailable as error:  # it looked into the log, and the broker was away again
            log.warning("offsets_not_loaded", group=self._group, error=str(error))
            await self._world.clock.sleep(PAUSE_SECONDS)
            return False
        bounds = await self._bounds(unsettled)
        if bounds is None or self._unsettled is not unsettled:
            return False
        starts = {at: start_offset(name, stored.get(name), bounds[at]) for at, name in partitions.items()}
        for at, offset in starts.items():
            consumer.seek(at, offset)
        self._settled, self._unsettled = partitions, frozenset()
        self._ahead = {name: bounds[at].end - starts[at] for at, name in partitions.items()}
        log.info("partitions_assigned", group=self._group, member=self._member, partitions=len(partitions))
        return True

    async def _bounds(self, partitions: Collection[TopicPartition]) -> dict[TopicPartition, Bounds] | None:
        consumer = self._started()
        try:
            async with asyncio.timeout(REQUEST_SECONDS):
                begins = await consumer.beginning_offsets(partitions)
                ends = await consumer.end_offsets(partitions)
        except (KafkaError, TimeoutError) as error:
            log.warning("bounds_unknown", group=self._group, error=repr(error))
            return None
        return {at: Bounds(begins[at], ends[at]) for at in partitions}

    async def _explain(self, error: KafkaError) -> None:
        """Out of range is expected before the seek; after it, the log was rewritten under us."""
        settled = dict(self._settled)
        if not isinstance(error, OffsetOutOfRangeError) or not settled:
            return
        bounds = await self._bounds(settled)
        for at, offset in error.args[0].items():
            if at in settled and bounds is not None:
                start_offset(settled[at], offset, bounds[at])
                raise LogRewritten(f"{at.topic}/{at.partition} has no offset {offset}, though it should")

    def _started(self) -> AIOKafkaConsumer:
        if self._consumer is None:
            raise RuntimeError("start() comes before reading")
        return self._consumer

    def _on_broker(self, partition: Partition) -> TopicPartition:
        return TopicPartition(self._connection.topic(partition.topic), partition.partition)

    def _raise_failure(self) -> None:
        failure, self._failure = self._failure, None
        if failure is not None:
            raise failure

    async def revoked(self) -> None:
        """Called by aiokafka before partitions go away (always all of them: there is no cooperative assignor)."""
        lost = sorted(self._settled.values())
        self._settled, self._unsettled = {}, frozenset()
        if lost and self._on_revoked is not None:
            try:
                await self._on_revoked(lost)
            except Exception as error:  # noqa: BLE001 - aiokafka would only log it; `read` raises it
                self._failure = error

    def gained(self, partitions: Collection[TopicPartition]) -> None:
        """Called by aiokafka when partitions are ours. Only noted: the heartbeat stands still during this call."""
        self._settled, self._unsettled = {}, frozenset(partitions)
        if self._waiting is not None and not self._waiting.expired():
            self._waiting.reschedule(asyncio.get_running_loop().time())  # wake `read`, so that it seeks


class _Listener(ConsumerRebalanceListener):  # type: ignore[misc]
    """aiokafka's call-backs, handed on."""

    def __init__(self, reader: Reader) -> None:
        self._reader = reader

    async def on_partitions_revoked(self, _revoked: Collection[TopicPartition]) -> None:
        await self._reader.revoked()

    async def on_partitions_assigned(self, assigned: Collection[TopicPartition]) -> None:
        self._reader.gained(assigned)
