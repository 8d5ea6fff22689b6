"""Somebody locks a table (ALTER, VACUUM FULL, a forgotten transaction): dispatcher and projector wait, say so, and go on."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import asyncpg
import pytest

from infra.kafka.connection import KafkaConnection
from infra.postgres import presence
from infra.process.settings import Settings
from infra.process.world import World
from services.cli.presence import with_presence
from services.cli.service import Work
from services.dispatcher.app import run as dispatch
from services.projector.app import run as project
from tests.integration.dispatcher.parts import CAMPAIGN, NUMBERS, parts
from tests.waiting import until

WAITS = "SELECT true FROM heliograph.services WHERE service = $1 AND waits_for LIKE '%locked%'"
FREE = "SELECT true FROM heliograph.services WHERE service = $1 AND waits_for = ''"
SHOWN = "SELECT count(*) FROM live.messages WHERE status = 'delivered'"


@asynccontextmanager
async def _works(service: str, work: Work, settings: Settings) -> AsyncIterator[World]:
    world = World()

    async def works() -> None:
        await with_presence(service, work)(settings, world)

    world.tasks.spawn(service, works())
    try:
        yield world
    finally:
        await world.tasks.stop()


@pytest.mark.parametrize("where", [("dispatcher", "dispatch.batches"), ("projector", "build_1.messages")])
async def test_a_locked_table_is_waited_for(
    kafka: KafkaConnection, database: str, world: World, monkeypatch: pytest.MonkeyPatch, where: tuple[str, str]
) -> None:
    """FAULTS G: it lives on, `waits_for` names the lock, and once that is gone everything is done, once."""
    service, table = where
    monkeypatch.setattr(presence, "BEAT_SECONDS", 0.2)
    monkeypatch.setattr(presence, "LOCKED_SECONDS", 0.5)
    async with parts(kafka, database, world) as these:
        async with (
            _works("dispatcher", dispatch, these.settings()) as one,
            _works("projector", lambda settings, its: project(settings, its, None), these.settings()) as other,
        ):
            await these.ask(NUMBERS[:3])
            await these.settled()
            locker = await asyncpg.connect(database)
            async with locker.transaction():
                await locker.execute(f"LOCK TABLE {table} IN ACCESS EXCLUSIVE MODE")
                await these.ask(NUMBERS[3:6], campaign=CAMPAIGN[:-2] + "bb")
                await until(lambda: locker.fetchval(WAITS, service), "it says that it waits", within=30)
            await locker.close()
            await these.settled(chunks=2)
            await until(lambda: these.ledger.fetchval(f"{SHOWN} HAVING count(*) = 6"), "all is shown", within=30)
            await until(lambda: these.ledger.fetchval(FREE, service), "it waits no more", within=30)
            assert not one.tasks.any_failed
            assert not other.tasks.any_failed
        assert await these.sent() == dict.fromkeys(NUMBERS[:6], 1)
