"""Schema migrations: numbered plain SQL files, applied once each, in order, by whoever comes first.

Each file runs in one transaction together with the row that records it, under an advisory lock, so that two programs
that migrate at once, or one that is killed in the middle, leave a database that is at one number and nowhere between.
"""

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import asyncpg
import structlog

from infra.postgres.pool import Connection, connect
from infra.postgres.roles import grant_rights

log = structlog.get_logger(__name__)

DIRECTORY = Path(__file__).with_name("migrations")
FILE_NAME = re.compile(r"(?P<number>\d{4})_(?P<name>[a-z0-9_]+)\.sql")
MIGRATE_SECONDS = 3600.0  # a statement may rewrite a large table, or wait for another that migrates
LOCK = 0x48454C494F  # "HELIO": the key of the advisory lock; any number nobody else uses

KNOWN = "select to_regclass('heliograph.migrations') is not null"
APPLIED = "select number, name, sha256 from heliograph.migrations order by number"
RECORD = "insert into heliograph.migrations (number, name, sha256) values ($1, $2, $3)"


class MigrationRefused(Exception):  # noqa: N818  named by what it says
    """The files and the database do not fit together; the text says how and what to do."""


@dataclass(frozen=True, slots=True)
class Migration:
    """One file."""

    number: int
    name: str
    sql: str

    @property
    def sha256(self) -> str:
        """The hash of the file's exact text, in hexadecimal."""
        return hashlib.sha256(self.sql.encode()).hexdigest()

    def __str__(self) -> str:
        return f"{self.number:04d}_{self.name}"


def read_migrations(directory: Path = DIRECTORY) -> list[Migration]:
    """All files of `directory` in order. Numbers run from 0001 without gap or repetition."""
    found = []
    for path in sorted(directory.glob("*.sql")):
        match = FILE_NAME.fullmatch(path.name)
        if match is None:
            raise MigrationRefused(f"{path.name}: a migration is called NNNN_name.sql, in small letters")
        found.append(Migration(int(match["number"]), match["name"], path.read_text(encoding="utf-8")))
    for expected, migration in enumerate(found, start=1):
        if migration.number != expected:
            raise MigrationRefused(f"{migration}.sql stands where number {expected:04d} is due: close the gap")
    return found


async def migrate(dsn: str, directory: Path = DIRECTORY) -> list[Migration]:
    """Bring the database to the newest number. Gives what this call applied: nothing when there was nothing to do.

    Then the roles of services, where there are any, get their rights in what is new.
    """
    migrations = read_migrations(directory)
    connection = await connect(dsn, "migrate", command_timeout=MIGRATE_SECONDS)
    try:
        await connection.execute("select pg_advisory_lock($1)", LOCK)  # given back with the connection
        due = _due(migrations, await _applied(connection))
        for migration in due:
            await _apply(connection, migration)
        await grant_rights(connection)
        return due
    finally:
        await connection.close()


async def pending(connection: Connection, directory: Path = DIRECTORY) -> list[Migration]:
    """What `migrate` would apply; refuses what it would refuse. For a service that checks before it starts."""
    return _due(read_migrations(directory), await _applied(connection))


async def _applied(connection: Connection) -> list[tuple[int, str, str]]:
    if not await connection.fetchval(KNOWN):
        return []
    return [(row["number"], row["name"], row["sha256"]) for row in await connection.fetch(APPLIED)]


def _due(migrations: Sequence[Migration], applied: Sequence[tuple[int, str, str]]) -> list[Migration]:
    """The files that the database has not, or a refusal."""
    by_number = {migration.number: migration for migration in migrations}
    for number, name, sha256 in applied:
        migration = by_number.get(number)
        if migration is None:
            raise MigrationRefused(
                f"the database has migration {number:04d}_{name}, which this version does not know: "
                f"it is newer than this program; use the newer program"
            )
        if migration.sha256 != sha256:
            raise MigrationRefused(
                f"{migration}.sql was altered after it had been applied: restore the file as it was "
                f"(SHA-256 {sha256[:12]}…) and put the change into a new one"
            )
    done = len(applied)
    if [row[0] for row in applied] != list(range(1, done + 1)):
        raise MigrationRefused("the database's own list of migrations has a gap: somebody edited heliograph.migrations")
    return list(migrations[done:])


async def _apply(connection: Connection, migration: Migration) -> None:
    async with connection.transaction():
        try:
            await connection.execute(migration.sql)
        except asyncpg.PostgresError as error:
            raise MigrationRefused(f"{migration}.sql failed and was rolled back: {error}") from error
        await connection.execute(RECORD, migration.number, migration.name, migration.sha256)
    log.info("migration_applied", migration=str(migration))
