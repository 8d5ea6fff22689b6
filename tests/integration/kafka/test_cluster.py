"""Three brokers, one of them frozen, killed or alone, under load: what was acknowledged is there, at its place, once."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest

from contracts import topics
from infra.kafka.log import Appender, Entry, KafkaConnection, LogUnavailable, Partition, Position, Scanner, scan
from infra.process.world import World
from tests.cluster import Cluster

pytestmark = pytest.mark.faults

TOPIC = topics.DELIVERY_REPORTS
WRITERS = 24
PAUSE_SECONDS = 0.01


@pytest.fixture(scope="module")
async def cluster(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Cluster]:
    """Three nodes for the tests of this file."""
    cluster = Cluster(Path(tmp_path_factory.mktemp("cluster")))
    await cluster.start()
    yield cluster
    await cluster.stop()


class Load:
    """Writers that append one record after the other, each again until it is acknowledged, as Sinch repeats."""

    def __init__(self, appender: Appender, name: str) -> None:
        self._appender = appender
        self._name = name
        self._ending = False
        self.acknowledged: dict[str, Position] = {}
        self.worst = 0.0
        self.failures = 0

    async def during(self, harm: Callable[[], Awaitable[None]]) -> None:
        """Append while `harm` runs, and until everything begun is acknowledged."""
        async with asyncio.timeout(120), asyncio.TaskGroup() as group:
            for number in range(WRITERS):
                group.create_task(self._write(number))
            await harm()
            self._ending = True

    async def _write(self, writer: int) -> None:
        loop, number = asyncio.get_running_loop(), 0
        while not self._ending:
            value, began = f"{self._name}.{writer}.{number}", loop.time()
            self.acknowledged[value] = await self._until_acknowledged(value)
            self.worst = max(self.worst, loop.time() - began)
            number += 1
            await asyncio.sleep(PAUSE_SECONDS)

    async def _until_acknowledged(self, value: str) -> Position:
        while True:
            try:
                return await self._appender.append(Entry(TOPIC, value, value.encode()))
            except LogUnavailable:
                self.failures += 1
                await asyncio.sleep(0.5)

    async def judge(self, kafka: KafkaConnection) -> float:
        """Nothing lost, nothing elsewhere than was said; gives the records in the log for each acknowledged one."""
        places: dict[Position, str] = {}
        async for batch in scan(kafka, [TOPIC]):
            for at, records in batch.items():
                for record in records:
                    value = (record.value or b"").decode()
                    if value.startswith(f"{self._name}."):
                        places[Position(TOPIC, at.partition, record.offset)] = value
        wrong = {value for value, position in self.acknowledged.items() if places.get(position) != value}
        assert set(self.acknowledged) <= set(places.values()), "acknowledged and lost"
        assert not wrong, f"{len(wrong)} stand elsewhere than was said"
        return sum(Counter(places.values()).values()) / len(self.acknowledged)


async def test_a_frozen_leader_holds_nothing_for_long(cluster: Cluster, world: World) -> None:
    """The leader of partitions frozen for 12 s: no append waits for 6 s, readers go on, hardly a record stands twice."""
    appender = Appender(cluster.connection, world, name="frozen")
    await appender.start()
    load = Load(appender, "frozen")
    frozen = await cluster.leader(TOPIC)

    async def harm() -> None:
        await asyncio.sleep(1)
        cluster.freeze(frozen)
        await asyncio.sleep(12)
        cluster.thaw(frozen)
        await asyncio.sleep(1)

    await load.during(harm)
    await appender.stop()
    ratio = await load.judge(cluster.connection)
    print(
        f"frozen: {len(load.acknowledged)} acknowledged, worst {load.worst:.1f} s, {load.failures} failed, ratio {ratio:.3f}"
    )
    assert load.worst < 6.0
    assert ratio < 1.05


async def test_a_killed_leader_loses_nothing(cluster: Cluster, world: World) -> None:
    """The leader killed and started again: what was acknowledged is there, where it was said to be."""
    appender = Appender(cluster.connection, world, name="killed")
    await appender.start()
    load = Load(appender, "killed")
    killed = await cluster.leader(TOPIC)

    async def harm() -> None:
        await asyncio.sleep(0.5)
        await cluster.kill(killed)
        await asyncio.sleep(4)
        await cluster.revive(killed)

    await load.during(harm)
    await appender.stop()
    ratio = await load.judge(cluster.connection)
    print(
        f"killed: {len(load.acknowledged)} acknowledged, worst {load.worst:.1f} s, {load.failures} failed, ratio {ratio:.3f}"
    )
    assert ratio < 1.05


async def test_a_reader_leaves_a_frozen_leader(cluster: Cluster, world: World) -> None:
    """What the new leader has comes within seconds, although a fetch at the frozen one is not answered."""
    appender = Appender(cluster.connection, world, name="reading")
    await appender.start()
    at = (await appender.append(Entry(TOPIC, "read", b"read.0"))).partition
    frozen = await cluster.leader(TOPIC, at)
    partition, loop = Partition(TOPIC, at), asyncio.get_running_loop()
    async with Scanner(cluster.connection) as scanner:
        end = (await scanner.bounds([partition]))[partition].end
        reading = scanner.read({partition: end - 1}, None)
        assert (await anext(reading))[partition]
        cluster.freeze(frozen)
        try:
            began = loop.time()
            while True:
                try:
                    await appender.append(Entry(TOPIC, "read", b"read.1"))
                    break
                except LogUnavailable:
                    assert loop.time() - began < 20
            async with asyncio.timeout(8):
                assert (await anext(reading))[partition]
            print(f"reader: {loop.time() - began:.1f} s")
        finally:
            cluster.thaw(frozen)
    await appender.stop()
