"""A rebuild as operators make it, with real processes and commands, while records pour in: two builds, one truth."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial

import asyncpg

from infra.kafka.log import Appender, KafkaConnection
from services.projector import builds
from tests.integration.projector.comparing import assert_is_reference, assert_nothing_is_parked
from tests.integration.projector.other_facts import other_facts
from tests.integration.projector.processes import Projectors, folded
from tests.integration.projector.traffic import Said, traffic
from tests.integration.projector.typed import heliograph
from tests.waiting import until

RECORDS = 25_000
STAGES = 5  # before, while build 2 is filled, at the swap, after it, at the rollback
PIECE = 200  # records that are appended at once


class Site:
    """Two builds on one log, what was said to it, and the operator's commands."""

    def __init__(self, projectors: Projectors, appender: Appender, kafka: KafkaConnection, dsn: str) -> None:
        self._projectors = projectors
        self._appender = appender
        self._kafka = kafka
        self._dsn = dsn
        self._said: list[Said] = []

    async def command(self, *words: str) -> str:
        """A command that must succeed; gives what it says."""
        code, output = await heliograph(self._kafka, self._dsn, *words)
        assert code == 0, output
        return output

    async def pour(self, said: list[Said]) -> None:
        """Append these, piece by piece."""
        for at in range(0, len(said), PIECE):
            await self._appender.append_all([s.entry for s in said[at : at + PIECE]], within=60)
        self._said += said

    @asynccontextmanager
    async def pouring(self, said: list[Said]) -> AsyncIterator[None]:
        """These come in while something else is done."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self.pour(said))
            yield

    async def is_folding(self, build: int) -> None:
        """Wait until a build has folded something."""

        async def check() -> bool:
            return bool(await folded(self._dsn, build))

        await until(check, f"build {build} is being filled", within=30)

    async def both_are_the_reference(self, shown: int) -> None:
        """Each build, seen through the views, is the fold of everything said, and `diff` says so; `shown` is current."""
        connection = await asyncpg.connect(self._dsn)
        try:
            assert [b.number for b in await builds.listed(connection) if b.is_current] == [shown]
            for build in (1, 2):
                await until(partial(self._projectors.caught_up, build), f"build {build} caught up", within=60)
            assert "are equal" in await self.command("rebuild", "diff", "2", "--left", "1")
            await assert_is_reference(self._dsn, self._said)
            await until(partial(builds.swap, connection, 3 - shown), "the other build is shown")
            await assert_is_reference(self._dsn, self._said)
            await until(partial(builds.swap, connection, shown), "shown as before")
        finally:
            await connection.close()
        await assert_nothing_is_parked(self._kafka)


async def test_a_rebuild_during_traffic_is_the_reference_at_every_point(
    projectors: Projectors, appender: Appender, kafka: KafkaConnection, database: str
) -> None:
    """Filled, swapped to, left behind and rolled back while records pour in, its filler killed: both builds are right."""
    site = Site(projectors, appender, kafka, database)
    said = [*traffic(RECORDS * 10 // 31, seed=31), *other_facts(seed=31)]
    stages = [said[n::STAGES] for n in range(STAGES)]
    await projectors.start("0", 1)
    await site.pour(stages[0])
    async with site.pouring(stages[1]):
        await site.command("rebuild", "start", "--no-wait")
        await projectors.start("0", 2)
        await site.is_folding(2)
        await projectors.kill("0 of 2")
        await projectors.start("0", 2)
    await site.both_are_the_reference(shown=1)
    async with site.pouring(stages[2]):
        await site.command("rebuild", "swap", "2")
        assert "are equal" in await site.command("rebuild", "diff", "1")
    await site.both_are_the_reference(shown=2)
    await site.pour(stages[3])
    await site.both_are_the_reference(shown=2)
    async with site.pouring(stages[4]):
        await site.command("rebuild", "rollback")
    await site.both_are_the_reference(shown=1)
