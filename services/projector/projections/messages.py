"""Table `messages`: one row a message, written on request and on facts about this one message only.

Facts are staged by COPY and compared in the database: a row changes only when the staged fact is greater
(`lattice.Fact`, same fields, same order). Each statement answers with how many messages moved from which state to
which, by batch; the counters follow from that.
"""

from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from io import BytesIO
from typing import NamedTuple

from asyncpg import Record

from infra.postgres.pool import Connection
from services.projector.lattice import Fact

MessageKey = tuple[str, str]
"""(campaign_id, recipient as digits)."""


class State(NamedTuple):
    """What the counters need to know of a message: its offer and its own status; `status` empty: none of its own."""

    attempt: int
    part: str
    status: str
    rank: int


class Moved(NamedTuple):
    """`messages` requested messages of one chunk went from `before` (None: were not counted) to `after`."""

    campaign_id: str
    chunk: int
    before: State | None
    after: State
    messages: int


STAGE = """
CREATE TEMPORARY TABLE IF NOT EXISTS staged (
    campaign_id uuid, recipient bigint, reported_at timestamptz, chunk integer, code integer, attempt smallint,
    rank smallint, parts smallint, requested boolean, part text COLLATE "C", status text COLLATE "C",
    provider_status text COLLATE "C", batch_id text COLLATE "C"
) ON COMMIT DELETE ROWS
"""

_MOVED = """
SELECT campaign_id::text, chunk, counted_before, old_attempt, old_part, old_status, old_rank,
       attempt, part, status, rank, count(*) AS messages
FROM moved GROUP BY 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11
"""

MARK_REQUESTED = f"""
WITH moved AS (
    UPDATE messages m SET requested = true FROM staged s
    WHERE m.campaign_id = s.campaign_id AND m.recipient = s.recipient AND s.requested AND NOT m.requested
    RETURNING m.campaign_id, m.chunk, false AS counted_before, m.attempt AS old_attempt, m.part AS old_part,
              m.status AS old_status, m.rank AS old_rank, m.attempt, m.part, m.status, m.rank
) {_MOVED}
"""
"""Reported before it was requested: from now on it counts."""

RAISE = f"""
WITH moved AS (
    UPDATE messages m SET reported_at = s.reported_at, code = s.code, attempt = s.attempt, rank = s.rank,
        parts = s.parts, part = s.part, status = s.status, provider_status = s.provider_status, batch_id = s.batch_id
    FROM staged s
    WHERE m.campaign_id = s.campaign_id AND m.recipient = s.recipient
      AND (s.rank = 10, s.attempt, s.part, s.rank, s.reported_at, s.status, s.provider_status, s.code, s.parts,
           s.batch_id)
        > (m.rank = 10, m.attempt, m.part, m.rank, m.reported_at, m.status, m.provider_status, m.code, m.parts,
           m.batch_id)
    RETURNING m.requested, m.campaign_id, m.chunk, true AS counted_before, old.attempt AS old_attempt,
              old.part AS old_part, old.status AS old_status, old.rank AS old_rank,
              new.attempt, new.part, new.status, new.rank
) {_MOVED.replace("GROUP BY", "WHERE requested GROUP BY")}
"""

INSERT = f"""
WITH moved AS (
    INSERT INTO messages (campaign_id, recipient, reported_at, chunk, code, attempt, rank, parts, requested, part,
                          status, provider_status, batch_id)
    SELECT * FROM staged s
    WHERE NOT EXISTS (SELECT FROM messages m WHERE m.campaign_id = s.campaign_id AND m.recipient = s.recipient)
    RETURNING requested, campaign_id, chunk, false AS counted_before, attempt AS old_attempt, part AS old_part,
              status AS old_status, rank AS old_rank, attempt, part, status, rank
) {_MOVED.replace("GROUP BY", "WHERE requested GROUP BY")}
"""


async def apply(
    connection: Connection, facts: Mapping[MessageKey, Fact], requested: AbstractSet[MessageKey]
) -> list[Moved]:
    """Join these facts into the table; `requested` are the messages that were asked for in this batch of records."""
    if not facts:
        return []
    await connection.copy_to_table("staged", source=BytesIO(_rows(facts, requested)), format="text")
    rows = await connection.fetch(MARK_REQUESTED) if requested else []
    rows += await connection.fetch(RAISE)
    rows += await connection.fetch(INSERT)
    return [_moved(row) for row in rows]


def _moved(row: Record) -> Moved:
    campaign_id, chunk, counted, *states, messages = row
    before = State(states[0], states[1], states[2], states[3]) if counted else None
    return Moved(campaign_id, chunk, before, State(states[4], states[5], states[6], states[7]), messages)


def _rows(facts: Mapping[MessageKey, Fact], requested: AbstractSet[MessageKey]) -> bytes:
    """The facts in PostgreSQL's text format for COPY. Only Sinch's own words can hold characters to escape."""
    return "".join(
        [
            f"{key[0]}\t{key[1]}\t{f.reported_at or '-infinity'}\t{f.chunk}\t{f.code}\t{f.attempt}\t{f.rank}\t{f.parts}"
            f"\t{'t' if key in requested else 'f'}\t{f.part}\t{f.status}\t{escape(f.provider_status)}"
            f"\t{escape(f.batch_id)}\n"
            for key, f in facts.items()
        ]
    ).encode()


_ESCAPES = str.maketrans({"\\": "\\\\", "\t": "\\t", "\n": "\\n", "\r": "\\r"})


def escape(text: str) -> str:
    """A foreign text as one field of a COPY row."""
    return text if text.isalnum() else text.translate(_ESCAPES)
