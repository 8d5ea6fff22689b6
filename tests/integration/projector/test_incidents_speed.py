"""Incidents among many messages that were followed up twice: the look of every five seconds reads those that are one."""

import os
import time

import asyncpg
import pytest

from infra.postgres.pool import connect
from services.projector.store import Store
from services.projector.watch import LOOK_INCIDENTS
from tests.integration.projector.events import CAMPAIGN

CHUNK = 1_000
MESSAGES = int(os.environ.get("HELIOGRAPH_TEST_THIRD_ATTEMPTS", "20000"))
MOST_SECONDS = 0.1
"""Of a million; the view that took each message's history apart needed 7.5 s for a hundred thousand."""

FILL = f"""
INSERT INTO messages SELECT $1, 15550000000 + n, '2026-03-01T12:00:00.000Z', n / {CHUNK}, 0, 3, 2, 0, 10, 1, true, true,
    false, true, '', 'delivered', 'Delivered', 'b3' FROM generate_series(0, $2 - 1) AS n
"""
OFFERS = f"""
INSERT INTO batches SELECT $1, c, a, '', a = 1, 4, 'sent', now(), '', format('b%s.%s', c, a), {CHUNK}, now(), now(), 0, 0, 0, 0, 0
FROM generate_series(0, ($2 - 1) / {CHUNK}) AS c, generate_series(1, 3) AS a
"""
LATER = f"""
INSERT INTO later_attempts (campaign_id, recipient, chunk, heard, followed)
SELECT $1, 15550000000 + n, n / {CHUNK}, '{{1,2,3}}', CASE WHEN n = 7 THEN '{{2}}' ELSE '{{1,2}}' END::integer[]
FROM generate_series(0, $2 - 1) AS n
"""
FIND = "SELECT recipient, first_attempt, second_attempt FROM live.incidents"


@pytest.mark.parametrize("analyzed", [False, True])
async def test_incidents_among_many_third_attempts_are_found_in_time(
    store: Store, database: str, analyzed: bool
) -> None:
    """One message among thousands was not followed up between its first and its second report: it is found, and only it."""
    for sql in (FILL, OFFERS, LATER):
        await store._connection.execute(sql, CAMPAIGN, MESSAGES, timeout=600)
    if analyzed:
        await store._connection.execute("ANALYZE messages, batches, later_attempts")
    watching = await connect(database, "watch", {"search_path": "build_1"})
    try:
        assert [tuple(row) for row in await watching.fetch(FIND)] == [(15550000007, 1, 2)]
        assert await _seconds(watching) < MOST_SECONDS
    finally:
        await watching.close()


async def _seconds(connection: asyncpg.Connection) -> float:
    """The least of some looks."""
    taken = []
    for _ in range(5):
        began = time.monotonic()
        assert [tuple(row) for row in await connection.fetch(LOOK_INCIDENTS)] == [("DuplicateSend", 1)]
        taken.append(time.monotonic() - began)
    if MESSAGES >= 1_000_000:
        plan = "\n".join(row[0] for row in await connection.fetch(f"EXPLAIN (ANALYZE, BUFFERS) {LOOK_INCIDENTS}"))
        print(f"{MESSAGES} messages: {[f'{one:.4f}' for one in taken]} s\n{plan}")
    return min(taken)
