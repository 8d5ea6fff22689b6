"""Follow-ups: failures that may pass, gathered for a while, are due again as the chunk's next attempt."""

from dataclasses import dataclass

import structlog

from infra.postgres.pool import Pool
from infra.process.world import World
from services.dispatcher import ends
from services.dispatcher.say import Voice

log = structlog.get_logger(__name__)

LOOK_SECONDS = 1.0
MOST_CHUNKS = 50

GATHERED = """
SELECT campaign_id, chunk FROM dispatch.follow_ups WHERE NOT done AND due_at <= now()
GROUP BY campaign_id, chunk HAVING min(due_at) <= now() - $1 * interval '1 second' LIMIT $2
"""

TAKE = """
WITH due AS (
    SELECT campaign_id, recipient, attempt FROM dispatch.follow_ups
    WHERE campaign_id = $1 AND chunk = $2 AND NOT done AND due_at <= now()
    ORDER BY campaign_id, recipient, attempt FOR UPDATE
)
UPDATE dispatch.follow_ups f SET done = true FROM due d
WHERE f.campaign_id = d.campaign_id AND f.recipient = d.recipient AND f.attempt = d.attempt
RETURNING f.campaign_id::text, f.recipient, f.chunk, f.attempt, $3::text AS why, EXISTS (
    SELECT FROM dispatch.delivered o WHERE o.campaign_id = f.campaign_id AND o.recipient = f.recipient) AS delivered
"""

ALLOT = "UPDATE dispatch.chunks SET attempts = attempts + 1 WHERE campaign_id = $1 AND chunk = $2 RETURNING attempts"

FOLLOWS = """
SELECT max(n) FROM (SELECT count(*) AS n FROM dispatch.follow_ups
                    WHERE campaign_id = $1 AND recipient = ANY ($2::text[]) GROUP BY recipient) c
"""

OFFER = """
INSERT INTO dispatch.batches (campaign_id, chunk, attempt, state, reason, due_at, rank_at, recipients, follows)
SELECT $1, $2, $3, 'due', 'follow_up', now(), now() - c.priority * 600 * interval '1 second', $4, $5
FROM dispatch.campaigns c WHERE c.campaign_id = $1
"""


@dataclass(frozen=True, slots=True)
class FollowUps:
    """Makes due follow-ups into offers. `gather`: seconds that they wait for others of their chunk."""

    pool: Pool
    voice: Voice
    world: World
    gather: float

    async def run(self) -> None:
        """Look for ever."""
        while True:
            for row in await self.pool.fetch(GATHERED, self.gather, MOST_CHUNKS):
                await self.offer(str(row["campaign_id"]), row["chunk"])
            await self.world.clock.sleep(LOOK_SECONDS)

    async def offer(self, campaign_id: str, chunk: int) -> None:
        """One transaction: the chunk's due follow-ups are taken and a new attempt is due for exactly them.

        Of a campaign that is over meanwhile they end here, said in the log.
        """
        async with self.pool.acquire() as connection, connection.transaction():
            attempt = await connection.fetchval(ALLOT, campaign_id, chunk)  # locks the chunk: one replica at a time
            over = await connection.fetchval(ends.OVER, campaign_id)
            rows = await connection.fetch(TAKE, campaign_id, chunk, over)
            if over is not None:
                await self.voice.say(*ends.given_up(rows, self.world.clock.wall()))
                return
            recipients = sorted({row["recipient"] for row in rows if not row["delivered"]})
            if recipients:
                follows = await connection.fetchval(FOLLOWS, campaign_id, recipients)
                await connection.execute(OFFER, campaign_id, chunk, attempt, recipients, follows)
                log.info(
                    "follow_up_due", campaign_id=campaign_id, chunk=chunk, attempt=attempt, recipients=len(recipients)
                )
