"""Driving readers in tests."""

import asyncio
from collections.abc import Callable, Mapping, Sequence

from infra.kafka.log import Appender, Entry, Partition, Reader, Record
from tests.integration.kafka.brokers import PARTITIONS, TOPIC

ALL = frozenset(Partition(TOPIC, number) for number in range(PARTITIONS))
MakeReader = Callable[..., Reader]


class Offsets:
    """Stored offsets, as a service keeps them; loading can be held back."""

    def __init__(self, stored: Mapping[Partition, int] | None = None) -> None:
        self.stored = dict(stored or {})
        self.asked: list[Partition] = []
        self.free = asyncio.Event()
        self.free.set()

    async def load(self, partitions: Sequence[Partition]) -> Mapping[Partition, int]:
        """The stored offsets, once `free` is set."""
        self.asked += partitions
        await self.free.wait()
        return self.stored


async def settled(reader: Reader) -> None:
    """Read nothing until partitions are assigned and sought."""
    while not reader.assigned():
        assert await reader.read(max_records=1, wait=0.1) == {}


async def settled_by_reading(reader: Reader) -> None:
    """One small read, which settles the partitions."""
    async with asyncio.timeout(10.0):
        while not (got := await reader.read(max_records=7, wait=1.0)):
            pass
    assert sum(map(len, got.values())) <= 7


async def read_until(reader: Reader, count: int) -> dict[Partition, list[Record]]:
    """Read until so many records have come, for at most ten seconds."""
    found: dict[Partition, list[Record]] = {}
    async with asyncio.timeout(10.0):
        while sum(map(len, found.values())) < count:
            for partition, records in (await reader.read(max_records=100, wait=1.0)).items():
                found.setdefault(partition, []).extend(records)
    return found


async def one_partition(appender: Appender, count: int) -> Partition:
    """Append so many records to one partition, values 0, 1, 2 …; gives the partition."""
    positions = await appender.append_all([Entry(TOPIC, "k", b"%d" % number) for number in range(count)])
    return Partition(TOPIC, positions[0].partition)


class pumping:  # noqa: N801 - reads like a verb at its use
    """A reader started and read from in the background, as a service does."""

    def __init__(self, reader: Reader) -> None:
        self._reader = reader
        self._task: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Reader:
        self._task = asyncio.ensure_future(self._pump())
        return self._reader

    async def __aexit__(self, *_: object) -> None:
        assert self._task is not None
        self._task.cancel()
        await asyncio.wait([self._task])
        if not self._task.cancelled() and (error := self._task.exception()) is not None:
            raise error

    async def _pump(self) -> None:
        await self._reader.start()
        while True:
            await self._reader.read(max_records=100, wait=0.2)
