"""The SQL of table `messages`: what is staged, and the statements that join it into the table."""

COLUMNS = {  # of `messages`, in its order
    "campaign_id": "uuid", "recipient": "bigint", "reported_at": "text", "chunk": "integer", "code": "integer",
    "attempt": "integer", "scheduled": "integer", "given_up": "integer", "rank": "smallint", "parts": "smallint",
    "requested": "boolean", "retries": "boolean", "retriable": "boolean", "heard": "boolean", "part": "text",
    "status": "text", "provider_status": "text", "batch_id": "text",
}  # fmt: skip

STAGE = f"""
CREATE TEMPORARY TABLE IF NOT EXISTS staged (
    {", ".join(f"{name} {kind}" + (' COLLATE "C"' if kind == "text" else "") for name, kind in COLUMNS.items())}
) ON COMMIT DELETE ROWS
"""
APART = f"""(
    SELECT {
    ", ".join(
        f"f[{n}]::{kind}" + (' COLLATE "C"' if kind == "text" else "") + f" AS {name}"
        for n, (name, kind) in enumerate(COLUMNS.items(), 1)
    )
}
    FROM string_to_table($1, E'\\n') AS line CROSS JOIN LATERAL string_to_array(line, E'\\t') AS f
)"""
"""What is staged, from the rows as a text; without rows that hold an escape."""

AWAITING = """
({0}.rank IN (8, 9) AND {0}.given_up < {0}.attempt
 AND ({0}.scheduled >= {0}.attempt OR ({0}.retries AND {0}.retriable)))
"""
"""A failure that is not final yet; as in the view `live.messages`."""

SAME = "m.campaign_id = s.campaign_id AND m.recipient = s.recipient AND m.chunk = s.chunk"

_STATES = f"""
m.campaign_id, m.chunk, {{counted_before}} AS counted_before, old.attempt AS old_attempt, old.part AS old_part,
old.status AS old_status, old.rank AS old_rank, {AWAITING.format("old")} AS old_awaiting,
new.attempt, new.part, new.status, new.rank, {AWAITING.format("new")} AS awaiting
"""

_MOVED = """
SELECT campaign_id::text, chunk, counted_before, old_attempt, old_part, old_status, old_rank, old_awaiting,
       attempt, part, status, rank, awaiting, count(*) AS messages, requested, {first_heard} AS first_heard
FROM moved GROUP BY 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, requested
"""

MARK_REQUESTED = f"""
WITH moved AS (
    UPDATE messages m SET requested = true, retries = s.retries FROM {{source}} s
    WHERE {SAME} AND s.requested AND NOT m.requested
    RETURNING true AS requested, {_STATES.format(counted_before="false")}
) {_MOVED.format(first_heard="NULL::bigint[]")}
"""
"""Reported before it was requested: from now on it counts."""

FOLLOW = f"""
WITH moved AS (
    UPDATE messages m SET scheduled = greatest(m.scheduled, s.scheduled), given_up = greatest(m.given_up, s.given_up)
    FROM {{source}} s WHERE {SAME} AND (s.scheduled > m.scheduled OR s.given_up > m.given_up)
    RETURNING m.requested, {_STATES.format(counted_before="true")}
) {_MOVED.format(first_heard="NULL::bigint[]")}
"""
"""What the dispatcher said about follow-ups."""

RAISE = f"""
WITH moved AS (
    MERGE INTO messages AS m USING {{source}} AS s ON {SAME}
    WHEN MATCHED AND
           (s.rank = 10, s.attempt, s.part, s.rank, s.reported_at, s.status, s.provider_status, s.code, s.parts,
            s.batch_id)
         > (m.rank = 10, m.attempt, m.part, m.rank, m.reported_at, m.status, m.provider_status, m.code, m.parts,
            m.batch_id)
    THEN UPDATE SET reported_at = s.reported_at, code = s.code, attempt = s.attempt, rank = s.rank, parts = s.parts,
        part = s.part, status = s.status, provider_status = s.provider_status, batch_id = s.batch_id,
        retriable = s.retriable, heard = m.heard OR s.heard
    WHEN MATCHED AND s.heard AND NOT m.heard THEN UPDATE SET heard = true
    WHEN NOT MATCHED THEN INSERT ({", ".join(COLUMNS)}) VALUES ({", ".join(f"s.{column}" for column in COLUMNS)})
    RETURNING m.requested, {_STATES.format(counted_before="merge_action() = 'UPDATE'")}, CASE
        WHEN new.heard AND NOT old.heard AND (new.scheduled > 0 OR old.attempt <> 1 OR old.part <> '' OR new.attempt <> 1
                                              OR new.part <> '') THEN m.recipient END AS first_heard
) {_MOVED.format(first_heard="array_agg(first_heard) FILTER (WHERE first_heard IS NOT NULL)")}
"""
"""One pass over what is staged: a greater fact changes its row, a message that was not known gets one.

`first_heard`: of whom a first report came under the first offer, and who may have a row in `later_attempts`.
"""

FIRST_HEARD = """
UPDATE later_attempts SET heard = live.sorted(heard || ARRAY['1'])
WHERE campaign_id = $1 AND chunk = $2 AND recipient = ANY ($3::bigint[])
"""
"""It is heard of the first offer, of which these had not been reported before."""

NEW = """
SELECT k.campaign_id::text, k.chunk FROM unnest($1::uuid[], $2::integer[]) AS k (campaign_id, chunk)
WHERE NOT EXISTS (SELECT FROM batches b WHERE b.campaign_id = k.campaign_id AND b.chunk = k.chunk)
  AND NOT EXISTS (SELECT FROM history h WHERE h.campaign_id = k.campaign_id AND h.chunk = k.chunk)
"""
"""Chunks that have no message: each comes with its request's row in `batches`, or with a fact in `history`."""
