"""The loop: read, fold, write rows and offsets in one transaction, tell Kafka how far we are."""

from collections.abc import Mapping, Sequence
from itertools import chain

import structlog

from contracts.events import AnyEvent, UnreadableEventError, decode
from infra.kafka.log import Partition, Reader, Record
from services.projector.fold import Changes
from services.projector.parking import Parking
from services.projector.store import BadRecord, Store

log = structlog.get_logger(__name__)

MOST_RECORDS = 5_000
"""Records a transaction when behind; more gains nothing (docs/performance.md). When idle, whatever has come."""
IDLE_SECONDS = 1.0

Read = tuple[Partition, Record, AnyEvent | None]
"""A record with its event; None: parked."""


class Projector:
    """Folds the log into one build of the tables. Effects are exactly once: rows and offsets are one transaction."""

    def __init__(self, reader: Reader, store: Store, parking: Parking) -> None:
        self._reader = reader
        self._store = store
        self._parking = parking
        self._next: dict[Partition, int] = {}

    async def load_offsets(self, partitions: Sequence[Partition]) -> Mapping[Partition, int]:
        """Where to go on, for the reader, which asks on every assignment."""
        self._next = await self._store.load_offsets(partitions)
        return self._next

    async def run(self) -> None:
        """Fold for ever. Raises what only a restart can mend: a stale owner, a log that was rewritten, no database."""
        while True:
            records = await self._reader.read(max_records=MOST_RECORDS, wait=IDLE_SECONDS)
            if records:
                await self._fold([await self._decode(p, r) for p, r in _flat(records)])
                await self._reader.commit({partition: self._next[partition] for partition in records})

    async def _decode(self, partition: Partition, record: Record) -> Read:
        try:
            return partition, record, decode(record.value)
        except UnreadableEventError as error:
            await self._parking.park(partition, record, str(error))
            return partition, record, None

    async def _fold(self, records: Sequence[Read]) -> None:
        """One transaction; when the database refuses a value, halves, down to the one record that is to blame."""
        changes, ends = Changes(), dict[Partition, int]()
        for partition, record, event in records:
            ends[partition] = record.offset + 1
            if event is not None:
                changes.take(event, partition.partition)
        try:
            await self._store.apply(changes, {p: (self._next[p], end) for p, end in ends.items()})
        except BadRecord as error:
            await self._bisect(records, error)
        else:
            self._next.update(ends)

    async def _bisect(self, records: Sequence[Read], error: BadRecord) -> None:
        if len(records) == 1:
            ((partition, record, _),) = records
            await self._parking.park(partition, record, str(error))
            await self._fold([(partition, record, None)])
            return
        middle = len(records) // 2
        await self._fold(records[:middle])
        await self._fold(records[middle:])


def _flat(records: Mapping[Partition, Sequence[Record]]) -> chain[tuple[Partition, Record]]:
    return chain.from_iterable(((partition, r) for r in some) for partition, some in records.items())
