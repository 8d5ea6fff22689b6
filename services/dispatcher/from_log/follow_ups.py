"""Failures that may pass, and what was said about following them up; a delivery calls them off for good."""

from collections.abc import Mapping
from dataclasses import dataclass

from contracts.identity import Reference
from infra.postgres.pool import Connection
from services.dispatcher.from_log.endings import remove
from services.dispatcher.from_log.facts import Standing, Sum, reference_in
from services.dispatcher.keys import reference_of


@dataclass(frozen=True, slots=True)
class FollowUp:
    """A failure that may pass, newly noted. `due_in` None: given up, and `why`."""

    reference: Reference
    recipient: str
    due_at: str
    why: str


SCHEDULED = """
INSERT INTO dispatch.follow_ups (campaign_id, recipient, chunk, attempt, due_at, done)
SELECT n.campaign_id, n.recipient, n.chunk, n.attempt, n.due_at::timestamptz, EXISTS (
    SELECT FROM dispatch.delivered d WHERE d.campaign_id = n.campaign_id AND d.recipient = n.recipient)
FROM unnest($1::uuid[], $2::text[], $3::integer[], $4::integer[], $5::text[])
     AS n (campaign_id, recipient, chunk, attempt, due_at)
ON CONFLICT DO NOTHING
"""
"""Ours are there already: noted in the transaction in which they were said."""

GIVEN_UP = """
INSERT INTO dispatch.follow_ups AS f (campaign_id, recipient, chunk, attempt, due_at, done)
SELECT *, now(), true FROM unnest($1::uuid[], $2::text[], $3::integer[], $4::integer[])
ON CONFLICT (campaign_id, recipient, attempt) DO UPDATE SET done = true WHERE NOT f.done
"""


async def take_said(connection: Connection, total: Sum) -> None:
    """What one of us said about follow-ups, for a ledger that does not know it."""
    if total.scheduled:
        some = dict.fromkeys(total.scheduled)
        await connection.execute(
            SCHEDULED,
            [r.campaign_id for r, _, _ in some],
            [recipient for _, recipient, _ in some],
            [r.chunk for r, _, _ in some],
            [r.attempt for r, _, _ in some],
            [due_at for _, _, due_at in some],
        )
    if total.given_up:
        ends = {(r.campaign_id, recipient, r.chunk, r.attempt) for r, recipient in total.given_up}
        await connection.execute(GIVEN_UP, *zip(*sorted(ends), strict=True))


DELIVERED = """
INSERT INTO dispatch.delivered SELECT * FROM unnest($1::uuid[], $2::text[]) ON CONFLICT DO NOTHING
"""

WAITING = """
SELECT b.campaign_id::text, b.chunk, b.attempt, b.part FROM unnest($1::uuid[], $2::integer[]) AS n (campaign_id, chunk)
JOIN dispatch.batches b USING (campaign_id, chunk) WHERE b.state = 'due' AND b.follows > 0
"""

CALL_OFF = """
WITH open AS (
    SELECT f.campaign_id, f.recipient, f.attempt FROM dispatch.follow_ups f
    JOIN unnest($1::uuid[], $2::text[]) AS n (campaign_id, recipient) USING (campaign_id, recipient)
    WHERE NOT f.done ORDER BY f.campaign_id, f.recipient, f.attempt FOR UPDATE OF f
)
UPDATE dispatch.follow_ups f SET done = true FROM open o
WHERE f.campaign_id = o.campaign_id AND f.recipient = o.recipient AND f.attempt = o.attempt
"""


async def take_deliveries(connection: Connection, total: Sum, standings: Mapping[Reference, Standing]) -> None:
    """Who got the message is not followed up any more: neither what was noted, nor what is due, nor what comes later."""
    told = [report for report in total.delivered if standings[reference_in(report)].retries]
    if not told:
        return
    some = sorted({(report.campaign_id or "", report.recipient) for report in told})
    campaigns, recipients = [campaign for campaign, _ in some], [recipient for _, recipient in some]
    await connection.execute(DELIVERED, campaigns, recipients)
    await connection.execute(CALL_OFF, campaigns, recipients)
    chunks = sorted({(report.campaign_id or "", report.chunk or 0) for report in told})
    for row in await connection.fetch(WAITING, [campaign for campaign, _ in chunks], [chunk for _, chunk in chunks]):
        reference = reference_of(row)
        got = {recipient for campaign, recipient in some if campaign == reference.campaign_id}
        await remove(connection, reference, got, "called_off", among=("due",))


FOLLOW = """
WITH new AS (
    INSERT INTO dispatch.follow_ups AS f (campaign_id, recipient, chunk, attempt, due_at)
    SELECT n.campaign_id, n.recipient, n.chunk, n.attempt, now()
    FROM unnest($1::uuid[], $2::text[], $3::integer[], $4::integer[]) AS n (campaign_id, recipient, chunk, attempt)
    JOIN dispatch.campaigns c USING (campaign_id)
    WHERE cardinality(c.retry_delays) > 0 AND NOT EXISTS (
        SELECT FROM dispatch.delivered d WHERE d.campaign_id = n.campaign_id AND d.recipient = n.recipient
    ) AND NOT EXISTS (
        SELECT FROM dispatch.batches b WHERE b.campaign_id = n.campaign_id AND b.chunk = n.chunk
            AND b.attempt > n.attempt AND b.state NOT IN ('absent', 'called_off')
            AND (b.recipients IS NULL OR n.recipient = ANY (b.recipients)))
    ON CONFLICT DO NOTHING RETURNING campaign_id, recipient, chunk, attempt
), planned AS (
    SELECT n.*, c.retry_delays[1 + before] AS delay, c.cancelled,
           c.expire_at IS NOT NULL AND now() + c.retry_delays[1 + before] * interval '1 second' >= c.expire_at AS late
    FROM new n JOIN dispatch.campaigns c USING (campaign_id)
    CROSS JOIN LATERAL (SELECT count(*)::integer AS before FROM dispatch.follow_ups o
                        WHERE o.campaign_id = n.campaign_id AND o.recipient = n.recipient) b
)
SELECT campaign_id::text, recipient, chunk, attempt, '' AS part,
       CASE WHEN cancelled THEN 'the campaign was cancelled' WHEN delay IS NULL THEN 'no attempt is left'
            WHEN late THEN 'the next attempt would come after expire_at' ELSE '' END AS why,
       to_char((now() + coalesce(delay, 0) * interval '1 second') AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"') AS due_at
FROM planned
"""

PLAN_FOLLOW = """
UPDATE dispatch.follow_ups f SET due_at = n.due_at::timestamptz, done = n.given_up
FROM unnest($1::uuid[], $2::text[], $3::integer[], $4::text[], $5::boolean[])
     AS n (campaign_id, recipient, attempt, due_at, given_up)
WHERE f.campaign_id = n.campaign_id AND f.recipient = n.recipient AND f.attempt = n.attempt
"""


async def take_failures(connection: Connection, total: Sum, standings: Mapping[Reference, Standing]) -> list[FollowUp]:
    """Failures that may pass, of campaigns that want another try: noted once, with when."""
    failed = [report for report in total.failed if standings[reference_in(report)].retries]
    if not failed:
        return []
    columns = ([getattr(e, name) for e in failed] for name in ("campaign_id", "recipient", "chunk", "attempt"))
    rows = await connection.fetch(FOLLOW, *columns)
    await connection.execute(
        PLAN_FOLLOW,
        [row["campaign_id"] for row in rows],
        [row["recipient"] for row in rows],
        [row["attempt"] for row in rows],
        [row["due_at"] for row in rows],
        [bool(row["why"]) for row in rows],
    )
    return [FollowUp(reference_of(row), row["recipient"], row["due_at"], row["why"]) for row in rows]
