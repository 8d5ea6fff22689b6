"""What was read at once: the records, what they change, and the offsets that move with them."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence

from contracts.events import AnyEvent, DeliveryReported
from infra.kafka.log import Partition, Record
from infra.postgres.offsets import Step
from services.projector.fold import Changes
from services.projector.marks import mark_of

Read = tuple[Partition, Record, AnyEvent | None]
"""A record with its event; None: without effect."""
Piece = tuple[Partition, Sequence[Record], Sequence[AnyEvent | None]]
"""Some records of one partition."""


class Batch:
    """Records in the order in which they were read, from the offsets `start` on, folded."""

    def __init__(self, start: Mapping[Partition, int]) -> None:
        self.start = start
        self.changes = Changes()
        self.weight = 0
        """Records and recipients that they name: what its memory and its transaction grow with."""
        self._pieces: list[Piece] = []
        self._taken = Counter[Partition]()
        self._last: dict[Partition, Record] = {}

    @classmethod
    def of(cls, start: Mapping[Partition, int], reads: Iterable[Read]) -> "Batch":
        """These reads, folded."""
        batch = cls(start)
        for partition, record, event in reads:
            batch.take(partition, [record], [event])
        return batch

    def take(self, partition: Partition, records: Sequence[Record], events: Sequence[AnyEvent | None]) -> None:
        """Fold more records, the next of their partition, each with its event; None: without effect."""
        changes, number = self.changes, partition.partition
        take, reported = changes.take, changes.reported
        for record, event in zip(records, events, strict=True):
            if type(event) is DeliveryReported:  # nearly all of them: straight to it
                reported(event, number, record.timestamp)
            elif event is not None:
                take(event, number, record.timestamp, record.offset)
                self.weight += len(getattr(event, "recipients", ()))
        self.weight += len(records)
        self._pieces.append((partition, records, events))
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

    def reads(self) -> list[Read]:
        """Every record of it."""
        return [
            (partition, record, event)
            for partition, records, events in self._pieces
            for record, event in zip(records, events, strict=True)
        ]

    def halves(self) -> Iterator["Batch"]:
        """The first half and the second, each folded anew."""
        reads = self.reads()
        middle = len(reads) // 2
        first = Batch.of(self.start, reads[:middle])
        yield first
        yield Batch.of({**self.start, **first.ends()}, reads[middle:])
