"""Writers that repeat what was not acknowledged, as Sinch does, and what the log shows of them afterwards."""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from infra.kafka.log import Appender, Entry, KafkaConnection, LogUnavailable, Position, scan

AGAIN_SECONDS = 0.5
END_SECONDS = 120.0


@dataclass(slots=True)
class Load:
    """Writers that append one record after the other. `entry` makes the one of that name; its value must be its own."""

    appender: Appender
    entry: Callable[[str], Entry]
    name: str
    writers: int = 24
    pause: float = 0.01
    acknowledged: dict[bytes, Position] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    worst: float = 0.0
    failures: int = 0
    _ending: bool = False

    async def during(self, harm: Callable[[], Awaitable[None]]) -> None:
        """Append while `harm` runs, and until everything begun is acknowledged."""
        self._ending = False
        async with asyncio.TaskGroup() as group:
            for number in range(self.writers):
                group.create_task(self._write(f"{self.name}.{number}.{len(self.asked)}"))
            await harm()
            self._ending = True

    async def _write(self, name: str) -> None:
        loop, number = asyncio.get_running_loop(), 0
        while not self._ending:
            entry, began = self.entry(f"{name}.{number}"), loop.time()
            self.asked.append(f"{name}.{number}")
            async with asyncio.timeout(END_SECONDS):
                self.acknowledged[entry.value] = await self._until_acknowledged(entry)
            self.worst = max(self.worst, loop.time() - began)
            number += 1
            await asyncio.sleep(self.pause)

    async def _until_acknowledged(self, entry: Entry) -> Position:
        while True:
            try:
                return await self.appender.append(entry)
            except LogUnavailable:
                self.failures += 1
                await asyncio.sleep(AGAIN_SECONDS)


@dataclass(frozen=True, slots=True)
class Found:
    """Of the acknowledged records: how many are not in the log, stand elsewhere than was said; records for each."""

    acknowledged: int
    lost: int
    elsewhere: int
    ratio: float


async def found_of(load: Load, kafka: KafkaConnection, topic: str) -> Found:
    """What the log shows of this load."""
    places: dict[Position, bytes] = {}
    async for batch in scan(kafka, [topic]):
        for at, records in batch.items():
            for record in records:
                if record.value in load.acknowledged:
                    places[Position(topic, at.partition, record.offset)] = record.value
    counted = Counter(places.values())
    return Found(
        len(load.acknowledged),
        len(load.acknowledged.keys() - counted.keys()),
        sum(places.get(position) != value for value, position in load.acknowledged.items()),
        sum(counted.values()) / max(1, len(load.acknowledged)),
    )
