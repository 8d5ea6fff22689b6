"""A log in memory, as the dispatcher sees it. Topics are read in an order of chance, each partition in its own."""

import asyncio
import random
from collections import defaultdict
from collections.abc import AsyncGenerator, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

from contracts.topics import TOPICS
from infra.kafka.bounds import Bounds
from infra.kafka.log import Entry, Partition
from infra.process.world import Clock

MOST_AT_ONCE = 3
"""Records that a reader gets: few, so that what one says is read long before what another says."""


@dataclass(frozen=True, slots=True)
class Kept:
    """A record of a log that has one partition a topic."""

    offset: int
    timestamp: int
    key: bytes
    value: bytes
    headers: tuple[tuple[str, bytes], ...] = ()


class MemoryLog:
    """Records by topic; each topic has one partition."""

    def __init__(self, clock: Clock, chance: random.Random) -> None:
        self._clock = clock
        self.chance = chance
        self.records: defaultdict[str, list[Kept]] = defaultdict(list)
        self.everything: list[Kept] = []

    def append(self, entry: Entry) -> None:
        """One more."""
        some = self.records[entry.topic]
        kept = Kept(len(some), int(self._clock.unix() * 1000), entry.key.encode(), entry.value, entry.headers)
        some.append(kept)
        self.everything.append(kept)

    def end(self, partition: Partition) -> int:
        """The next offset."""
        return len(self.records[partition.topic])


class MemoryAppender:
    """What appends, as a service has it."""

    def __init__(self, log: MemoryLog) -> None:
        self._log = log

    async def start(self, **_: Any) -> None:
        """Nothing to do."""

    async def stop(self, **_: Any) -> None:
        """Nothing to do."""

    async def append(self, entry: Entry, **_: Any) -> None:
        """Acknowledged."""
        await self.append_all([entry])

    async def append_all(self, entries: Sequence[Entry], **_: Any) -> None:
        """Acknowledged, all."""
        await asyncio.sleep(0)
        for entry in entries:
            self._log.append(entry)


class MemoryReader:
    """The dispatcher's reader: it has all partitions from the start."""

    def __init__(self, log: MemoryLog, topics: Sequence[str], load_offsets: Callable[..., Any]) -> None:
        self._log = log
        self._partitions = [Partition(topic, 0) for topic in topics]
        self._load_offsets = load_offsets
        self._next: dict[Partition, int] = {}

    async def start(self, **_: Any) -> None:
        """Go on where the ledger stands."""
        self._next = dict(await self._load_offsets(self._partitions))

    async def stop(self, **_: Any) -> None:
        """Nothing to do."""

    def assigned(self) -> frozenset[Partition]:
        """All."""
        return frozenset(self._partitions)

    async def read(self, *, max_records: int, wait: float, **_: Any) -> Mapping[Partition, Sequence[Kept]]:
        """A few records of one topic, whichever chance takes; none when there are none."""
        del max_records
        behind = [p for p in self._partitions if self._next[p] < self._log.end(p)]
        if not behind:
            await asyncio.sleep(min(wait, 0.02))
            return {}
        await asyncio.sleep(0)
        partition = self._log.chance.choice(behind)
        begin = self._next[partition]
        some = self._log.records[partition.topic][begin : begin + self._log.chance.randint(1, MOST_AT_ONCE)]
        self._next[partition] = begin + len(some)
        return {partition: some}

    async def commit(self, _offsets: Mapping[Partition, int]) -> None:
        """Nobody asks."""

    async def partitions(self, topics: Sequence[str]) -> list[Partition]:
        """One a topic."""
        return [Partition(topic, 0) for topic in topics]

    async def lag(self) -> dict[Partition, int]:
        """Records that were not read yet."""
        return {p: self._log.end(p) - self._next[p] for p in self._partitions}


class MemoryScanner:
    """What looks at the log without a group."""

    def __init__(self, log: MemoryLog) -> None:
        self._log = log

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        pass

    async def partitions(self, topics: Sequence[str]) -> list[Partition]:
        """One a topic."""
        known = {topic.name for topic in TOPICS}
        return [Partition(topic, 0) for topic in topics if topic in known]

    async def partitions_now(self, topics: Sequence[str]) -> list[Partition]:
        """The same at any moment."""
        return await self.partitions(topics)

    async def bounds(self, partitions: Collection[Partition]) -> dict[Partition, Bounds]:
        """From 0 on."""
        return {partition: Bounds(0, self._log.end(partition)) for partition in partitions}

    async def read(
        self, start: Mapping[Partition, int], end: Mapping[Partition, int] | None, **_: Any
    ) -> AsyncGenerator[dict[Partition, list[Kept]], None]:
        """What there is."""
        for partition, begin in start.items():
            stop = self._log.end(partition) if end is None else min(end[partition], self._log.end(partition))
            if some := self._log.records[partition.topic][begin:stop]:
                yield {partition: some}
