"""Orphans: a report without a reference of ours is published again under its chunk's key once its batch is known."""

from dataclasses import dataclass

import msgspec
import structlog

from contracts import topics
from contracts.events import DeliveryReported, encode
from contracts.identity import Reference
from infra.kafka.log import Entry
from infra.postgres.pool import Pool
from infra.process.world import World
from services.dispatcher.keys import reference_of
from services.dispatcher.say import Voice

log = structlog.get_logger(__name__)

LOOK_SECONDS = 1.0
MOST_AT_ONCE = 500

KNOWN = """
SELECT o.event_id, o.report, b.campaign_id::text, b.chunk, b.attempt, b.part
FROM dispatch.orphans o CROSS JOIN LATERAL (
    SELECT * FROM dispatch.batches a WHERE a.batch_id = o.batch_id ORDER BY a.campaign_id, a.chunk, a.attempt, a.part LIMIT 1
) b
ORDER BY o.event_id LIMIT $1 FOR UPDATE OF o SKIP LOCKED
"""
"""A batch stands on two rows where an offer was believed absent and offered again in vain: the first one is its own."""
SETTLE = "DELETE FROM dispatch.orphans WHERE event_id = ANY ($1::uuid[])"

_decode = msgspec.json.Decoder(DeliveryReported).decode


@dataclass(frozen=True, slots=True)
class Orphans:
    """Brings orphans home. The event keeps its id, so that the orphan and its second coming are one fact."""

    pool: Pool
    voice: Voice
    world: World

    async def run(self) -> None:
        """Look for ever."""
        while True:
            settled = await self.settle()
            if settled < MOST_AT_ONCE:
                await self.world.clock.sleep(LOOK_SECONDS)

    async def settle(self) -> int:
        """Publish again what can be placed, then forget it, in one transaction. Gives how many."""
        async with self.pool.acquire() as connection, connection.transaction():
            rows = await connection.fetch(KNOWN, MOST_AT_ONCE)
            if rows:
                await self.voice.say(*(_placed(row["report"], reference_of(row)) for row in rows))
                self.world.at("orphans.said")
                await connection.execute(SETTLE, [row["event_id"] for row in rows])
                log.info("orphans_settled", reports=len(rows))
            return len(rows)


def _placed(raw: bytes, reference: Reference) -> Entry:
    r = reference
    event = msgspec.structs.replace(
        _decode(raw), campaign_id=r.campaign_id, chunk=r.chunk, attempt=r.attempt, part=r.part
    )
    return Entry(topics.DELIVERY_REPORTS, r.key, encode(event))
