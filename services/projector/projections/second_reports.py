"""Table `second_reports`: the few messages that were reported under a second attempt; the view of incidents looks there.

Whether the second was a follow-up of the first's reported failure may be learned later, in any order, so it is decided
on reading, from the history.
"""

from collections.abc import Collection

from infra.postgres.pool import Connection

SAVE = """
INSERT INTO second_reports (campaign_id, recipient) SELECT * FROM unnest($1::uuid[], $2::bigint[]) ON CONFLICT DO NOTHING
"""


async def save(connection: Connection, messages: Collection[tuple[str, str]]) -> None:
    """Note these messages, as (campaign_id, recipient)."""
    if messages:
        ordered = sorted(messages)
        await connection.execute(SAVE, [c for c, _ in ordered], [int(r) for _, r in ordered])
