"""Copies of the ledger as a dump, or a standby, has them: all tables as they were at one moment."""

from infra.postgres.pool import Connection

TABLES = (
    "campaigns", "chunks", "batches", "offsets", "readers", "plan", "consent", "follow_ups", "orphans", "early", "delivered",
)  # fmt: skip
"""Each after what it refers to."""


async def keep(connection: Connection, name: str) -> None:
    """A copy of the ledger as it is now, as pg_dump makes it: of one snapshot, while everything goes on."""
    async with connection.transaction(isolation="repeatable_read"):
        await connection.execute(f"CREATE SCHEMA {name}")
        for table in TABLES:
            await connection.execute(f"CREATE TABLE {name}.{table} AS TABLE dispatch.{table}")


async def restore(connection: Connection, name: str) -> None:
    """The ledger as it was when that copy was made."""
    await empty(connection)
    async with connection.transaction():
        await connection.execute("DELETE FROM dispatch.plan")
        for table in TABLES:
            await connection.execute(f"INSERT INTO dispatch.{table} SELECT * FROM {name}.{table}")


async def without_marks(connection: Connection) -> None:
    """Forget when the broker took the last records: a copy of the log that is made record by record has other times."""
    await connection.execute("UPDATE dispatch.offsets SET last_logged_ms = 0, last_digest = 0")


async def empty(connection: Connection) -> None:
    """The ledger as the migrations leave it."""
    names = ", ".join(f"dispatch.{table}" for table in TABLES)
    async with connection.transaction():
        await connection.execute(f"TRUNCATE {names}")
        await connection.execute("INSERT INTO dispatch.plan DEFAULT VALUES")
        await connection.execute("ALTER SEQUENCE dispatch.owners RESTART")
