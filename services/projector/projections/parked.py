"""Table `parked`: records that have no effect, and the latest word about each, by its place in `projection-control`.

That topic has one partition, so the order of what was decided is the log's own.
"""

from collections.abc import Sequence
from typing import NamedTuple

from contracts.events import ProjectionControlEvent, RecordDropped, RecordParked, RecordRetried
from infra.postgres.pool import Connection

STATES: dict[type[ProjectionControlEvent], str] = {
    RecordParked: "parked",
    RecordRetried: "retried",
    RecordDropped: "dropped",
}


class Word(NamedTuple):
    """One event of `projection-control` and its offset there."""

    event: ProjectionControlEvent
    offset: int


SAVE = """
INSERT INTO parked AS p (topic, partition, record_offset, state, reason, actor, decided_at, decision)
VALUES ($1, $2, $3, $4, $5, $6, $7::text::timestamptz, $8)
ON CONFLICT (topic, partition, record_offset) DO UPDATE SET
    state = excluded.state, actor = excluded.actor, decided_at = excluded.decided_at, decision = excluded.decision,
    reason = CASE WHEN excluded.reason = '' THEN p.reason ELSE excluded.reason END
WHERE excluded.decision > p.decision
"""

RETRIED = """
SELECT topic, partition, record_offset, decision FROM parked WHERE state = 'retried' ORDER BY 1, 2, 3
"""

FOLDED = "UPDATE parked SET state = 'folded' WHERE topic = $1 AND partition = $2 AND record_offset = $3"


async def save(connection: Connection, words: Sequence[Word]) -> None:
    """Join these words into the table."""
    if words:
        await connection.executemany(
            SAVE,
            [
                (e.topic, e.partition, e.offset, STATES[type(e)], e.reason, e.actor, e.occurred_at, offset)
                for e, offset in words
            ],
        )
