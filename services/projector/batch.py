"""What was read at once: the records, what they change, and the offsets that move with them."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence

from contracts.events import AnyEvent
from infra.kafka.log import Partition, Record
from infra.postgres.offsets import Step
from services.projector.fold import Changes
from services.projector.marks import mark_of

Read = tuple[Partition, Record, AnyEvent | None]
"""A record with its event; None: without effect."""


class Batch:
    """Records in the order in which they were read, from the offsets `start` on, folded."""

    def __init__(self, start: Mapping[Partition, int]) -> None:
        self.start = dict(start)
        self.reads: list[Read] = []
        self._taken = Counter[Partition]()
        self.changes = Changes()
        self._last: dict[Partition, Record] = {}

    @classmethod
    def of(cls, start: Mapping[Partition, int], reads: Iterable[Read]) -> "Batch":
        """These reads, folded."""
        batch = cls(start)
        for partition, record, event in reads:
            batch.take(partition, [record], [event])
        return batch

    def take(self, partition: Partition, records: Sequence[Record], events: Iterable[AnyEvent | None]) -> None:
        """Fold more records, the next of their partition, each with its event; None: without effect."""
        changes, number, reads = self.changes, partition.partition, self.reads
        for record, event in zip(records, events, strict=True):
            reads.append((partition, record, event))
            if event is not None:
                changes.take(event, number, record.timestamp, record.offset)
        self._last[partition] = records[-1]
        self._taken[partition] += len(records)

    def ends(self) -> dict[Partition, int]:
        """The next offset of each partition after this batch."""
        return {partition: record.offset + 1 for partition, record in self._last.items()}

    def steps(self) -> dict[Partition, Step]:
        """The offsets that move with this batch."""
        return {p: Step(self.start[p], r.offset + 1, mark_of(r)) for p, r in self._last.items()}

    def counts(self) -> Counter[Partition]:
        """Records by partition."""
        return self._taken

    def halves(self) -> Iterator["Batch"]:
        """The first half and the second, each folded anew."""
        middle = len(self.reads) // 2
        first = Batch.of(self.start, self.reads[:middle])
        yield first
        yield Batch.of(self.start | first.ends(), self.reads[middle:])
