"""The real process, killed with -9 and joined and left by a second replica, makes the reference's tables."""

import os
import random

import asyncpg

from contracts.events import DeliveryReported
from infra.kafka.log import Appender
from tests.integration.projector.comparing import assert_is_reference
from tests.integration.projector.processes import Projectors, folded
from tests.integration.projector.traffic import traffic
from tests.waiting import until

RECORDS = int(os.environ.get("HELIOGRAPH_TEST_PROJECTOR_RECORDS", "60000"))
"""About so many; the issue's own figure is 200000. Three reports a message, and more."""
KILLS = max(4, RECORDS // 25_000)


async def test_killed_and_joined_at_random_the_tables_are_the_reference(
    projectors: Projectors, appender: Appender, database: str
) -> None:
    """Whatever is killed, and whoever joins or leaves: the rows and counts are those of the reference fold."""
    said = traffic(RECORDS * 10 // 33, seed=7)
    chance = random.Random(7)
    await projectors.start("0")
    for part in range(KILLS):
        await appender.append_all([s.entry for s in said[part::KILLS]], within=60)
        await _disturb(projectors, chance, database)
    await until(projectors.caught_up, "everything folded", within=90)
    await assert_is_reference(database, said)
    assert await _reports(database) == sum(isinstance(s.event, DeliveryReported) for s in said)


async def _disturb(projectors: Projectors, chance: random.Random, dsn: str) -> None:
    """Let some records be folded, then kill a replica, start it again, or let another join."""
    before = sum((await folded(dsn)).values())
    goal = before + chance.randrange(1, max(2, RECORDS // KILLS))

    async def far_enough() -> bool:
        return sum((await folded(dsn)).values()) >= goal or await projectors.caught_up()

    await until(far_enough, f"{goal} records folded", within=60)
    name = chance.choice(["0", "1"])
    if name in projectors.running:
        await projectors.kill(name)
    await projectors.start(name)


async def _reports(dsn: str) -> int:
    """Reports in the history: each record once, also one that the log has twice."""
    connection = await asyncpg.connect(dsn)
    try:
        return int(
            await connection.fetchval("SELECT count(*) FROM build_1.message_events WHERE type = 'DeliveryReported'")
        )
    finally:
        await connection.close()
