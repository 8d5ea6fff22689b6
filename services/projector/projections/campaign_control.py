"""Table `campaign_control`: the latest word about a campaign as a whole.

`cancelled` is an or: nothing takes it back. Paused or not is what the greatest (decision, moment, event_id) says: the
campaign service numbers its decisions in the order of its answers, whatever its clock says.
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
    decision: int
    decided_at: str
    event_id: str


SAVE = """
INSERT INTO campaign_control AS k (campaign_id, cancelled, paused, reason, decision, decided_at, event_id)
VALUES ($1, $2, $3, $4, $5, $6::text::timestamptz, $7)
ON CONFLICT (campaign_id) DO UPDATE SET
    cancelled = k.cancelled OR excluded.cancelled,
    paused = CASE WHEN later THEN excluded.paused ELSE k.paused END,
    reason = CASE WHEN later THEN excluded.reason ELSE k.reason END,
    decision = CASE WHEN later THEN excluded.decision ELSE k.decision END,
    decided_at = CASE WHEN later THEN excluded.decided_at ELSE k.decided_at END,
    event_id = CASE WHEN later THEN excluded.event_id ELSE k.event_id END
""".replace(
    "later",
    "(excluded.decision, excluded.decided_at, excluded.event_id) > (k.decision, k.decided_at, k.event_id)",
)


async def save(connection: Connection, decisions: Sequence[Decision]) -> None:
    """Join these decisions into the table."""
    if decisions:
        await connection.executemany(SAVE, decisions)
