"""Migrations: from an empty database, once each, refusing what does not fit."""

import asyncio
from pathlib import Path

import asyncpg
import pytest

from infra.postgres.migrations import DIRECTORY, MigrationRefused, migrate, pending, read_migrations

BOOKKEEPING = (DIRECTORY / "0001_bookkeeping.sql").read_text()


@pytest.fixture
def files(tmp_path: Path) -> Path:
    """A directory with the bookkeeping and one migration more."""
    (tmp_path / "0001_bookkeeping.sql").write_text(BOOKKEEPING)
    (tmp_path / "0002_table.sql").write_text("create table a (x integer); insert into a values (1);")
    return tmp_path


async def _value(dsn: str, sql: str) -> object:
    connection = await asyncpg.connect(dsn)
    try:
        value: object = await connection.fetchval(sql)
    finally:
        await connection.close()
    return value


async def test_own_files_apply_to_an_empty_database(empty_database: str) -> None:
    """Every migration of this version applies from nothing, in order."""
    applied = await migrate(empty_database)
    assert [str(one) for one in applied] == [str(one) for one in read_migrations()]


async def test_second_time_changes_nothing(empty_database: str, files: Path) -> None:
    """A database that is up to date is left alone."""
    await migrate(empty_database, files)
    assert await migrate(empty_database, files) == []


async def test_later_file_is_applied_alone(empty_database: str, files: Path) -> None:
    """A new file goes on where the database stands."""
    await migrate(empty_database, files)
    (files / "0003_more.sql").write_text("insert into a values (2);")
    assert [str(one) for one in await migrate(empty_database, files)] == ["0003_more"]
    assert await _value(empty_database, "select sum(x) from a") == 3


async def test_two_at_once_apply_each_file_once(empty_database: str, files: Path) -> None:
    """Programs that migrate at the same moment share the work without a failure."""
    applied = await asyncio.gather(*(migrate(empty_database, files) for _ in range(4)))
    assert sorted(str(one) for some in applied for one in some) == ["0001_bookkeeping", "0002_table"]
    assert await _value(empty_database, "select count(*) from a") == 1


async def test_altered_file_is_refused(empty_database: str, files: Path) -> None:
    """A file that was changed after it had been applied is refused by its name."""
    await migrate(empty_database, files)
    (files / "0002_table.sql").write_text("create table a (x bigint);")
    with pytest.raises(MigrationRefused, match=r"0002_table\.sql was altered after it had been applied"):
        await migrate(empty_database, files)


async def test_newer_database_is_refused(empty_database: str, files: Path) -> None:
    """A program older than the database refuses to touch it."""
    await migrate(empty_database, files)
    (files / "0002_table.sql").unlink()
    with pytest.raises(MigrationRefused, match="0002_table, which this version does not know"):
        await migrate(empty_database, files)


async def test_failing_file_leaves_nothing_behind(empty_database: str, files: Path) -> None:
    """A file that fails in its middle is rolled back whole, and the ones before it stay."""
    (files / "0003_broken.sql").write_text("create table b (x integer); select 1 / 0;")
    with pytest.raises(MigrationRefused, match=r"0003_broken\.sql failed and was rolled back: division by zero"):
        await migrate(empty_database, files)
    assert await _value(empty_database, "select to_regclass('b') is null and to_regclass('a') is not null")


async def test_pending_names_what_is_due(empty_database: str, files: Path) -> None:
    """A service can ask what is missing without applying it."""
    connection = await asyncpg.connect(empty_database)
    before = [str(one) for one in await pending(connection, files)]
    await migrate(empty_database, files)
    after = await pending(connection, files)
    await connection.close()
    assert (before, after) == (["0001_bookkeeping", "0002_table"], [])


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("0004_gap.sql", "0004_gap.sql stands where number 0003 is due"),
        ("0002_twice.sql", "0002_twice.sql stands where number 0003 is due"),
        ("3_short.sql", "3_short.sql: a migration is called"),
        ("0003-Dash.sql", "0003-Dash.sql: a migration is called"),
    ],
)
def test_wrong_names_are_refused(files: Path, name: str, words: str) -> None:
    """A gap, a number used twice or an odd name is refused before the database is touched."""
    (files / name).write_text("select 1;")
    with pytest.raises(MigrationRefused, match=words.replace(".", r"\.")):
        read_migrations(files)
