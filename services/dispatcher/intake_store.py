"""The ledger's side of the log: what records say and the next offsets, in one transaction."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass

from contracts.events import CampaignCancelled, CampaignPaused, ConsentDecision
from contracts.identity import Reference
from infra.kafka.log import Partition
from infra.postgres.offsets import Offsets, Step, Stored
from infra.postgres.pool import Connection, Pool
from services.dispatcher.consent_store import take_in_consent
from services.dispatcher.from_log.facts import ChunkKey
from services.dispatcher.from_log.follow_ups import FollowUp
from services.dispatcher.from_log.take_in import take_facts
from services.dispatcher.keys import columns
from services.dispatcher.plan import BLOCKED_BY_REPORT as BLOCK
from services.dispatcher.taken import Taken

OFFSETS = Offsets("dispatch.offsets")
PRIORITY_SECONDS = 600
"""What one step of priority is worth: it passes what has waited less long than that, so nothing starves."""


@dataclass(slots=True)
class Noted:
    """What must be said in the log before the transaction commits; `replies` that changed what their number wants."""

    recovered: list[tuple[Reference, str]]
    follow_ups: list[FollowUp]
    replies: list[ConsentDecision]


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
            new = await self._add_requests(connection, taken)
            await _decide(connection, taken)
            replies = await take_in_consent(connection, taken.consent)
            await _add_orphans(connection, taken)
            learned = await take_facts(connection, taken.facts, new, self._first_look)
            noted = Noted(learned.recovered, learned.follow_ups, replies)
            if taken.blocked:
                await connection.execute(BLOCK, *columns(taken.blocked), list(taken.blocked.values()))
            if noted.recovered or noted.follow_ups or noted.replies:
                await say(noted)

    async def _add_requests(self, connection: Connection, taken: Taken) -> list[ChunkKey]:
        """Chunks that are new become due offers; gives which."""
        if not taken.requests:
            return []
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
        return [(e.campaign_id, e.chunk) for e in new]


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
INSERT INTO dispatch.campaigns AS c (campaign_id, chunks, arrived, paused, cancelled, cancelled_by, decided_at, decided_by, decision)
VALUES ($1, 0, 0, $2, $3, $4, $5::text::timestamptz, $6, $7)
ON CONFLICT (campaign_id) DO UPDATE SET
    paused = CASE WHEN later THEN excluded.paused ELSE c.paused END,
    cancelled = c.cancelled OR excluded.cancelled,
    cancelled_by = CASE WHEN excluded.cancelled AND NOT c.cancelled THEN excluded.cancelled_by ELSE c.cancelled_by END,
    decided_at = CASE WHEN later THEN excluded.decided_at ELSE c.decided_at END,
    decided_by = CASE WHEN later THEN excluded.decided_by ELSE c.decided_by END,
    decision = greatest(c.decision, excluded.decision)
""".replace(
    "later",
    "(excluded.decision, excluded.decided_at, excluded.decided_by)"
    " > (c.decision, c.decided_at, coalesce(c.decided_by, excluded.decided_by))",
)


async def _decide(connection: Connection, taken: Taken) -> None:
    """Pause, resume and cancel: the row is locked by every claim of the campaign, so the two have one order."""
    for event in sorted(taken.decisions, key=lambda event: event.campaign_id):
        cancelled = isinstance(event, CampaignCancelled)
        by = event.actor if cancelled else ""
        paused = isinstance(event, CampaignPaused)
        word = event.occurred_at, event.event_id, event.decision
        await connection.execute(DECIDE, event.campaign_id, paused, cancelled, by, *word)


ADD_ORPHANS = """
INSERT INTO dispatch.orphans (event_id, batch_id, report)
SELECT * FROM unnest($1::uuid[], $2::text[], $3::bytea[]) ON CONFLICT DO NOTHING
"""


async def _add_orphans(connection: Connection, taken: Taken) -> None:
    if taken.orphans:
        events = [event for event, _ in taken.orphans]
        raws = [raw for _, raw in taken.orphans]
        await connection.execute(ADD_ORPHANS, [e.event_id for e in events], [e.batch_id for e in events], raws)
