"""Table `early_reports`: the greatest report of a message under an offer that nobody made, or not yet.

It counts for nothing. When the log says that the offer was made, it is taken out and raised in `messages`.
"""

from collections.abc import Collection, Mapping

from infra.postgres.pool import Connection
from services.projector.lattice import FactRow, Height, Words
from services.projector.projections.batches import BatchKey, columns

KEEP = """
INSERT INTO early_reports AS r (campaign_id, chunk, attempt, part, recipient, rank, reported_at, status, provider_status,
                                code, parts, batch_id)
SELECT * FROM unnest($1::uuid[], $2::integer[], $3::integer[], $4::text[], $5::bigint[], $6::smallint[], $7::text[],
                     $8::text[], $9::text[], $10::integer[], $11::smallint[], $12::text[])
ON CONFLICT (campaign_id, chunk, attempt, part, recipient) DO UPDATE SET
    rank = excluded.rank, reported_at = excluded.reported_at, status = excluded.status,
    provider_status = excluded.provider_status, code = excluded.code, parts = excluded.parts,
    batch_id = excluded.batch_id
WHERE (excluded.rank, excluded.reported_at, excluded.status, excluded.provider_status, excluded.code, excluded.parts,
       excluded.batch_id)
    > (r.rank, r.reported_at, r.status, r.provider_status, r.code, r.parts, r.batch_id)
"""

TAKE = """
DELETE FROM early_reports r
USING unnest($1::uuid[], $2::integer[], $3::integer[], $4::text[]) AS k (campaign_id, chunk, attempt, part)
WHERE r.campaign_id = k.campaign_id AND r.chunk = k.chunk AND r.attempt = k.attempt AND r.part = k.part
RETURNING r.campaign_id::text, r.chunk, r.attempt, r.part, r.recipient::text, r.rank, r.reported_at, r.status,
          r.provider_status, r.code, r.parts, r.batch_id
"""


async def keep(connection: Connection, reported: Mapping[BatchKey, Mapping[str, FactRow]]) -> None:
    """Keep the greatest report of each, until its offer is made."""
    rows = [
        (*key, int(recipient), height.rank, at, *words[:2], words.code, words.parts, words.batch_id)
        for key, facts in reported.items()
        for recipient, (height, at, words) in facts.items()
    ]
    if rows:
        await connection.execute(KEEP, *(list(column) for column in zip(*rows, strict=True)))


async def take(
    connection: Connection, keys: Collection[BatchKey], delivered_rank: int
) -> dict[BatchKey, dict[str, FactRow]]:
    """Take out what waited for these offers."""
    found: dict[BatchKey, dict[str, FactRow]] = {}
    for row in await connection.fetch(TAKE, *columns(list(keys))) if keys else ():
        key, (recipient, rank, at, *words) = BatchKey(*row[:4]), row[4:]
        height = Height(rank == delivered_rank, key.attempt, key.part, rank)
        found.setdefault(key, {})[recipient] = height, at, Words(*words)
    return found
