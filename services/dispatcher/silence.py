"""Batches whose reports did not all come: fetched from Sinch, and after its window given up as never told.

The first look is after `PULL_AFTER_SILENCE`, the next ones after pauses that grow, and one right after the batch expired.
"""

import asyncio
from dataclasses import dataclass
from datetime import timedelta

import structlog
from asyncpg import Record

from contracts import topics
from contracts.events import ReportNeverCame, encode
from contracts.identity import Reference, derived_id
from infra.kafka.log import Entry
from infra.postgres.pool import Pool
from infra.process.world import World, iso
from infra.sinch.client import SinchClient
from infra.sinch.outcomes import SinchError
from infra.sinch.wire.callbacks import BatchReport
from services.dispatcher.doubt import LISTED_SECONDS
from services.dispatcher.keys import reference_of
from services.dispatcher.offers import LONGEST
from services.dispatcher.pulled import Shown, is_complete, news, recipients_of
from services.dispatcher.say import Voice

log = structlog.get_logger(__name__)

LOOK_SECONDS = 1.0
MOST_AT_ONCE = 16
QUESTIONS_AT_ONCE = 4
"""At Sinch: one that is slow to answer does not hold up the others, and what is sent has the connections."""
LEAST_PAUSE_SECONDS = 10.0
LONGEST_PAUSE_SECONDS = 6 * 3600.0
"""Between two looks at one batch: as long as it is old, within these bounds."""

DUE = """
WITH due AS (
    SELECT campaign_id, chunk, attempt, part FROM dispatch.batches
    WHERE state = 'accepted' AND next_look_at <= now() ORDER BY next_look_at LIMIT $1 FOR UPDATE SKIP LOCKED
)
UPDATE dispatch.batches b
SET next_look_at = least(
    now() + least($3, greatest($2, extract(epoch FROM now() - b.accepted_at))) * interval '1 second',
    CASE WHEN coalesce(c.expire_at, b.accepted_at + $4::interval) + $5::interval > now()
         THEN coalesce(c.expire_at, b.accepted_at + $4::interval) + $5::interval END)
FROM due JOIN dispatch.campaigns c USING (campaign_id)
WHERE b.campaign_id = due.campaign_id AND b.chunk = due.chunk AND b.attempt = due.attempt AND b.part = due.part
RETURNING b.campaign_id::text, b.chunk, b.attempt, b.part, b.batch_id,
          extract(epoch FROM now() - b.accepted_at)::float8 AS age,
          EXISTS (SELECT FROM live.batches l WHERE l.campaign_id = b.campaign_id AND l.chunk = b.chunk
                  AND l.attempt = b.attempt AND l.part = b.part AND l.recipients > 0 AND l.settled >= l.members)
          AND EXISTS (SELECT FROM live.batches l WHERE l.campaign_id = b.campaign_id AND l.chunk = b.chunk
                      AND l.members > 0) AS complete
"""
"""Complete: every message that is in the offer now has a report that settles it, and the tables know the offer (its
`recipients`) and the chunk's request. Every requested message is in some offer of its chunk, so a chunk without a member
was not requested yet, as far as they know: they are behind, and 0 of 0 means nothing."""

SHOWN = """
SELECT m.recipient::text, m.attempt, m.provider_status FROM live.messages m
WHERE m.campaign_id = $1 AND m.chunk = $2 AND m.recipient = ANY ($3::bigint[])
"""

SILENT = """
SELECT m.recipient::text FROM live.messages m
WHERE m.campaign_id = $1 AND m.chunk = $2 AND m.attempt = $3 AND m.part = $4 AND NOT m.final
"""

CLOSE = """
UPDATE dispatch.batches SET next_look_at = NULL
WHERE campaign_id = $1 AND chunk = $2 AND attempt = $3 AND part = $4
"""


@dataclass(frozen=True, slots=True)
class Silence:
    """Asks for what was not told. `margin`: seconds after a batch expired until it is asked for.

    What the tables show (schema `live`) only saves questions and repetitions: it decides nothing.
    """

    pool: Pool
    voice: Voice
    client: SinchClient
    world: World
    margin: float

    async def run(self) -> None:
        """Look for ever."""
        few = asyncio.Semaphore(QUESTIONS_AT_ONCE)
        while True:
            pauses = LEAST_PAUSE_SECONDS, LONGEST_PAUSE_SECONDS
            rows = await self.pool.fetch(DUE, MOST_AT_ONCE, *pauses, LONGEST, timedelta(seconds=self.margin))
            await asyncio.gather(*(self._one_of_few(few, row) for row in rows))
            if len(rows) < MOST_AT_ONCE:
                await self.world.clock.sleep(LOOK_SECONDS)

    async def _one_of_few(self, few: asyncio.Semaphore, row: Record) -> None:
        async with few:
            await self._look(reference_of(row), row["batch_id"], row["age"], complete=bool(row["complete"]))

    async def _look(self, reference: Reference, batch_id: str, age: float, *, complete: bool) -> None:
        if complete:
            await self._close(reference)
            return
        try:
            report = await self.client.batch_report(batch_id, full=True)
        except SinchError as error:
            log.warning("reports_not_fetched", batch_id=batch_id, why=str(error))
            report = None
        if report is not None:
            await self._say_news(report, reference)
        if report is not None and is_complete(report):
            await self._close(reference)
        elif age > LISTED_SECONDS:
            await self._never_came(reference, batch_id)

    async def _say_news(self, report: BatchReport, reference: Reference) -> None:
        r, recipients = reference, recipients_of(report)
        rows = await self.pool.fetch(SHOWN, r.campaign_id, r.chunk, [int(recipient) for recipient in recipients])
        shown = {row["recipient"]: Shown(row["attempt"], row["provider_status"]) for row in rows}
        entries = news(report, r, shown, iso(self.world.clock.wall()))
        log.info("reports_fetched", client_reference=str(r), recipients=len(recipients), news=len(entries))
        await self.voice.say(*entries)

    async def _never_came(self, reference: Reference, batch_id: str) -> None:
        r = reference
        silent = [row["recipient"] for row in await self.pool.fetch(SILENT, r.campaign_id, r.chunk, r.attempt, r.part)]
        if silent:
            log.error("reports_never_came", client_reference=str(r), recipients=len(silent))
            event = ReportNeverCame(
                event_id=derived_id("ReportNeverCame", str(r), *silent),
                occurred_at=iso(self.world.clock.wall()),
                campaign_id=r.campaign_id,
                chunk=r.chunk,
                attempt=r.attempt,
                part=r.part,
                recipients=silent,
                batch_id=batch_id,
            )
            await self.voice.say(Entry(topics.DELIVERY_REPORTS, r.key, encode(event)))
        await self._close(r)

    async def _close(self, reference: Reference) -> None:
        r = reference
        await self.pool.execute(CLOSE, r.campaign_id, r.chunk, r.attempt, r.part)
