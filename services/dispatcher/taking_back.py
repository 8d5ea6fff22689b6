"""What will not be offered any more: expired, or cancelled. What Sinch has already: see services/dispatcher/cancelling.py."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import structlog

from contracts.identity import Reference
from infra.kafka.log import Entry
from infra.postgres.pool import Pool
from infra.process.world import World
from services.dispatcher import offers
from services.dispatcher.keys import columns, reference_of
from services.dispatcher.say import Voice

log = structlog.get_logger(__name__)

LOOK_SECONDS = 0.3
MOST_AT_ONCE = 200

_ROW = "b.campaign_id::text, b.chunk, b.attempt, b.part"

EXPIRED = f"""
SELECT {_ROW}, '' AS actor FROM dispatch.batches b JOIN dispatch.campaigns c USING (campaign_id)
WHERE c.expire_at <= now() AND c.expire_at > now() - interval '30 days' AND NOT c.cancelled AND b.state = 'due'
LIMIT $1 FOR UPDATE OF b SKIP LOCKED
"""

CANCELLED = f"""
SELECT {_ROW}, c.cancelled_by AS actor FROM dispatch.batches b JOIN dispatch.campaigns c USING (campaign_id)
WHERE c.cancelled AND NOT c.cancel_done AND b.state = 'due'
LIMIT $1 FOR UPDATE OF b SKIP LOCKED
"""

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
"""


@dataclass(frozen=True, slots=True)
class TakingBack:
    """Ends due rows that must not be offered."""

    pool: Pool
    voice: Voice
    world: World

    async def run(self) -> None:
        """Look for ever."""
        while True:
            await self._end(EXPIRED, "expired", self._expired)
            await self._end(CANCELLED, "cancelled", self._cancelled)
            await self.pool.execute(DONE)
            await self.world.clock.sleep(LOOK_SECONDS)

    async def _end(self, sql: str, state: str, say: Callable[[Reference, str], Entry]) -> None:
        """Said in the log before it is settled, in one transaction that keeps the rows from every claim."""
        async with self.pool.acquire() as connection, connection.transaction():
            rows = await connection.fetch(sql, MOST_AT_ONCE)
            if rows:
                references = [reference_of(row) for row in rows]
                await self.voice.say(*_entries(say, references, [row["actor"] for row in rows]))
                self.world.at("taken_back.said")
                await connection.execute(END, *columns(references), state)

    def _expired(self, reference: Reference, _actor: str) -> Entry:
        return offers.expired(reference, "expire_at had passed before it could be sent", self.world.clock.wall())

    def _cancelled(self, reference: Reference, actor: str) -> Entry:
        return offers.cancelled(reference, actor, self.world.clock.wall())


def _entries(
    say: Callable[[Reference, str], Entry], references: Sequence[Reference], actors: Sequence[str]
) -> list[Entry]:
    return [say(reference, actor) for reference, actor in zip(references, actors, strict=True)]
