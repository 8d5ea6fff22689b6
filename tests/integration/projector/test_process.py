"""The real process, killed with -9 and joined and left by a second replica, makes the reference's tables."""

import os
import random

import asyncpg

from contracts.events import DeliveryReported
from infra.kafka.log import Appender
from tests.integration.projector.comparing import assert_is_reference
from tests.integration.projector.other_facts import other_facts
from tests.integration.projector.processes import Projectors, folded
from tests.integration.projector.traffic import traffic
from tests.waiting import until

RECORDS = int(os.environ.get("HELIOGRAPH_TEST_PROJECTOR_RECORDS", "200000"))
"""About so many, and never fewer. Three reports a message, and more."""
FIRST, THEN = ("join",), (("kill",), ("kill",), ("kill",), ("leave", "join"), ("leave", "join"))
"""What is done to the replicas, one tuple a part of the log; all but the first in an order of chance.

More leaving costs time: the partitions of one that left wait for the group's session timeout, ten seconds.
"""
PARTS = 1 + len(THEN)


async def test_killed_and_joined_at_random_the_tables_are_the_reference(
    projectors: Projectors, appender: Appender, database: str
) -> None:
    """Whatever is killed, and whoever joins or leaves: every table is that of the reference fold."""
    chance = random.Random(7)
    said = [*traffic(RECORDS * 10 // 31, seed=7), *other_facts(seed=7)]
    chance.shuffle(said)
    assert len(said) >= RECORDS
    await projectors.start("0")
    for part, acts in enumerate((FIRST, *chance.sample(THEN, len(THEN)))):
        await appender.append_all([s.entry for s in said[part::PARTS]], within=60)
        for act in acts:
            await _some_folded(projectors, chance, database)
            await _disturb(projectors, chance, act)
    await until(projectors.caught_up, "everything folded", within=90)
    await assert_is_reference(database, said)
    reports = [s for s in said if isinstance(s.event, DeliveryReported) and s.event.campaign_id]
    assert await _reports(database) == len(reports)


async def _some_folded(projectors: Projectors, chance: random.Random, dsn: str) -> None:
    """Wait until a random number of records more are folded, or all that there are."""
    goal = sum((await folded(dsn)).values()) + chance.randrange(1, RECORDS // PARTS // 2)

    async def far_enough() -> bool:
        return sum((await folded(dsn)).values()) >= goal or await projectors.caught_up()

    await until(far_enough, f"{goal} records folded", within=60)


async def _disturb(projectors: Projectors, chance: random.Random, act: str) -> None:
    """Kill a replica and start it again, let one leave, half of the time by kill -9, or let the missing one join."""
    if act == "join":
        await projectors.start(next(name for name in ("0", "1") if name not in projectors.running))
        return
    name = chance.choice(sorted(projectors.running))
    if act == "leave" and chance.random() < 0.5:
        await projectors.running.pop(name).stop()
        return
    await projectors.kill(name)
    if act == "kill":
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
