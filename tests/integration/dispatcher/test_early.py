"""Facts that wait for their chunk."""

from infra.postgres.pool import Pool
from services.dispatcher.from_log import early

ADD = """
INSERT INTO dispatch.early (topic, partition, "offset", campaign_id, chunk, event, seen_at)
VALUES ('dispatches', 0, $1, gen_random_uuid(), 0, '', now() - $2 * interval '1 day')
"""


async def test_what_nobody_asks_for_in_a_month_is_forgotten(pool: Pool) -> None:
    """What came since is kept: its chunk may still come."""
    for offset, days in ((1, 31), (2, 29)):
        await pool.execute(ADD, offset, days)
    await early.forget(pool)
    assert await pool.fetchval('SELECT array_agg("offset") FROM dispatch.early') == [2]
