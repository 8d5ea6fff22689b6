"""A clock that jumps, for the process and for PostgreSQL alike: both are the machine's own, some seconds ahead."""

import asyncio
import time
from datetime import UTC, datetime, timedelta

import asyncpg

LONGEST_SLEEP_SECONDS = 0.03

SCHEMA = """
CREATE SCHEMA clock;
CREATE TABLE clock.ahead (seconds float8 NOT NULL);
INSERT INTO clock.ahead VALUES (0);
CREATE FUNCTION clock.now() RETURNS timestamptz LANGUAGE sql STABLE AS
    $$ SELECT pg_catalog.now() + seconds * interval '1 second' FROM clock.ahead $$;
CREATE FUNCTION clock.clock_timestamp() RETURNS timestamptz LANGUAGE sql VOLATILE AS
    $$ SELECT pg_catalog.clock_timestamp() + seconds * interval '1 second' FROM clock.ahead $$;
"""
"""`now()` without a schema is found there first, because the database's search path names it before pg_catalog."""

DEFAULTS = """
SELECT d.adrelid::regclass::text AS table, quote_ident(a.attname) AS column
FROM pg_attrdef d JOIN pg_attribute a ON a.attrelid = d.adrelid AND a.attnum = d.adnum
WHERE pg_get_expr(d.adbin, d.adrelid) = 'now()' AND d.adrelid::regclass::text LIKE 'dispatch.%'
"""
"""What a table's own default took for the clock when it was made."""


async def install(connection: asyncpg.Connection, database: str) -> None:
    """Give the database this clock; sessions that begin later have it."""
    await connection.execute(SCHEMA)
    for row in await connection.fetch(DEFAULTS):
        await connection.execute(f"ALTER TABLE {row['table']} ALTER {row['column']} SET DEFAULT clock.now()")
    await connection.execute(f"ALTER DATABASE {database} SET search_path = clock, pg_catalog, public")


class JumpingClock:
    """`World`'s clock. Nobody sleeps long: who waits for a moment looks again."""

    def __init__(self) -> None:
        self.ahead = 0.0

    def wall(self) -> datetime:
        """The calendar's time."""
        return datetime.now(UTC) + timedelta(seconds=self.ahead)

    def unix(self) -> float:
        """The same in seconds since 1970."""
        return time.time() + self.ahead

    def boot(self) -> float:
        """Seconds since boot."""
        return time.clock_gettime(time.CLOCK_BOOTTIME) + self.ahead

    async def sleep(self, seconds: float) -> None:
        """A moment."""
        await asyncio.sleep(min(seconds, LONGEST_SLEEP_SECONDS))

    async def jump(self, connection: asyncpg.Connection, seconds: float) -> None:
        """It is so much later, everywhere."""
        self.ahead += seconds
        await connection.execute("UPDATE clock.ahead SET seconds = $1", self.ahead)
