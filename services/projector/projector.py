"""The loop: read, fold, write rows and offsets in one transaction, tell Kafka how far we are.

While one batch is being written, the next is read and folded; they are written strictly one after the other.
"""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence

import structlog

from contracts.events import AnyEvent, UnreadableEventError, sound
from contracts.topics import PROJECTION_CONTROL
from infra.kafka.log import KafkaConnection, Partition, Reader, Record, Scanner
from infra.process.metrics import PROJECT_SECONDS, RECORDS_PROJECTED
from infra.process.world import World
from services.projector.batch import Batch, Read
from services.projector.marks import verify
from services.projector.parking import Parking
from services.projector.store import BadRecord, Store

log = structlog.get_logger(__name__)

MOST_RECORDS = 12_000
"""Records a transaction when behind; when idle, whatever has come."""
MOST_WEIGHT = 20_000
"""Records, and recipients that they name, in one transaction: a thousand requests are a million messages."""
SLICE = 100  # records folded between two breaths, about 1 ms: the statement under way must get its answers
IDLE_SECONDS = 1.0
CHORES_SECONDS = 1.0
STOP_SECONDS = 2.0


class Projector:
    """Folds the log into one build of the tables. Effects are exactly once: rows and offsets are one transaction."""

    def __init__(
        self, *, connection: KafkaConnection, reader: Reader, store: Store, parking: Parking, world: World
    ) -> None:
        self._connection = connection
        self._reader = reader
        self._store = store
        self._parking = parking
        self._world = world
        self._epoch = 0
        self._next: dict[Partition, int] = {}
        self._written: dict[Partition, int] = {}
        self._writing: asyncio.Task[None] | None = None
        self._chores_due = 0.0
        self.logged_ms: dict[Partition, int] = {}

    async def load_offsets(self, partitions: Sequence[Partition]) -> Mapping[Partition, int]:
        """Where to go on, for the reader, which asks on every assignment. Raises LogRewritten."""
        await self._until_written()
        stored = await self._store.load_offsets(partitions)
        await verify(self._connection, stored)
        self._next = {partition: at.following for partition, at in stored.items()}
        self._written = dict(self._next)
        self.logged_ms.clear()
        return dict(self._next)

    async def revoked(self, _partitions: Sequence[Partition]) -> None:
        """Before others get the partitions: what is being written is finished, what is not will be read by them."""
        self._epoch += 1
        await self._until_written()

    async def run(self) -> None:
        """Fold for ever. Raises what only a restart can mend: a stale owner, a log that was rewritten, no database."""
        try:
            while True:
                records = await self._reader.read(max_records=MOST_RECORDS, wait=IDLE_SECONDS)
                epoch = self._epoch  # when it grows before the write, the partitions went to others: never write then
                async for batch in self._folded(records):
                    await self._between_writes()
                    if epoch == self._epoch:
                        self._writing = self._world.tasks.spawn("write", self._write(batch))
                if not records:
                    await self._between_writes()
        finally:
            if self._writing is not None:
                await asyncio.wait({self._writing}, timeout=STOP_SECONDS)

    async def _folded(self, records: Mapping[Partition, Sequence[Record]]) -> AsyncIterator[Batch]:
        """The records as batches of changes, ready to be written; folded in slices, while another is being written."""
        batch = Batch(dict(self._next))
        for partition, some in records.items():
            self.logged_ms[partition] = some[-1].timestamp
            for begin in range(0, len(some), SLICE):
                piece = some[begin : begin + SLICE]
                batch.take(partition, piece, await self._events(partition, piece))
                await asyncio.sleep(0)
                if batch.weight >= MOST_WEIGHT:
                    yield await self._prepared(batch)
                    batch = Batch(dict(self._next))
        if batch.weight:
            yield await self._prepared(batch)

    async def _prepared(self, batch: Batch) -> Batch:
        """The batch with its rows made, which would otherwise hold up its transaction."""
        for _ in batch.changes.prepare():
            await asyncio.sleep(0)
        self._next.update(batch.ends())
        return batch

    async def _events(self, partition: Partition, records: Sequence[Record]) -> list[AnyEvent | None]:
        """What the records say; None for one that is to have no effect, which is parked if nobody decided so."""
        events: list[AnyEvent | None] = []
        append = events.append
        for record in records:
            event: AnyEvent | None = None
            try:
                event = sound(record.value)
            except UnreadableEventError as error:
                if not self._parking.is_dropped(partition, record.offset):
                    await self._parking.park(partition, record, str(error))
            append(event)
        if partition.topic == PROJECTION_CONTROL:
            self._parking.learn(events)
        return self._parking.without_dropped(partition, records, events)

    async def _write(self, batch: Batch) -> None:
        """One transaction; when the database refuses a value, halves, down to the one record that is to blame."""
        try:
            with PROJECT_SECONDS.time():
                await self._store.apply(batch.changes, batch.steps())
        except BadRecord as error:
            await self._bisect(batch, str(error))
        else:
            self._written.update(batch.ends())
            for partition, records in batch.counts().items():
                RECORDS_PROJECTED.labels(partition.topic).inc(records)

    async def _bisect(self, batch: Batch, reason: str) -> None:
        reads = batch.reads()
        if len(reads) == 1:
            ((partition, record, _),) = reads
            await self._parking.park(partition, record, reason)
            await self._write(Batch.of(batch.start, [(partition, record, None)]))
            return
        for half in batch.halves():
            await self._write(half)

    async def _until_written(self) -> None:
        """What was folded before is in the tables, with its offsets. Raises what kept it from getting there."""
        writing, self._writing = self._writing, None
        if writing is not None:
            await writing

    async def _between_writes(self) -> None:
        """The connection is free: what was folded before is in the tables, and the next is not there yet."""
        await self._until_written()
        await self._chores()

    async def _chores(self) -> None:
        """Once a second, between two transactions: tell Kafka how far we are, and try again what is to be retried."""
        now = self._world.clock.boot()
        if now < self._chores_due:
            return
        self._chores_due = now + CHORES_SECONDS
        ours = self._reader.assigned()
        await self._reader.commit({p: offset for p, offset in self._written.items() if p in ours})
        for place, decision in await self._store.retried():
            partition, offset = Partition(place[0], place[1]), place[2]
            if partition in self._reader.assigned() and offset < self._written.get(partition, 0):
                await self._retry(partition, offset, decision)

    async def _retry(self, partition: Partition, offset: int, decision: int) -> None:
        """Fold a parked record again, or park it again."""
        async with Scanner(self._connection) as scanner:
            record = await scanner.record_at(partition, offset)
        if record is None:
            log.error("retried_record_is_gone", topic=partition.topic, partition=partition.partition, offset=offset)
            return
        if partition not in self._reader.assigned():
            return
        try:
            read: Read = (partition, record, sound(record.value))
            changes = Batch.of({partition: offset}, [read]).changes
            await self._store.apply_retried(changes, (*partition, offset), self._written[partition])
        except (UnreadableEventError, BadRecord) as error:
            await self._parking.park(partition, record, str(error), again=str(decision))
        else:
            log.info("record_retried", topic=partition.topic, partition=partition.partition, offset=offset)
