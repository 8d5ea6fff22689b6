"""Whose end an event says, and follow-ups that end before they are offered."""

from collections import defaultdict
from collections.abc import Iterable
from datetime import datetime

import asyncpg

from contracts.identity import Reference
from infra.kafka.log import Entry
from infra.postgres.pool import Connection, Pool
from services.dispatcher import offers
from services.dispatcher.keys import key

NAMED = """
CASE WHEN b.attempt > 1 OR b.part <> '' THEN coalesce(b.recipients, ARRAY(
    SELECT json_array_elements_text(convert_from(k.request, 'UTF8')::json -> 'recipients'))) END AS named
"""
"""The recipients that the end of an offer `b` of chunk `k` has to name; NULL: none, it is the chunk's first offer, whole.

An offer that was never attempted stands in no SendAttempted, so no message has moved into it.
"""

OF = f"""
SELECT {NAMED} FROM dispatch.batches b JOIN dispatch.chunks k USING (campaign_id, chunk)
WHERE b.campaign_id = $1 AND b.chunk = $2 AND b.attempt = $3 AND b.part = $4
"""


async def named(connection: Connection | Pool, reference: Reference) -> list[str]:
    """Those whom the end of this offer has to name."""
    return await connection.fetchval(OF, *key(reference)) or []


OF_CANCELLED = """
SELECT f.campaign_id::text, f.chunk, f.attempt, f.recipient, 'the campaign was cancelled' AS why
FROM dispatch.campaigns c JOIN dispatch.follow_ups f USING (campaign_id)
WHERE c.cancelled AND NOT c.cancel_done AND NOT f.done
LIMIT $1 FOR UPDATE OF f SKIP LOCKED
"""
"""Follow-ups that wait, of cancelled campaigns. Those that are due are seen to where they would be offered."""

DONE = """
UPDATE dispatch.follow_ups f SET done = true
FROM unnest($1::uuid[], $2::text[], $3::integer[]) AS n (campaign_id, recipient, attempt)
WHERE f.campaign_id = n.campaign_id AND f.recipient = n.recipient AND f.attempt = n.attempt
"""

OVER = """
SELECT CASE WHEN cancelled THEN 'the campaign was cancelled' WHEN expire_at <= now() THEN 'expire_at has passed' END
FROM dispatch.campaigns WHERE campaign_id = $1
"""
"""Why nothing more of a campaign is offered; NULL: it goes on."""


def given_up(rows: Iterable[asyncpg.Record], now: datetime) -> list[Entry]:
    """FollowUpGivenUp, one for all of an attempt. Rows: campaign_id, chunk, attempt, recipient, why."""
    together = defaultdict[tuple[Reference, str], list[str]](list)
    for row in rows:
        reference = Reference(row["campaign_id"], row["chunk"], row["attempt"])
        together[reference, row["why"]].append(row["recipient"])
    return [
        offers.follow_up_given_up(reference, sorted(recipients), why, now)
        for (reference, why), recipients in together.items()
    ]
