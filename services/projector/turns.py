"""Which partitions are read into a batch, and how large it may grow."""

from collections import Counter
from collections.abc import Collection, Mapping
from typing import NamedTuple

from infra.kafka.log import Partition

FAR = 20_000
"""Records by which a partition number is far behind: more than one batch near the head takes."""
MOST_WEIGHT = 40_000
"""Records, and messages that they say something of, in one transaction (`Changes.weight`): a request is a thousand messages."""
MOST_WEIGHT_FAR = 250_000
"""The same when far behind: most facts about a message meet in memory then, and its row is written once."""


class Turn(NamedTuple):
    """What is read next: `partitions`, empty for all. `number` is the one that is far behind; -1: none is."""

    partitions: Collection[Partition] = ()
    number: int = -1
    most_weight: int = MOST_WEIGHT

    @property
    def is_far(self) -> bool:
        """Whether it is the turn of one number."""
        return self.number >= 0

    def has_more(self, ahead: Mapping[Partition, int]) -> bool:
        """Whether the log has more of the number whose turn it is."""
        return any(records > 0 for partition, records in ahead.items() if partition.partition == self.number)


class Turns:
    """One partition number at a time while some are far behind: the same number of every topic has the same messages.

    What is not far behind is read along, so it waits for one batch and not for all of them.
    """

    def __init__(self) -> None:
        self._last = -1

    def next(self, ahead: Mapping[Partition, int]) -> Turn:
        """The next turn, from how many records of each partition are still to be read."""
        behind = Counter[int]()
        for partition, records in ahead.items():
            behind[partition.partition] += records
        far = sorted(number for number, records in behind.items() if records >= FAR)
        if not far:
            return Turn()
        self._last = min((number for number in far if number > self._last), default=far[0])
        others = set(far) - {self._last}
        return Turn([p for p in ahead if p.partition not in others], self._last, MOST_WEIGHT_FAR)
