"""What will not be offered any more: expired, or cancelled. What Sinch has already: see services/dispatcher/cancelling.py."""

from collections.abc import Callable
from dataclasses import dataclass

import asyncpg

from infra.kafka.log import Entry
from infra.postgres.pool import Pool
from infra.process.world import World
from services.dispatcher import ends, offers
from services.dispatcher.ends import NAMED
from services.dispatcher.keys import columns, reference_of
from services.dispatcher.say import Voice

LOOK_SECONDS = 0.3
SEARCH_SECONDS = 60.0
MOST_AT_ONCE = 200
MOST_FOLLOW_UPS = 5_000

_ROWS = f"""
SELECT b.campaign_id::text, b.chunk, b.attempt, b.part, c.cancelled_by AS actor, {NAMED}
FROM dispatch.batches b JOIN dispatch.campaigns c USING (campaign_id) JOIN dispatch.chunks k USING (campaign_id, chunk)
WHERE b.state = 'due'
"""
_LIMIT = " LIMIT $1 FOR UPDATE OF b SKIP LOCKED"

EXPIRED = f"{_ROWS} AND c.expire_at <= now() AND NOT c.cancelled"
CANCELLED = f"{_ROWS} AND c.cancelled"
LATELY_EXPIRED = f"{EXPIRED} AND c.expire_at > now() - interval '30 days' {_LIMIT}"
BEING_CANCELLED = f"{CANCELLED} AND NOT c.cancel_done {_LIMIT}"
"""Nearly all, found by way of their campaigns."""
LONG_EXPIRED = f"{EXPIRED} {_LIMIT}"
LONG_CANCELLED = f"{CANCELLED} {_LIMIT}"
"""All, found by way of the due rows, which may be many: looked for now and then. So nothing stays due for ever."""

END = """
UPDATE dispatch.batches b SET state = $5
FROM unnest($1::uuid[], $2::integer[], $3::integer[], $4::text[]) AS n (campaign_id, chunk, attempt, part)
WHERE b.campaign_id = n.campaign_id AND b.chunk = n.chunk AND b.attempt = n.attempt AND b.part = n.part
"""

DONE = """
UPDATE dispatch.campaigns c SET cancel_done = true
WHERE c.cancelled AND NOT c.cancel_done AND c.chunks > 0 AND c.arrived >= c.chunks AND NOT EXISTS (
    SELECT FROM dispatch.batches b WHERE b.campaign_id = c.campaign_id
    AND (b.state IN ('due', 'attempting', 'in_doubt') OR (b.state = 'accepted' AND NOT b.cancel_asked)))
  AND NOT EXISTS (SELECT FROM dispatch.follow_ups f WHERE f.campaign_id = c.campaign_id AND NOT f.done)
"""


@dataclass(frozen=True, slots=True)
class TakingBack:
    """Ends due rows that must not be offered."""

    pool: Pool
    voice: Voice
    world: World

    async def run(self) -> None:
        """Look for ever."""
        searched = float("-inf")
        while True:
            await self._end(LATELY_EXPIRED, "expired", self._expired)
            await self._end(BEING_CANCELLED, "cancelled", self._cancelled)
            if self.world.clock.boot() - searched >= SEARCH_SECONDS:
                searched = self.world.clock.boot()
                await self._end(LONG_EXPIRED, "expired", self._expired)
                await self._end(LONG_CANCELLED, "cancelled", self._cancelled)
            await self._end_follow_ups()
            await self.pool.execute(DONE)
            await self.world.clock.sleep(LOOK_SECONDS)

    async def _end(self, sql: str, state: str, say: Callable[[asyncpg.Record], Entry]) -> None:
        """Said in the log before it is settled, in one transaction that keeps the rows from every claim."""
        async with self.pool.acquire() as connection, connection.transaction():
            rows = await connection.fetch(sql, MOST_AT_ONCE)
            if rows:
                await self.voice.say(*map(say, rows))
                self.world.at("taken_back.said")
                await connection.execute(END, *columns(map(reference_of, rows)), state)

    async def _end_follow_ups(self) -> None:
        """Those that wait for their time end as their failures: said, then settled, as offers are."""
        async with self.pool.acquire() as connection, connection.transaction():
            rows = await connection.fetch(ends.OF_CANCELLED, MOST_FOLLOW_UPS)
            if rows:
                await self.voice.say(*ends.given_up(rows, self.world.clock.wall()))
                ids, recipients = [r["campaign_id"] for r in rows], [r["recipient"] for r in rows]
                await connection.execute(ends.DONE, ids, recipients, [r["attempt"] for r in rows])

    def _expired(self, row: asyncpg.Record) -> Entry:
        why = "expire_at had passed before it could be sent"
        return offers.expired(reference_of(row), why, self.world.clock.wall(), row["named"])

    def _cancelled(self, row: asyncpg.Record) -> Entry:
        return offers.cancelled(reference_of(row), row["actor"], self.world.clock.wall(), named=row["named"])
