"""Offers that the log knows and the ledger does not, or not so far: in doubt, never due; and what each of them ended."""

from collections.abc import Mapping

from contracts import events as e
from contracts.identity import Reference
from infra.postgres.pool import Connection
from services.dispatcher.from_log.facts import Standing, Sum, is_unknown
from services.dispatcher.from_log.rows import OPEN, lock, recipients_of
from services.dispatcher.keys import columns, key

RAISE = """
UPDATE dispatch.chunks k SET attempts = greatest(k.attempts, n.attempt)
FROM (SELECT campaign_id, chunk, max(attempt) AS attempt FROM unnest($1::uuid[], $2::integer[], $3::integer[])
           AS u (campaign_id, chunk, attempt) GROUP BY campaign_id, chunk) n
WHERE k.campaign_id = n.campaign_id AND k.chunk = n.chunk
"""

ATTEMPTED = """
INSERT INTO dispatch.batches AS b (campaign_id, chunk, attempt, part, state, reason, due_at, rank_at, recipients, claims,
                                   attempted_at, next_look_at, follows)
SELECT campaign_id, chunk, attempt, part, 'in_doubt', reason, now(), now(), string_to_array(recipients, ','), claim,
       attempted_at::timestamptz, now(), follows
FROM unnest($1::uuid[], $2::integer[], $3::integer[], $4::text[], $5::text[], $6::text[], $7::bigint[], $8::text[],
            $9::integer[]) AS n (campaign_id, chunk, attempt, part, reason, recipients, claim, attempted_at, follows)
ON CONFLICT (campaign_id, chunk, attempt, part) DO UPDATE SET
    state = CASE WHEN b.state = 'accepted' THEN b.state ELSE 'in_doubt' END, owner = NULL, looks = 0, said = NULL,
    next_look_at = CASE WHEN b.state = 'accepted' THEN b.next_look_at ELSE now() END,
    reason = excluded.reason, recipients = excluded.recipients, claims = excluded.claims,
    attempted_at = excluded.attempted_at, follows = excluded.follows
WHERE b.claims < excluded.claims
"""

FOLLOWS_FAILURES = """
SELECT coalesce(max(n), 1)::integer FROM (SELECT count(*) AS n FROM dispatch.follow_ups
    WHERE campaign_id = $1 AND attempt < $2 AND recipient = ANY ($3::text[]) GROUP BY recipient) c
"""
FOLLOWS_AS = """
SELECT follows FROM dispatch.batches WHERE campaign_id = $1 AND chunk = $2 AND (attempt, part) < ($3, $4)
AND (recipients IS NULL OR recipients && $5::text[]) ORDER BY attempt DESC, part DESC LIMIT 1
"""

REPLACED = """
SELECT attempt FROM dispatch.batches WHERE campaign_id = $1 AND chunk = $2 AND attempt < $3 AND part = $4 AND follows = $5
AND state IN ('due', 'attempting', 'in_doubt') AND (recipients IS NULL OR recipients && $6::text[])
"""

END = """
UPDATE dispatch.batches b SET state = CASE WHEN b.state = 'attempting' THEN b.state ELSE n.state END,
    said = CASE WHEN b.state = 'attempting' THEN n.state ELSE b.said END
FROM unnest($1::uuid[], $2::integer[], $3::integer[], $4::text[], $5::text[]) AS n (campaign_id, chunk, attempt, part, state)
WHERE b.campaign_id = n.campaign_id AND b.chunk = n.chunk AND b.attempt = n.attempt AND b.part = n.part
  AND b.state IN ('due', 'attempting', 'in_doubt')
"""
"""An attempting row is its owner's, who is about to say the same; when he dies, what the log said holds."""

HALF = """
INSERT INTO dispatch.batches (campaign_id, chunk, attempt, part, state, reason, due_at, rank_at, recipients, follows)
VALUES ($1, $2, $3, $4, 'due', 'split', now(), $5, $6, $7) ON CONFLICT DO NOTHING
"""

FOLLOWED = """
WITH open AS (
    SELECT campaign_id, recipient, attempt FROM dispatch.follow_ups
    WHERE campaign_id = $1 AND attempt < $2 AND recipient = ANY ($3::text[]) AND NOT done
    ORDER BY campaign_id, recipient, attempt FOR UPDATE
)
UPDATE dispatch.follow_ups f SET done = true FROM open o
WHERE f.campaign_id = o.campaign_id AND f.recipient = o.recipient AND f.attempt = o.attempt
"""


async def raise_attempts(connection: Connection, total: Sum, standings: Mapping[Reference, Standing]) -> None:
    """A number that stands in the log is never given out again."""
    unknown = [reference for reference in total.named if standings[reference].state is None]
    if unknown:
        campaigns, chunks, attempts, _ = columns(unknown)
        await connection.execute(RAISE, campaigns, chunks, attempts)


async def take_attempts(connection: Connection, total: Sum, standings: Mapping[Reference, Standing]) -> set[Reference]:
    """Note attempts that the ledger does not know. Gives the offers that are in doubt because of it."""
    unknown = {r: event for r, event in total.attempts.items() if is_unknown(event, standings[r])}
    first = [r for r, event in unknown.items() if event.reason == "first"]
    await lock(connection, unknown)
    await _attempted(connection, {r: (unknown[r], 0) for r in first})
    for reference in sorted(set(unknown).difference(first), key=key):  # each after the one that it came from
        await _take_one(connection, reference, unknown[reference])
    return set(unknown)


async def _attempted(connection: Connection, some: Mapping[Reference, tuple[e.SendAttempted, int]]) -> None:
    if some:
        events = [event for event, _ in some.values()]
        await connection.execute(
            ATTEMPTED,
            *columns(some),
            [event.reason for event in events],
            [",".join(event.recipients) for event in events],
            [event.claim for event in events],
            [event.occurred_at for event in events],
            [follows for _, follows in some.values()],
        )


async def _take_one(connection: Connection, reference: Reference, event: e.SendAttempted) -> None:
    r, recipients = reference, event.recipients
    if r.part:
        await split_before(connection, r)
    if event.reason == "follow_up":
        follows = await connection.fetchval(FOLLOWS_FAILURES, r.campaign_id, r.attempt, recipients)
        await connection.execute(FOLLOWED, r.campaign_id, r.attempt, recipients)
    else:
        follows = await connection.fetchval(FOLLOWS_AS, *key(r), recipients) or 0
    await _attempted(connection, {r: (event, follows)})
    if event.reason == "absent":
        rows = await connection.fetch(REPLACED, *key(r), follows, recipients)
        before = [Reference(r.campaign_id, r.chunk, row["attempt"], r.part) for row in rows]
        await end(connection, dict.fromkeys(before, "absent"))


async def split_before(connection: Connection, reference: Reference) -> None:
    """A part is named, so what it is a part of was split: both halves exist, also the one of which nothing was said yet."""
    r = reference
    whole = Reference(r.campaign_id, r.chunk, r.attempt, r.part[:-1])
    if whole.part:
        await split_before(connection, whole)
    row = (await lock(connection, [whole])).get(whole)
    if row is None or row["state"] not in (*OPEN, "split"):
        return
    recipients = await recipients_of(connection, whole, row)
    middle = len(recipients) // 2
    for part, half in ((whole.part + "a", recipients[:middle]), (whole.part + "b", recipients[middle:])):
        await connection.execute(HALF, r.campaign_id, r.chunk, r.attempt, part, row["rank_at"], half, row["follows"])
    await end(connection, {whole: "split"})


async def end(connection: Connection, states: Mapping[Reference, str]) -> None:
    """These offers ended so, as far as they are open."""
    if states:
        await lock(connection, states)
        await connection.execute(END, *columns(states), list(states.values()))
