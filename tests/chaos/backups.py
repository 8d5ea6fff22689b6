"""Copies of a database as it stood at moments of a run, and the database as one of them again: a dump, or a late standby."""

import asyncio
import io
from dataclasses import dataclass

import asyncpg

from infra.process.world import World
from tests.chaos.scenario import Restore

EVERY_SECONDS = 0.4
STATEMENT_SECONDS = 20.0
LEDGER = ("dispatch",)
WHOLE = ("dispatch", "build_1")

TABLES = """
SELECT format('%I.%I', n.nspname, c.relname) FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind = 'r' AND n.nspname = ANY ($1::text[]) ORDER BY 1
"""
SEQUENCES = """
SELECT format('%I.%I', schemaname, sequencename) AS name, last_value FROM pg_sequences WHERE schemaname = ANY ($1::text[])
"""
END_SESSIONS = """
SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity
WHERE datname = current_database() AND pid <> pg_backend_pid() AND application_name LIKE 'heliograph dispatcher%'
"""


@dataclass(frozen=True, slots=True)
class Backup:
    """All rows of all tables as of one transaction, `at` seconds since boot, and where the sequences stood."""

    at: float
    tables: dict[str, bytes]
    sequences: dict[str, int | None]


class Backups:
    """Takes them while it runs, and restores one."""

    def __init__(self, dsn: str, world: World) -> None:
        self._dsn = dsn
        self._world = world
        self._kept: list[Backup] = []
        self._one_at_a_time = asyncio.Lock()
        self._ended = asyncio.Event()

    async def keep(self) -> None:
        """Take one now and then, until `end`: asyncpg's COPY is not to be cancelled."""
        while not self._ended.is_set():
            async with self._one_at_a_time:
                await self.take()
            await self._world.clock.sleep(EVERY_SECONDS)

    def end(self) -> None:
        """Take no more."""
        self._ended.set()

    async def take(self) -> None:
        """One transaction that sees one moment, as pg_dump's does."""
        at = self._world.clock.boot()
        connection = await asyncpg.connect(self._dsn, command_timeout=STATEMENT_SECONDS)
        try:
            async with connection.transaction(isolation="repeatable_read", readonly=True):
                tables = {}
                for row in await connection.fetch(TABLES, WHOLE):
                    copy = io.BytesIO()
                    await connection.copy_from_query(f"SELECT * FROM {row[0]}", output=copy, format="binary")
                    tables[row[0]] = copy.getvalue()
                rows = await connection.fetch(SEQUENCES, WHOLE)
        finally:
            await connection.close()
        self._kept.append(Backup(at, tables, {row["name"]: row["last_value"] for row in rows}))

    async def restore(self, restore: Restore) -> None:
        """The database as it was; nobody of the dispatcher may live, and of the projector neither where it is the whole."""
        before = self._world.clock.boot() - restore.age
        backup = next((one for one in reversed(self._kept) if one.at <= before), self._kept[0])
        schemas = WHOLE if restore.whole else LEDGER
        async with self._one_at_a_time:
            connection = await asyncpg.connect(self._dsn, command_timeout=STATEMENT_SECONDS)
            try:
                await connection.execute(END_SESSIONS)
                async with connection.transaction():
                    await _put_back(connection, backup, schemas)
            finally:
                await connection.close()


async def _put_back(connection: asyncpg.Connection, backup: Backup, schemas: tuple[str, ...]) -> None:
    await connection.execute("SET LOCAL session_replication_role = replica")
    names = [name for name in backup.tables if name.split(".")[0] in schemas]
    await connection.execute(f"TRUNCATE {', '.join(names)}")
    for name in names:
        schema, table = name.split(".")
        rows = io.BytesIO(backup.tables[name])
        await connection.copy_to_table(table, schema_name=schema, source=rows, format="binary")
    for name, value in backup.sequences.items():
        if name.split(".")[0] in schemas:
            await connection.execute("SELECT setval($1::text::regclass, $2, $3)", name, value or 1, value is not None)
