"""Table `later_attempts`: of messages that are followed up, or were reported under a later offer, what was heard.

`heard`: under which offers a report came; `followed`: after which attempts another one was scheduled. Both are sets, so order and repetition do not matter. Whether two attempts are an incident follows from them
(`live.is_suspect`), so the view of incidents reads nothing but those. That the first offer was heard of is in `messages`
(`heard`): nearly all are, and few have a row here; `messages.RAISE` adds it to a row that is there already.
"""

from collections.abc import Collection

from infra.postgres.pool import Connection
from services.projector.projections.batches import BatchKey
from services.projector.projections.later.facts import MessageKey

SAVE = """
INSERT INTO later_attempts AS l (campaign_id, recipient, chunk, heard, followed)
SELECT n.campaign_id, n.recipient, n.chunk,
       live.sorted(n.heard || CASE WHEN m.heard THEN ARRAY['1'] ELSE '{}' END), live.sorted(n.followed)
FROM (
    SELECT campaign_id, recipient, chunk,
           coalesce(array_agg(offer) FILTER (WHERE offer <> ''), '{}') AS heard,
           coalesce(array_agg(attempt) FILTER (WHERE offer = ''), '{}') AS followed
    FROM unnest($1::uuid[], $2::integer[], $3::bigint[], $4::text[], $5::integer[])
         AS told (campaign_id, chunk, recipient, offer, attempt)
    GROUP BY campaign_id, recipient, chunk
) n JOIN messages m USING (campaign_id, recipient, chunk)
ON CONFLICT (campaign_id, recipient, chunk) DO UPDATE
SET heard = live.sorted(l.heard || excluded.heard), followed = live.sorted(l.followed || excluded.followed)
WHERE NOT (l.heard @> excluded.heard AND l.followed @> excluded.followed)
"""


async def save(
    connection: Connection,
    heard: Collection[tuple[BatchKey, Collection[str]]],
    followed: Collection[tuple[MessageKey, int]],
) -> None:
    """Note under which later offers which recipients were reported, and which attempts are followed up.

    Their rows in `messages` are there.
    """
    rows: list[tuple[str, int, int, str, int]] = [
        (key.campaign_id, key.chunk, int(recipient), f"{key.attempt}{key.part and f'.{key.part}'}", 0)
        for key, recipients in heard
        for recipient in recipients
    ]
    rows += [(campaign_id, chunk, int(who), "", attempt) for (campaign_id, chunk, who), attempt in followed]
    if rows:
        await connection.execute(SAVE, *(list(column) for column in zip(*rows, strict=True)))
