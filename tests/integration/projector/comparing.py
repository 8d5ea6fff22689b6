"""The tables as a reader sees them, held against the reference."""

from collections.abc import Sequence

import asyncpg

from tests.integration.projector import reference
from tests.integration.projector.traffic import Said

MESSAGES = "SELECT campaign_id::text, chunk, recipient::text, attempt, status, final FROM live.messages"
COUNTS = "SELECT status, sum(messages)::int FROM live.campaign_counts GROUP BY 1"


async def assert_is_reference(dsn: str, said: Sequence[Said]) -> None:
    """Rows and counts are those of the reference fold of everything that was said."""
    expected = reference.statuses(s.event for s in said)
    connection = await asyncpg.connect(dsn)
    try:
        rows = await connection.fetch(MESSAGES)
        assert {tuple(row[:3]): tuple(row[3:]) for row in rows} == expected
        assert {row[0]: row[1] for row in await connection.fetch(COUNTS)} == reference.counts(expected)
        assert await connection.fetchval("SELECT count(*) FROM live.incidents") == 0
    finally:
        await connection.close()
