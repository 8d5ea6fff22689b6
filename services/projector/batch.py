"""What is written at once: what some records change, and the offsets that move with it."""

from collections import Counter
from collections.abc import Collection, Mapping, Sequence

from contracts.events import AnyEvent
from infra.kafka.log import Partition, Record
from infra.postgres.marks import mark_of
from infra.postgres.offsets import Step
from services.projector.fold import Changes


def standing(at: Mapping[Partition, int], numbers: Collection[int]) -> dict[Partition, Step]:
    """Steps that take nothing, of the partitions with these numbers in every topic."""
    return {p: Step(offset, offset, None) for p, offset in at.items() if p.partition in numbers}


class Batch:
    """Records from the offsets `start` on, folded. It keeps none but the last: what it was made of is in the log."""

    def __init__(self, start: Mapping[Partition, int]) -> None:
        self.start = start
        self.changes = Changes()
        self._taken = Counter[Partition]()
        self._last: dict[Partition, Record] = {}

    def take(self, partition: Partition, records: Sequence[Record], events: Sequence[AnyEvent | None]) -> None:
        """Fold more records, the next of their partition, each with its event; None: without effect."""
        self.changes.take_all(partition.partition, records, events)
        self._last[partition] = records[-1]
        self._taken[partition] += len(records)

    def ends(self) -> dict[Partition, int]:
        """The next offset of each partition after this batch."""
        return {partition: record.offset + 1 for partition, record in self._last.items()}

    def steps(self) -> dict[Partition, Step]:
        """The offsets that move with this batch; and of the same numbers those that stand.

        What is written of a message, others may have changed by a record of another topic, whose partition has the same
        number: whoever lost one lost all.
        """
        steps = {p: Step(self.start[p], r.offset + 1, mark_of(r)) for p, r in self._last.items()}
        return standing(self.start, {p.partition for p in steps}) | steps

    def counts(self) -> Counter[Partition]:
        """Records by partition."""
        return self._taken
