"""Table `orphan_reports`: reports whose reference is missing or not ours, until they come again under their chunk.

The orphan and its second coming stand in different partitions and may be folded by two replicas in the same instant:
each side sets its own flag on one row, and the view shows what was seen and not settled.
"""

from collections.abc import Sequence
from datetime import UTC, datetime

from contracts.events import DeliveryReported
from infra.postgres.pool import Connection
from infra.process.world import iso
from services.projector.bounds import code_of

SAVE = """
INSERT INTO orphan_reports AS o (event_id, batch_id, recipient, status, code, reported_at, logged_at, seen, settled)
VALUES ($1, $2, $3::text::bigint, $4, $5, $6::text::timestamptz, $7::text::timestamptz, $8, $9)
ON CONFLICT (event_id) DO UPDATE SET seen = o.seen OR excluded.seen, settled = o.settled OR excluded.settled,
    logged_at = least(o.logged_at, excluded.logged_at)
"""


async def save(
    connection: Connection,
    orphans: Sequence[tuple[DeliveryReported, int]],
    settled: Sequence[tuple[DeliveryReported, int]],
) -> None:
    """Note these orphans, and these that found their chunk, each with when the log took it, in milliseconds since 1970."""
    rows = [(r, at, True, False) for r, at in orphans] + [(r, at, False, True) for r, at in settled]
    if rows:
        rows.sort(key=lambda row: row[0].event_id)  # one order of locks for all replicas
        await connection.executemany(
            SAVE,
            [
                (
                    r.event_id,
                    r.batch_id,
                    r.recipient,
                    r.status,
                    code_of(r.code),
                    r.at or r.occurred_at,
                    iso(datetime.fromtimestamp(logged_ms / 1000, UTC)),
                    seen,
                    found,
                )
                for r, logged_ms, seen, found in rows
            ],
        )
