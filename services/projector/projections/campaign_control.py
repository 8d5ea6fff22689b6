"""Table `campaign_control`: the latest word about a campaign as a whole.

`cancelled` is an or: nothing takes it back. Paused or not is what the greatest (moment, event_id) says.
"""

from collections.abc import Sequence
from typing import NamedTuple

from infra.postgres.pool import Connection


class Decision(NamedTuple):
    """One control event."""

    campaign_id: str
    cancelled: bool
    paused: bool
    reason: str
    decided_at: str
    event_id: str


SAVE = """
INSERT INTO campaign_control AS k (campaign_id, cancelled, paused, reason, decided_at, event_id)
VALUES ($1, $2, $3, $4, $5::text::timestamptz, $6)
ON CONFLICT (campaign_id) DO UPDATE SET
    cancelled = k.cancelled OR excluded.cancelled,
    paused = CASE WHEN later THEN excluded.paused ELSE k.paused END,
    reason = CASE WHEN later THEN excluded.reason ELSE k.reason END,
    decided_at = greatest(k.decided_at, excluded.decided_at),
    event_id = CASE WHEN later THEN excluded.event_id ELSE k.event_id END
""".replace("later", "(excluded.decided_at, excluded.event_id) > (k.decided_at, k.event_id)")


async def save(connection: Connection, decisions: Sequence[Decision]) -> None:
    """Join these decisions into the table."""
    if decisions:
        await connection.executemany(SAVE, decisions)
