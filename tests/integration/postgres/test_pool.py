"""The pool's connections: named, in UTC, with jsonb as values."""

import pytest

from infra.postgres.pool import Pool


@pytest.mark.parametrize("value", [{"a": [1, 2.5, None, "ü"]}, [], "text", None, 7, True])
async def test_jsonb_comes_back_as_it_went_in(pool: Pool, value: object) -> None:
    """A value stored as jsonb is read as the same value."""
    assert await pool.fetchval("select coalesce($1::jsonb, 'null'::jsonb)", value) == value


async def test_copy_takes_jsonb(pool: Pool) -> None:
    """COPY, which speaks binary only, takes jsonb values as well."""
    async with pool.acquire() as connection:
        await connection.execute("create temporary table t (v jsonb)")
        await connection.copy_records_to_table("t", records=[({"a": 1},)], columns=["v"])
        assert await connection.fetchval("select v from t") == {"a": 1}


@pytest.mark.parametrize(("name", "value"), [("application_name", "heliograph test"), ("TimeZone", "UTC")])
async def test_connections_introduce_themselves(pool: Pool, name: str, value: str) -> None:
    """Whoever looks into pg_stat_activity sees which service a connection belongs to."""
    assert await pool.fetchval("select current_setting($1)", name) == value
