"""Incidents among many messages that were followed up twice: in time that grows with their number, not with its square."""

import os
import time

from services.projector.store import Store
from tests.integration.projector.events import CAMPAIGN

CHUNK = 1_000
MESSAGES = int(os.environ.get("HELIOGRAPH_TEST_THIRD_ATTEMPTS", "4000"))
MOST_SECONDS = 10.0
"""With the square of 2,000 it took 13.7 s on a machine that was idle."""

FILL = f"""
INSERT INTO messages SELECT $1, 15550000000 + n, '2026-03-01T12:00:00.000Z', n / {CHUNK}, 0, 3, 2, 0, 10, 1, true, true,
    false, '', 'delivered', 'Delivered', 'b3' FROM generate_series(0, $2 - 1) AS n
"""
OFFERS = f"""
INSERT INTO batches SELECT $1, c, a, '', a = 1, 4, 'sent', now(), '', format('b%s.%s', c, a), {CHUNK}, now(), now(), 0, 0, 0, 0, 0
FROM generate_series(0, ($2 - 1) / {CHUNK}) AS c, generate_series(1, 3) AS a
"""
HISTORY = f"""
INSERT INTO history SELECT $1, n / {CHUNK}, string_agg(concat_ws(E'\\x1f', 15550000000 + n, gen_random_uuid(),
    '2026-03-01T12:00:00.000Z', '1772366400000', '404', a, CASE WHEN t = 'DeliveryReported' THEN 9 ELSE 0 END, '', t,
    CASE WHEN t = 'DeliveryReported' THEN 'Failed' ELSE '' END, 'callback'), E'\\x1e')
FROM generate_series(0, $2 - 1) AS n, generate_series(1, 3) AS a, unnest(ARRAY['DeliveryReported', 'FollowUpScheduled']) AS t
WHERE NOT (t = 'FollowUpScheduled' AND (a = 3 OR (n = 7 AND a = 1))) GROUP BY n / {CHUNK}
"""
SECOND = "INSERT INTO second_reports SELECT $1, 15550000000 + n FROM generate_series(0, $2 - 1) AS n"


async def test_incidents_among_many_third_attempts_are_found_in_time(store: Store) -> None:
    """One message among thousands was not followed up between its first and its second report: it is found, and only it."""
    connection = store._connection
    for sql in (FILL, OFFERS, HISTORY, SECOND):
        await connection.execute(sql, CAMPAIGN, MESSAGES)
    for name in ("enable_hashjoin", "enable_mergejoin", "enable_seqscan"):
        await connection.execute(f"SET {name} = on")  # as readers have it; the projector's own session probes by key
    await connection.execute("ANALYZE messages, batches, history, second_reports")
    began = time.monotonic()
    rows = await connection.fetch("SELECT * FROM live.incidents", timeout=MOST_SECONDS * 30)
    seconds = time.monotonic() - began
    print(f"{MESSAGES} messages: {seconds:.3f} s")
    assert [(row["recipient"], row["first_attempt"], row["second_attempt"]) for row in rows] == [(15550000007, 1, 2)]
    assert seconds < MOST_SECONDS
