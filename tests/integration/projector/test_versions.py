"""A database whose tables an earlier version of the projection has filled, under this one."""

import shutil
from pathlib import Path

import asyncpg
import pytest

from infra.postgres.migrations import DIRECTORY, migrate
from services.projector import builds
from services.projector.builds import BuildRefused
from services.projector.store import Store

FOLDED = "INSERT INTO build_1.projector_offsets (topic, partition, next_offset) VALUES ('dispatches', 0, 7)"


@pytest.fixture
async def of_version_1(empty_database: str, tmp_path: Path) -> str:
    """A database as version 1 left it, with something folded, under the migrations of today."""
    for file in sorted(DIRECTORY.glob("000[1-5]*.sql")):
        shutil.copy(file, tmp_path)
    await migrate(empty_database, tmp_path)
    connection = await asyncpg.connect(empty_database)
    await connection.execute(FOLDED)
    await connection.close()
    await migrate(empty_database)
    return empty_database


async def test_its_tables_stay_and_the_new_program_says_what_to_do(of_version_1: str) -> None:
    """Readers see what they saw; nothing is filled by code that would not fit."""
    connection = await asyncpg.connect(of_version_1)
    assert [(b.number, b.version, b.is_current) for b in await builds.listed(connection)] == [(1, 1, True)]
    assert await connection.fetch("SELECT * FROM live.messages") == []
    with pytest.raises(BuildRefused, match="heliograph rebuild start"):
        await Store.connect(of_version_1)
    await connection.close()


async def test_a_build_of_today_is_swapped_in_and_out_again(of_version_1: str) -> None:
    """The views of either version show the same columns, so that readers need not know."""
    connection = await asyncpg.connect(of_version_1)
    number = await builds.create(connection)
    shown = []
    for build in (number, 1, number):
        assert await builds.swap(connection, build)
        await connection.fetch("SELECT * FROM live.message_events")
        await connection.fetch("SELECT * FROM live.incidents")
        described = await connection.prepare("SELECT * FROM live.messages")
        shown.append([(a.name, a.type.name) for a in described.get_attributes()])
    assert shown[0] == shown[1] == shown[2]
    await builds.drop(connection, 1)
    await (await Store.connect(of_version_1)).close()
    await connection.close()


async def test_a_database_that_has_folded_nothing_begins_with_the_present_version(empty_database: str) -> None:
    """A fresh installation never hears of version 1."""
    await migrate(empty_database)
    connection = await asyncpg.connect(empty_database)
    assert [(b.number, b.version, b.is_current) for b in await builds.listed(connection)] == [(1, builds.VERSION, True)]
    await connection.close()
