"""A build beside the live one, during traffic: equal, compared, swapped and swapped back without a gap."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import asyncpg
import pytest

from infra.kafka.log import Appender, KafkaConnection
from services.projector import builds
from services.projector.builds import BuildRefused
from services.projector.diff import compare
from services.projector.store import Store
from tests.integration.projector.comparing import assert_is_reference
from tests.integration.projector.traffic import Said, traffic
from tests.integration.projector.within import Within
from tests.waiting import until

SLICES = 6


@asynccontextmanager
async def _polled(dsn: str) -> AsyncIterator[list[int]]:
    """A reader that counts messages as fast as it can; gives what it saw. Its error is the test's."""
    seen: list[int] = []
    connection = await asyncpg.connect(dsn)

    async def poll() -> None:
        while True:
            seen.append(await connection.fetchval("SELECT count(*) FROM live.messages"))
            await asyncio.sleep(0.001)

    task = asyncio.get_running_loop().create_task(poll())
    yield seen
    assert not task.done()
    task.cancel()
    await asyncio.wait({task})
    await connection.close()


async def _swap(store: Store, number: int) -> None:
    await until(lambda: builds.swap(store._connection, number), f"swapped to build {number}")


async def test_rebuilt_swapped_and_rolled_back_during_traffic_the_tables_are_the_reference(
    within: Within, appender: Appender, store: Store, kafka: KafkaConnection, database: str
) -> None:
    """Before the swap, after it and after the rollback, with records pouring in all the while, and no gap for readers."""
    said: list[Said] = traffic(3_000, seed=3)
    parts = [said[n::SLICES] for n in range(SLICES)]
    within.start()
    await appender.append_all([s.entry for s in parts[0]])
    await within.caught_up()
    number = await builds.create(store._connection)
    within.start(build=number)
    await appender.append_all([s.entry for s in parts[1]])
    await within.caught_up(number)
    async with _polled(database) as seen:
        pouring = asyncio.get_running_loop().create_task(_pour(appender, parts[2:]))
        await _swap(store, number)
        found = await compare(store._connection, kafka, 1, number)
        assert found.equal, found
        await _swap(store, await builds.previous(store._connection))
        await _swap(store, number)
        await pouring
    assert seen
    assert min(seen) > 0
    for build in (1, number):
        await within.caught_up(build)
        await _swap(store, build)
        await assert_is_reference(database, said)


async def _pour(appender: Appender, parts: list[list[Said]]) -> None:
    for part in parts:
        await appender.append_all([s.entry for s in part])


async def test_a_difference_is_shown_with_its_columns_and_its_event(
    within: Within, appender: Appender, store: Store, kafka: KafkaConnection
) -> None:
    """A row that one build has otherwise: which columns, both values, and the event that made it."""
    await appender.append_all([s.entry for s in traffic(30, campaigns=1, chunk_size=10)])
    number = await builds.create(store._connection)
    within.start()
    within.start(build=number)
    await within.caught_up()
    await within.caught_up(number)
    assert (await compare(store._connection, kafka, 1, number)).equal
    changed = await store._connection.fetchval(
        f"UPDATE build_{number}.messages SET status = 'changed' WHERE recipient = 15550000003 RETURNING recipient"
    )
    found = await compare(store._connection, kafka, 1, number)
    assert found.differing["messages"] == 1
    assert found.columns["messages"] == {"status": 1}
    (sample,) = found.samples
    assert sample.key["recipient"] == changed
    assert sample.right == {"status": "changed"}
    assert "DeliveryReported" in sample.event


async def test_a_build_of_another_version_is_refused_with_what_to_do(store: Store, database: str) -> None:
    """Newer code does not write into an older build: it says to rebuild."""
    await store._connection.execute("UPDATE live.builds SET version = 0 WHERE build = 1")
    with pytest.raises(BuildRefused, match="heliograph rebuild start"):
        await Store.connect(database)


async def test_the_current_build_cannot_be_dropped(store: Store) -> None:
    """What readers see stays."""
    with pytest.raises(BuildRefused, match="swap to another one first"):
        await builds.drop(store._connection, 1)


async def test_builds_that_folded_in_other_steps_are_equal(
    within: Within, appender: Appender, store: Store, kafka: KafkaConnection
) -> None:
    """One build saw every fact as it came, the other all at once: what messages only passed through does not differ."""
    said = traffic(120, campaigns=2, chunk_size=10, seed=5)
    within.start()
    for at in range(0, len(said), 40):
        await appender.append_all([s.entry for s in said[at : at + 40]])
        await within.caught_up()
    number = await builds.create(store._connection)
    within.start(build=number)
    await within.caught_up(number)
    found = await compare(store._connection, kafka, 1, number)
    assert found.equal, (found.differing, found.samples)
