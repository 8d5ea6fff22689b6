"""Several statements in one round trip: each with its own parameters, all or none."""

import asyncpg
import pytest

from infra.postgres.pool import Pool
from infra.postgres.together import Statement, together

INSERT = "INSERT INTO t (name, n) SELECT * FROM unnest($1::text[], $2::integer[])"
UPDATE = "UPDATE u SET n = $1::integer + $2 + $3 + $4 + $5 + $6 + $7 + $8 + $9 + $10 - $1 WHERE n = $11"
UPSERT = "INSERT INTO v VALUES ($1, $2) ON CONFLICT (k) DO UPDATE SET n = excluded.n"
TABLES = "CREATE TEMPORARY TABLE t (name text, n integer); CREATE TEMPORARY TABLE u (n integer); \
CREATE TEMPORARY TABLE v (k integer PRIMARY KEY, n integer); INSERT INTO u VALUES (7), (7), (8); INSERT INTO v VALUES (1, 1)"


async def test_each_gets_its_own_parameters_and_says_how_many_rows_it_changed(pool: Pool) -> None:
    """Also past the ninth parameter; what is not there is left out."""
    async with pool.acquire() as connection:
        await connection.execute(TABLES)
        update = Statement(UPDATE, (1000, 1, 2, 3, 4, 5, 6, 7, 8, 9, 7))
        insert = Statement(INSERT, (["a", "b", "c"], [1, 2, 3]))
        changed = await together(connection, update, None, insert, Statement(UPSERT, (1, 5)))
        assert changed == [2, 3, 1]
        assert [tuple(row) for row in await connection.fetch("SELECT name, n FROM t ORDER BY n")] == [
            ("a", 1), ("b", 2), ("c", 3),
        ]  # fmt: skip
        assert [row["n"] for row in await connection.fetch("SELECT n FROM u ORDER BY n")] == [8, 45, 45]
        assert await connection.fetchval("SELECT n FROM v") == 5


async def test_nothing_to_run_asks_nobody(pool: Pool) -> None:
    """As when a batch changed none of these tables."""
    async with pool.acquire() as connection:
        await connection.close()
        assert await together(connection, None, None) == []


async def test_one_that_is_refused_takes_the_others_with_it(pool: Pool) -> None:
    """They are one statement."""
    async with pool.acquire() as connection:
        await connection.execute(TABLES)
        with pytest.raises(asyncpg.NotNullViolationError):
            await together(connection, Statement(INSERT, (["a"], [1])), Statement(UPSERT, (None, 5)))
        assert await connection.fetchval("SELECT count(*) FROM t") == 0
