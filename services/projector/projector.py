"""The loop: read, fold, write rows and offsets in one transaction, tell Kafka how far we are.

While one batch is being written, the next is read and folded; they are written strictly one after the other.
"""

import asyncio
from collections.abc import Mapping, Sequence

import structlog

from contracts.events import AnyEvent, UnreadableEventError, all_of, sound
from contracts.topics import PROJECTION_CONTROL
from infra.kafka.log import KafkaConnection, Partition, Reader, Record, Scanner
from infra.postgres.marks import verify
from infra.process.metrics import PROJECT_SECONDS, RECORDS_PROJECTED
from infra.process.world import World
from services.projector.batch import Batch, standing
from services.projector.parking import Parking
from services.projector.store import BadRecord, Store
from services.projector.turns import Turns

log = structlog.get_logger(__name__)

MOST_RECORDS = 8_000  # taken at once: all that was fetched of a partition, so that more comes while they are folded
PART_RECORDS = 1_000  # of a refused batch, tried at once
SLICE = 100  # records folded or rows made between two breaths, 1 ms: the statement under way must get its answers
IDLE_SECONDS = 1.0
FAR_SECONDS = 0.2  # far behind and nothing comes: what there is is written
CHORES_SECONDS = 1.0
STOP_SECONDS = 2.0
REMEDY = "Restore the right topic, or rebuild the tables from this log (`heliograph rebuild start`)."


Records = Mapping[Partition, Sequence[Record]]
"""By partition, in order."""


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
        self._turns = Turns()
        self._epoch = 0
        """Grows whenever partitions come or go; what was folded in another is not written."""
        self._left: Records = {}
        """Read, and not folded yet: too much for one batch."""
        self._next: dict[Partition, int] = {}
        self._written: dict[Partition, int] = {}
        self._writing: asyncio.Task[None] | None = None
        self._chores_due = 0.0
        self._done = 0
        self.logged_ms: dict[Partition, int] = {}

    async def load_offsets(self, partitions: Sequence[Partition]) -> Mapping[Partition, int]:
        """Where to go on, for the reader, which asks on every assignment. Raises LogRewritten."""
        await self._changed_hands()
        stored = await self._store.load_offsets(partitions)
        gaps = await verify(self._connection, stored, REMEDY, "projector")
        if gaps:
            await self._store.skip(gaps)
        self._next = {partition: at.following for partition, at in stored.items()}
        self._next.update({partition: step.following for partition, step in gaps.items()})
        self._written = dict(self._next)
        self.logged_ms.clear()
        return dict(self._next)

    async def revoked(self, _partitions: Sequence[Partition]) -> None:
        """Before others get the partitions: what is being written is finished, what is not will be read by them."""
        await self._changed_hands()

    async def _changed_hands(self) -> None:
        self._epoch, self._left = self._epoch + 1, {}
        await self._until_written()

    async def run(self) -> None:
        """Fold for ever. Raises what only a restart can mend: a stale owner, a log that was rewritten, no database."""
        try:
            while True:
                epoch, batch = await self._gathered()
                await self._between_writes()
                if batch.changes.weight and epoch == self._epoch:
                    self._next.update(batch.ends())
                    self._writing = self._world.tasks.spawn("write", self._write(batch))
        finally:
            if self._writing is not None:
                await asyncio.wait({self._writing}, timeout=STOP_SECONDS)

    async def _gathered(self) -> tuple[int, Batch]:
        """What is to be written next, its rows made, and the epoch that it is of.

        All that comes while the batch before is being written; when far behind, more.
        """
        turn, epoch, batch = self._turns.next(self._reader.ahead()), self._epoch, Batch(dict(self._next))
        while True:
            wait = IDLE_SECONDS if not batch.changes.weight else FAR_SECONDS if turn.is_far else 0.0
            records = self._left or await self._reader.read(max_records=MOST_RECORDS, wait=wait, only=turn.partitions)
            if epoch != self._epoch:  # the partitions went to others, who read what was folded
                turn, epoch, batch = self._turns.next(self._reader.ahead()), self._epoch, Batch(dict(self._next))
            left = await self._fold(records, batch, turn.most_weight)
            self._left = left if epoch == self._epoch else {}
            if batch.changes.weight >= turn.most_weight:
                break
            if turn.is_far:
                if not records or not turn.has_more(self._reader.ahead()):
                    break
            elif not records and self._is_writing():
                await self._until_written()
            elif not self._is_writing():
                break
        for rows in batch.changes.prepare():  # which would otherwise hold up its transaction
            await self._breathe(rows)
        return epoch, batch

    async def _breathe(self, done: int) -> None:
        """Let others work, after every `SLICE` records or rows: meanwhile another batch is being written."""
        self._done += done
        if self._done >= SLICE:
            self._done = 0
            await asyncio.sleep(0)

    async def _fold(self, records: Records, batch: Batch, most_weight: int) -> Records:
        """Take the records into the batch, in slices. Gives those that it has no room for."""
        left: dict[Partition, Sequence[Record]] = {}
        for partition, some in records.items():
            for begin in range(0, len(some), SLICE):
                if batch.changes.weight >= most_weight:
                    left[partition] = some[begin:]
                    break
                piece = some[begin : begin + SLICE]
                self.logged_ms[partition] = piece[-1].timestamp
                events = await self._events(partition, piece)
                if partition.topic == PROJECTION_CONTROL:
                    self._parking.learn(events)
                batch.take(partition, piece, events)
                await self._breathe(len(piece))
        return left

    async def _events(self, partition: Partition, records: Sequence[Record]) -> list[AnyEvent | None]:
        """What the records say; None for one that is to have no effect, which is parked if nobody decided so."""
        events: list[AnyEvent | None] = list(all_of([record.value for record in records]) or ())
        if not events:  # one of them is none
            for record in records:
                try:
                    events.append(sound(record.value))
                except UnreadableEventError as error:
                    events.append(None)
                    if not self._parking.is_dropped(partition, record.offset):
                        await self._parking.park(partition, record, str(error))
        return self._parking.without_dropped(partition, records, events)

    async def _write(self, batch: Batch) -> None:
        """One transaction; when the database refuses a value, many, of what the log has from its start to its end."""
        try:
            with PROJECT_SECONDS.time():
                await self._store.apply(batch.changes, batch.steps())
        except BadRecord as error:
            log.warning("batch_refused", records=batch.counts().total(), error=str(error))
            await self._write_in_parts(batch)
        else:
            self._wrote(batch)

    async def _write_in_parts(self, batch: Batch) -> None:
        start, ends = dict(batch.start), batch.ends()
        async with Scanner(self._connection) as scanner:
            async for read in scanner.read({p: start[p] for p in ends}, ends, max_records=PART_RECORDS):
                for partition, records in read.items():
                    await self._bisect(start, partition, records, await self._events(partition, records))

    async def _bisect(
        self, start: dict[Partition, int], partition: Partition, records: Sequence[Record],
        events: Sequence[AnyEvent | None],
    ) -> None:  # fmt: skip
        """Write these records, in halves down to the one that is to blame, which is parked."""
        batch = Batch(start)
        batch.take(partition, records, events)
        try:
            await self._store.apply(batch.changes, batch.steps())
        except BadRecord as error:
            if len(records) == 1:
                await self._parking.park(partition, records[0], str(error))
                await self._bisect(start, partition, records, [None])
                return
            middle = len(records) // 2
            await self._bisect(start, partition, records[:middle], events[:middle])
            await self._bisect(start, partition, records[middle:], events[middle:])
        else:
            start.update(batch.ends())
            self._wrote(batch)

    def _wrote(self, batch: Batch) -> None:
        self._written.update(batch.ends())
        for partition, records in batch.counts().items():
            RECORDS_PROJECTED.labels(partition.topic).inc(records)

    async def _until_written(self) -> None:
        """What was folded before is in the tables, with its offsets. Raises what kept it from getting there.

        Two may wait for it: the loop, and whoever takes the partitions away.
        """
        if (writing := self._writing) is not None:
            await asyncio.wait({writing})
            if self._writing is writing:
                self._writing = None
            writing.result()

    def _is_writing(self) -> bool:
        return self._writing is not None and not self._writing.done()

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
            batch = Batch({partition: offset})
            batch.take(partition, [record], [sound(record.value)])
            stands = standing(self._written, {partition.partition})
            await self._store.apply_retried(batch.changes, (*partition, offset), stands)
        except (UnreadableEventError, BadRecord) as error:
            await self._parking.park(partition, record, str(error), again=str(decision))
        else:
            log.info("record_retried", topic=partition.topic, partition=partition.partition, offset=offset)
