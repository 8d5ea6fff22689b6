"""Rows of the ledger, locked for what the log says of them.

The reader of the log never waits for a row's lock while it holds others: a settlement takes many rows in an order of its
own, and each would wait for the other. It tries again until whoever has the row is done, which takes milliseconds.
"""

import asyncio
from collections.abc import Collection

import asyncpg
import msgspec

from contracts.identity import Reference
from infra.postgres.pool import Connection
from services.dispatcher.keys import columns, reference_of

TRIES, PAUSE_SECONDS = 3_000, 0.01
"""Half a minute, longer than whoever says something in the log before it commits; then the reader starts again."""
OPEN = ("due", "attempting", "in_doubt")
Row = asyncpg.Record

LOCK = """
SELECT b.campaign_id::text, b.chunk, b.attempt, b.part, b.state, b.claims, b.reason, b.follows, b.recipients, b.rank_at
FROM unnest($1::uuid[], $2::integer[], $3::integer[], $4::text[]) AS n (campaign_id, chunk, attempt, part)
JOIN dispatch.batches b ON b.campaign_id = n.campaign_id AND b.chunk = n.chunk AND b.attempt = n.attempt
     AND b.part = n.part
FOR UPDATE OF b SKIP LOCKED
"""
COUNT = """
SELECT count(*) FROM unnest($1::uuid[], $2::integer[], $3::integer[], $4::text[]) AS n (campaign_id, chunk, attempt, part)
JOIN dispatch.batches b ON b.campaign_id = n.campaign_id AND b.chunk = n.chunk AND b.attempt = n.attempt
     AND b.part = n.part
"""


class RowBusy(Exception):  # noqa: N818  named by what it says
    """A row of the ledger stayed locked by another session."""


async def lock(
    connection: Connection, references: Collection[Reference], *, all_of_them: bool = True
) -> dict[Reference, Row]:
    """The rows of these offers, ours until the commit. Without `all_of_them`, those that nobody has at the moment."""
    found: dict[Reference, Row] = {}
    wanted = list(references)
    for _ in range(TRIES):
        if not wanted:
            return found
        found |= {reference_of(row): row for row in await connection.fetch(LOCK, *columns(wanted))}
        wanted = [reference for reference in wanted if reference not in found]
        if not all_of_them or not wanted or not await connection.fetchval(COUNT, *columns(wanted)):
            return found
        await asyncio.sleep(PAUSE_SECONDS)
    raise RowBusy(f"rows of the ledger stayed locked, among them {wanted[0]}")


REQUEST = "SELECT request FROM dispatch.chunks WHERE campaign_id = $1 AND chunk = $2"


class _Recipients(msgspec.Struct):
    """Of CampaignRequested, what is needed here."""

    recipients: list[str]


async def recipients_of(connection: Connection, reference: Reference, row: Row) -> list[str]:
    """Who is in the offer: those of the row, or all of the chunk."""
    named: list[str] | None = row["recipients"]
    if named is not None:
        return named
    raw = await connection.fetchval(REQUEST, reference.campaign_id, reference.chunk)
    return msgspec.json.decode(raw, type=_Recipients).recipients
