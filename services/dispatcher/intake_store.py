"""The ledger's side of the log: what records say and the next offsets, in one transaction."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass

from contracts.events import CampaignCancelled, CampaignPaused, ConsentEvent
from contracts.identity import Reference
from infra.kafka.log import Partition
from infra.postgres.offsets import Offsets, Step, Stored
from infra.postgres.pool import Connection, Pool
from services.dispatcher.consent_store import take_in_consent
from services.dispatcher.keys import columns, reference_of
from services.dispatcher.plan import BLOCKED_BY_REPORT as BLOCK
from services.dispatcher.taken import Taken

OFFSETS = Offsets("dispatch.offsets")
PRIORITY_SECONDS = 600
"""What one step of priority is worth: it passes what has waited less long than that, so nothing starves."""


@dataclass(frozen=True, slots=True)
class FollowUp:
    """A failure that may pass, newly noted. `due_in` None: given up, and `why`."""

    reference: Reference
    recipient: str
    due_at: str
    why: str


@dataclass(slots=True)
class Noted:
    """What must be said in the log before the transaction commits; `replies` that changed what their number wants."""

    recovered: list[tuple[Reference, str]]
    follow_ups: list[FollowUp]
    replies: list[ConsentEvent]


Say = Callable[[Noted], Awaitable[None]]


class IntakeStore:
    """Schema `dispatch`, the side of the log.

    `rate`: recipients a second, for the order among chunks; `first_look`: seconds from the discovery of an accepted batch
    until its reports are asked for.
    """

    def __init__(self, pool: Pool, rate: float, first_look: float) -> None:
        self._pool = pool
        self._rate = rate
        self._first_look = first_look

    async def load_offsets(self, partitions: Sequence[Partition]) -> dict[Partition, Stored]:
        """The next offset to take in of each partition, with the mark of the record before it."""
        async with self._pool.acquire() as connection, connection.transaction():
            return await OFFSETS.load(connection, partitions)

    async def skip(self, gaps: Mapping[Partition, Step]) -> None:
        """Go on behind gaps of the log that an operator accepted."""
        async with self._pool.acquire() as connection, connection.transaction():
            await OFFSETS.move(connection, gaps)

    async def take_in(self, taken: Taken, steps: Mapping[Partition, Step], say: Say) -> None:
        """What was taken and the offsets that move with it together.

        `say` is called before the commit: what it appends has derived ids, so a crash in between says it twice and
        never not at all.
        """
        async with self._pool.acquire() as connection, connection.transaction():
            await OFFSETS.move(connection, steps)
            await self._add_requests(connection, taken)
            await _decide(connection, taken)
            replies = await take_in_consent(connection, taken.consent)
            await _doubt_unknown(connection, taken)
            await _add_orphans(connection, taken)
            proven = await _proven(connection, taken, self._first_look)
            noted = Noted(proven, await _follow_ups(connection, taken), replies)
            if taken.blocked:
                await connection.execute(BLOCK, *columns(taken.blocked), list(taken.blocked.values()))
            if noted.recovered or noted.follow_ups or noted.replies:
                await say(noted)

    async def _add_requests(self, connection: Connection, taken: Taken) -> None:
        if not taken.requests:
            return
        events = [event for event, _ in taken.requests.values()]
        by_campaign = {event.campaign_id: event for event in sorted(events, key=lambda event: event.campaign_id)}
        await connection.executemany(
            ADD_CAMPAIGN,
            [
                (e.campaign_id, e.chunks, e.priority, e.delivery_policy, e.retry_delays, e.expire_at)
                for e in by_campaign.values()
            ],
        )
        ids, numbers = zip(*taken.requests, strict=True)
        rows = await connection.fetch(ADD_CHUNKS, ids, numbers, [raw for _, raw in taken.requests.values()])
        new = [taken.requests[row["campaign_id"], row["chunk"]][0] for row in rows]
        await connection.execute(
            ADD_BATCHES,
            [e.campaign_id for e in new],
            [e.chunk for e in new],
            [e.send_at for e in new],
            [e.chunk * len(e.recipients) / self._rate - PRIORITY_SECONDS * e.priority for e in new],
        )
        await connection.execute(COUNT_ARRIVED, [e.campaign_id for e in new])


ADD_CAMPAIGN = """
INSERT INTO dispatch.campaigns AS c (campaign_id, chunks, arrived, priority, delivery_policy, retry_delays, expire_at)
VALUES ($1, $2, 0, $3, $4, $5, $6::text::timestamptz)
ON CONFLICT (campaign_id) DO UPDATE SET chunks = excluded.chunks, priority = excluded.priority,
    delivery_policy = excluded.delivery_policy, retry_delays = excluded.retry_delays, expire_at = excluded.expire_at
WHERE c.chunks = 0
"""

ADD_CHUNKS = """
INSERT INTO dispatch.chunks (campaign_id, chunk, request, attempts)
SELECT *, 1 FROM unnest($1::uuid[], $2::integer[], $3::bytea[])
ON CONFLICT DO NOTHING RETURNING campaign_id::text, chunk
"""

ADD_BATCHES = """
INSERT INTO dispatch.batches (campaign_id, chunk, attempt, state, due_at, rank_at)
SELECT campaign_id, chunk, 1, 'due', due_at, due_at + lag * interval '1 second'
FROM unnest($1::uuid[], $2::integer[], $3::text[], $4::float8[]) AS n (campaign_id, chunk, send_at, lag)
CROSS JOIN LATERAL (SELECT greatest(now(), send_at::timestamptz) AS due_at) d
"""
"""The chunks of one campaign are ranked as far apart as the rate sends them, so that a later, smaller campaign finds
its place among them instead of behind them."""

COUNT_ARRIVED = """
WITH locked AS (SELECT campaign_id FROM dispatch.campaigns WHERE campaign_id = ANY ($1::uuid[])
                ORDER BY campaign_id FOR UPDATE)
UPDATE dispatch.campaigns c SET arrived = c.arrived + n.chunks
FROM locked JOIN (SELECT id AS campaign_id, count(*) AS chunks FROM unnest($1::uuid[]) AS id GROUP BY id) n
     USING (campaign_id)
WHERE c.campaign_id = locked.campaign_id
"""

DECIDE = """
INSERT INTO dispatch.campaigns AS c (campaign_id, chunks, arrived, paused, cancelled, cancelled_by, decided_at, decided_by)
VALUES ($1, 0, 0, $2, $3, $4, $5::text::timestamptz, $6)
ON CONFLICT (campaign_id) DO UPDATE SET
    paused = CASE WHEN later THEN excluded.paused ELSE c.paused END,
    cancelled = c.cancelled OR excluded.cancelled,
    cancelled_by = CASE WHEN excluded.cancelled AND NOT c.cancelled THEN excluded.cancelled_by ELSE c.cancelled_by END,
    decided_at = greatest(c.decided_at, excluded.decided_at),
    decided_by = CASE WHEN later THEN excluded.decided_by ELSE c.decided_by END
""".replace(
    "later", "(excluded.decided_at, excluded.decided_by) > (c.decided_at, coalesce(c.decided_by, excluded.decided_by))"
)


async def _decide(connection: Connection, taken: Taken) -> None:
    """Pause, resume and cancel: the row is locked by every claim of the campaign, so the two have one order."""
    for event in sorted(taken.decisions, key=lambda event: event.campaign_id):
        cancelled = isinstance(event, CampaignCancelled)
        by = event.actor if cancelled else ""
        paused = isinstance(event, CampaignPaused)
        await connection.execute(DECIDE, event.campaign_id, paused, cancelled, by, event.occurred_at, event.event_id)


DOUBT_UNKNOWN = """
UPDATE dispatch.batches SET state = 'in_doubt', owner = NULL, claims = $5, attempted_at = $6::text::timestamptz,
    next_look_at = now()
WHERE campaign_id = $1 AND chunk = $2 AND attempt = $3 AND part = $4 AND claims < $5
  AND state IN ('due', 'attempting', 'in_doubt')
"""

ADD_UNKNOWN = """
INSERT INTO dispatch.batches (campaign_id, chunk, attempt, part, state, reason, due_at, rank_at, recipients, claims,
                              attempted_at, next_look_at)
SELECT $1, $2, $3, $4, 'in_doubt', $7, now(), now(), $8, $5, $6::text::timestamptz, now()
WHERE EXISTS (SELECT FROM dispatch.chunks WHERE campaign_id = $1 AND chunk = $2)
ON CONFLICT DO NOTHING
"""

RAISE_ATTEMPTS = "UPDATE dispatch.chunks SET attempts = greatest(attempts, $3) WHERE campaign_id = $1 AND chunk = $2"


async def _doubt_unknown(connection: Connection, taken: Taken) -> None:
    """An attempt in the log that the ledger does not know (it is a restored backup) is in doubt, never due."""
    keys = [Reference(e.campaign_id, e.chunk, e.attempt, e.part) for e in taken.attempts]
    rows = await connection.fetch(KNOWN_CLAIMS, *columns(keys)) if keys else []
    claims = {reference_of(row): row["claims"] for row in rows}
    for event, reference in zip(taken.attempts, keys, strict=True):
        known = claims.get(reference)
        if known is not None and known >= event.claim:
            continue
        key = event.campaign_id, event.chunk, event.attempt, event.part
        await connection.execute(DOUBT_UNKNOWN, *key, event.claim, event.occurred_at)
        if known is None:
            more = event.claim, event.occurred_at, event.reason, event.recipients
            await connection.execute(ADD_UNKNOWN, *key, *more)
            await connection.execute(RAISE_ATTEMPTS, event.campaign_id, event.chunk, event.attempt)


KNOWN_CLAIMS = """
SELECT b.campaign_id::text, b.chunk, b.attempt, b.part, b.claims
FROM unnest($1::uuid[], $2::integer[], $3::integer[], $4::text[]) AS n (campaign_id, chunk, attempt, part)
JOIN dispatch.batches b ON b.campaign_id = n.campaign_id AND b.chunk = n.chunk AND b.attempt = n.attempt AND b.part = n.part
"""

ADD_ORPHANS = """
INSERT INTO dispatch.orphans (event_id, batch_id, report)
SELECT * FROM unnest($1::uuid[], $2::text[], $3::bytea[]) ON CONFLICT DO NOTHING
"""


async def _add_orphans(connection: Connection, taken: Taken) -> None:
    if taken.orphans:
        events = [event for event, _ in taken.orphans]
        raws = [raw for _, raw in taken.orphans]
        await connection.execute(ADD_ORPHANS, [e.event_id for e in events], [e.batch_id for e in events], raws)


ANY_DOUBT = "SELECT EXISTS (SELECT FROM dispatch.batches WHERE state = 'in_doubt')"

PROVEN = """
UPDATE dispatch.batches b SET state = 'accepted', batch_id = n.batch_id, accepted_at = now(),
    next_look_at = now() + $6 * interval '1 second'
FROM unnest($1::uuid[], $2::integer[], $3::integer[], $4::text[], $5::text[]) AS n (campaign_id, chunk, attempt, part, batch_id)
WHERE b.campaign_id = n.campaign_id AND b.chunk = n.chunk AND b.attempt = n.attempt AND b.part = n.part
  AND b.state = 'in_doubt'
RETURNING b.campaign_id::text, b.chunk, b.attempt, b.part, b.batch_id
"""


async def _proven(connection: Connection, taken: Taken, first_look: float) -> list[tuple[Reference, str]]:
    """Any report with an offer's reference proves that Sinch has it."""
    if not taken.reported or not await connection.fetchval(ANY_DOUBT):
        return []
    rows = await connection.fetch(PROVEN, *columns(taken.reported), list(taken.reported.values()), first_look)
    return [(reference_of(row), row["batch_id"]) for row in rows]


FOLLOW = """
WITH new AS (
    INSERT INTO dispatch.follow_ups AS f (campaign_id, recipient, chunk, attempt, due_at)
    SELECT n.campaign_id, n.recipient, n.chunk, n.attempt, now()
    FROM unnest($1::uuid[], $2::text[], $3::integer[], $4::integer[]) AS n (campaign_id, recipient, chunk, attempt)
    JOIN dispatch.campaigns c USING (campaign_id)
    WHERE cardinality(c.retry_delays) > 0 AND NOT EXISTS (
        SELECT FROM dispatch.batches b WHERE b.campaign_id = n.campaign_id AND b.chunk = n.chunk
            AND b.attempt > n.attempt AND b.state <> 'absent'
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

CALL_OFF = """
UPDATE dispatch.follow_ups f SET done = true FROM unnest($1::uuid[], $2::text[]) AS n (campaign_id, recipient)
WHERE f.campaign_id = n.campaign_id AND f.recipient = n.recipient AND NOT f.done
"""
ANY_FOLLOW_UP = "SELECT EXISTS (SELECT FROM dispatch.follow_ups WHERE NOT done)"


async def _follow_ups(connection: Connection, taken: Taken) -> list[FollowUp]:
    """Failures that may pass, of campaigns that want another try: noted once, with when; a delivery calls them off."""
    if taken.delivered and await connection.fetchval(ANY_FOLLOW_UP):
        campaigns, recipients = zip(*taken.delivered, strict=True)
        await connection.execute(CALL_OFF, campaigns, recipients)
    failed = [e for e in taken.failed if (e.campaign_id, e.recipient) not in taken.delivered]
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
