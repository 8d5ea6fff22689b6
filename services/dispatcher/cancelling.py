"""Cancelling at Sinch what it has of cancelled campaigns, until it gives a word that ends it."""

import asyncio
from dataclasses import dataclass

import asyncpg
import structlog

from infra.postgres.pool import Pool
from infra.process.world import World
from infra.sinch.client import SinchClient
from infra.sinch.outcomes import Refused, SinchError
from services.dispatcher import offers
from services.dispatcher.doubt import LISTED_SECONDS
from services.dispatcher.keys import key, reference_of
from services.dispatcher.say import Voice

log = structlog.get_logger(__name__)

LOOK_SECONDS = 0.3
AT_ONCE = 16
FIRST_PAUSE_SECONDS = 2.0
LONGEST_PAUSE_SECONDS = 600.0
"""Between two asks for one batch; each pause is twice as long as the one before."""
FEWEST_ASKS = 3
"""A 404 is believed after so many, and after the settle time: a batch is not known at once (CONTRACT §3)."""
UNKNOWN = "404 the batch is unknown"

NEXT = """
WITH chosen AS (
    SELECT b.campaign_id, b.chunk, b.attempt, b.part, c.cancelled_by
    FROM dispatch.campaigns c JOIN dispatch.batches b USING (campaign_id)
    WHERE c.cancelled AND NOT c.cancel_done AND b.state = 'accepted' AND NOT b.cancel_asked AND b.next_cancel_at <= now()
    ORDER BY b.next_cancel_at LIMIT $1 FOR UPDATE OF b SKIP LOCKED
)
UPDATE dispatch.batches b
SET cancels = b.cancels + 1, next_cancel_at = now() + least($3, $2 * 2 ^ least(b.cancels, 30)) * interval '1 second'
FROM chosen n
WHERE b.campaign_id = n.campaign_id AND b.chunk = n.chunk AND b.attempt = n.attempt AND b.part = n.part
RETURNING b.campaign_id::text, b.chunk, b.attempt, b.part, b.batch_id, b.cancels, n.cancelled_by,
          coalesce(extract(epoch FROM now() - b.accepted_at), 0)::float8 AS age
"""

ASKED = """
UPDATE dispatch.batches SET cancel_asked = true WHERE campaign_id = $1 AND chunk = $2 AND attempt = $3 AND part = $4
"""


@dataclass(frozen=True, slots=True)
class Asked:
    """A batch that Sinch was asked to cancel `times` times by now, and accepted `age` seconds ago."""

    times: int
    age: float


def last_word(outcome: str | SinchError | None, asked: Asked, settle: float) -> str | None:
    """What ends it, in Sinch's words; None: it is asked again. `outcome`: its answer, None where it knows no such batch.

    Pure. A refusal that Sinch itself gave ends it, as does the end of the time for which Sinch keeps a batch.
    """
    if isinstance(outcome, str):
        return outcome
    if isinstance(outcome, Refused):
        return str(outcome)
    if outcome is None and asked.times >= FEWEST_ASKS and asked.age >= settle:
        return UNKNOWN
    if asked.age > LISTED_SECONDS:
        return f"older than what Sinch keeps, and never cancelled: {outcome or UNKNOWN}"
    return None


@dataclass(frozen=True, slots=True)
class Cancelling:
    """Asks Sinch. `settle`: seconds within which a new batch may not be known there yet."""

    pool: Pool
    voice: Voice
    client: SinchClient
    world: World
    settle: float

    async def run(self) -> None:
        """Look for ever."""
        while True:
            rows = await self.pool.fetch(NEXT, AT_ONCE, FIRST_PAUSE_SECONDS, LONGEST_PAUSE_SECONDS)
            await asyncio.gather(*(self._cancel(row) for row in rows))
            if len(rows) < AT_ONCE:
                await self.world.clock.sleep(LOOK_SECONDS)

    async def _cancel(self, row: asyncpg.Record) -> None:
        reference, asked = reference_of(row), Asked(row["cancels"], row["age"])
        outcome = await self._ask(row["batch_id"])
        said = last_word(outcome, asked, self.settle)
        if said is None:
            why = str(outcome or UNKNOWN)
            log.warning("cancel_asked_again_later", client_reference=str(reference), times=asked.times, why=why)
            return
        log.info("cancelled_at_sinch", client_reference=str(reference), provider_said=said)
        await self.voice.say(offers.cancelled(reference, row["cancelled_by"], self.world.clock.wall(), said))
        await self.pool.execute(ASKED, *key(reference))

    async def _ask(self, batch_id: str) -> str | SinchError | None:
        """Sinch's answer in a word, what came instead of one, or None where it knows no such batch."""
        try:
            batch = await self.client.cancel(batch_id)
        except SinchError as error:
            return error
        if batch is None:
            return None
        return "canceled" if batch.canceled else "not canceled"
