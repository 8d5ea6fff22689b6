"""Three brokers, one of them frozen, killed or alone, under load: what was acknowledged is there, at its place, once."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from contracts import topics
from infra.kafka.log import Appender, Entry, LogUnavailable, Partition, Scanner
from infra.kafka.provision import provision
from infra.kafka.safety import kafka_check
from infra.process.health import NotReady
from infra.process.world import World
from tests.chaos.load import Load, found_of
from tests.cluster import Cluster

pytestmark = pytest.mark.faults

TOPIC = topics.DELIVERY_REPORTS
FROZEN_SECONDS = 15.0


@pytest.fixture(scope="module")
async def cluster(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Cluster]:
    """Three nodes for the tests of this file."""
    cluster = Cluster(Path(tmp_path_factory.mktemp("cluster")))
    await cluster.start()
    yield cluster
    await cluster.stop()


def entry(name: str) -> Entry:
    """A record that says its name."""
    return Entry(TOPIC, name, name.encode())


async def test_a_frozen_leader_holds_nothing_for_long(cluster: Cluster, world: World) -> None:
    """No append waits for the end of it, and hardly a record stands twice.

    How long one waits at most is measured by `make chaos NAME=brokers`: here the machine may be busy.
    """
    appender = Appender(cluster.connection, world, name="frozen")
    await appender.start()
    load = Load(appender, entry, "frozen")
    frozen = await cluster.leader(TOPIC)

    async def harm() -> None:
        await asyncio.sleep(1)
        cluster.freeze(frozen)
        await asyncio.sleep(FROZEN_SECONDS)
        cluster.thaw(frozen)
        await asyncio.sleep(1)

    await load.during(harm)
    await appender.stop()
    found = await found_of(load, cluster.connection, TOPIC)
    print(found, f"worst {load.worst:.1f} s, {load.failures} failed")
    assert found.acknowledged > 100
    assert (found.lost, found.elsewhere) == (0, 0)
    assert load.worst < FROZEN_SECONDS - 1
    assert found.ratio < 1.05


async def test_a_killed_leader_loses_nothing(cluster: Cluster, world: World) -> None:
    """The leader killed and started again: what was acknowledged is there, where it was said to be."""
    appender = Appender(cluster.connection, world, name="killed")
    await appender.start()
    load = Load(appender, entry, "killed")
    killed = await cluster.leader(TOPIC)

    async def harm() -> None:
        await asyncio.sleep(0.5)
        await cluster.kill(killed)
        await asyncio.sleep(4)
        await cluster.revive(killed)

    await load.during(harm)
    await appender.stop()
    found = await found_of(load, cluster.connection, TOPIC)
    print(found, f"worst {load.worst:.1f} s, {load.failures} failed")
    assert found.acknowledged > 100
    assert (found.lost, found.elsewhere) == (0, 0)
    assert found.ratio < 1.05


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


@pytest.mark.parametrize(
    ("setting", "value", "good"),
    [("min.insync.replicas", "1", "2"), ("unclean.leader.election.enable", "true", "false")],
)
async def test_topics_that_may_lose_records_are_refused(
    cluster: Cluster, world: World, setting: str, value: str, good: str
) -> None:
    """`/readyz` and `heliograph topics` name the setting and what to set."""
    await kafka_check(cluster.connection, world.clock)()
    await cluster.configure(TOPIC, setting, value)
    try:
        with pytest.raises(NotReady, match=rf"{TOPIC} has {setting}={value}.*Set {setting}={good}"):
            await kafka_check(cluster.connection, world.clock)()
        told = await provision(cluster.connection, replication_factor=3, min_insync_replicas=2)
        assert any(f"Set {setting}={good}" in sentence for sentence in told.drift)
    finally:
        await cluster.configure(TOPIC, setting, good)
