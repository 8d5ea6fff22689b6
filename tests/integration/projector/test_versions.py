"""A database whose tables an earlier version of the projection has filled, under this one."""

import shutil
from functools import partial
from pathlib import Path

import asyncpg
import pytest

from infra.kafka.log import Appender, KafkaConnection
from infra.postgres.migrations import DIRECTORY, migrate
from infra.process.world import World
from services.cli.earlier_tables import NEAR_ENOUGH, build_to_fill, show_when_caught_up
from services.projector import builds
from services.projector.builds import BuildRefused
from services.projector.diff import compare
from services.projector.store import Store
from tests.integration.projector.comparing import assert_is_reference
from tests.integration.projector.processes import Projectors
from tests.integration.projector.traffic import traffic
from tests.waiting import until

FOLDED = "INSERT INTO build_1.projector_offsets (topic, partition, next_offset) VALUES ('dispatches', 0, 7)"


LAST_OF = {1: 5, 2: 17}
"""The last migration under which a new build was of this version."""


@pytest.fixture(params=LAST_OF)
async def older(request: pytest.FixtureRequest, empty_database: str, tmp_path: Path) -> str:
    """A database as an earlier version left it, with something folded, under the migrations of today."""
    for file in sorted(DIRECTORY.glob("*.sql")):
        if int(file.name[:4]) <= LAST_OF[request.param]:
            shutil.copy(file, tmp_path)
    await migrate(empty_database, tmp_path)
    connection = await asyncpg.connect(empty_database)
    await connection.execute(FOLDED)
    await connection.close()
    await migrate(empty_database)
    return empty_database


async def test_its_tables_stay_and_the_new_program_says_what_to_do(older: str) -> None:
    """Readers see what they saw; nothing is filled by code that would not fit."""
    connection = await asyncpg.connect(older)
    ((number, version, is_current),) = await builds.listed(connection)
    assert (number, version < builds.VERSION, is_current) == (1, True, True)
    assert await connection.fetch("SELECT * FROM live.messages") == []
    with pytest.raises(BuildRefused, match="heliograph rebuild start"):
        await Store.connect(older)
    await connection.close()


async def test_a_build_of_today_is_swapped_in_and_out_again(older: str, kafka: KafkaConnection) -> None:
    """The views of every version show the same columns, so that readers need not know; and builds can be compared."""
    connection = await asyncpg.connect(older)
    number = await builds.create(connection)
    shown = []
    for build in (number, 1, number):
        assert await builds.swap(connection, build)
        await connection.fetch("SELECT * FROM live.message_events")
        await connection.fetch("SELECT * FROM live.incidents")
        described = await connection.prepare("SELECT * FROM live.messages")
        shown.append([(a.name, a.type.name) for a in described.get_attributes()])
    assert shown[0] == shown[1] == shown[2]
    assert not (await compare(connection, kafka, 1, number)).differing["messages"]
    await builds.drop(connection, 1)
    await (await Store.connect(older)).close()
    await connection.close()


async def test_a_database_that_has_folded_nothing_begins_with_the_present_version(empty_database: str) -> None:
    """A fresh installation never hears of version 1."""
    await migrate(empty_database)
    connection = await asyncpg.connect(empty_database)
    assert [(b.number, b.version, b.is_current) for b in await builds.listed(connection)] == [(1, builds.VERSION, True)]
    await connection.close()


async def test_run_makes_the_tables_anew_and_shows_them_once_they_have_caught_up(
    older: str, kafka: KafkaConnection, appender: Appender, world: World, tmp_path: Path
) -> None:
    """`heliograph run` over an earlier program's data: a build of today is filled, then shown."""
    poured = traffic(2 * NEAR_ENOUGH, seed=5)
    await appender.append_all([said.entry for said in poured], within=60)
    number = await build_to_fill(older)
    assert number == 2
    assert await build_to_fill(older) == number, "a run that was killed is gone on with"
    heard: list[str] = []
    projectors = Projectors(kafka, older, tmp_path)
    try:
        async with world.tasks.running("shown", show_when_caught_up(older, lambda: kafka, number, world, heard.append)):
            await projectors.start("of-today", build=number)
            await until(lambda: bool(heard), "it is shown", within=60)
        assert await build_to_fill(older) is None
        await until(partial(projectors.caught_up, number), "everything is folded", within=60)
        await assert_is_reference(older, poured)
    finally:
        await projectors.stop()
