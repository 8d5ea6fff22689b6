"""Batches whose reports did not all come: fetched from Sinch, and after its window given up as never told."""

from collections.abc import Iterator
from dataclasses import dataclass

import structlog

from contracts import topics
from contracts.events import DeliveryReported, ReportNeverCame, encode
from contracts.identity import Reference, derived_id
from contracts.statuses import standing_of
from infra.kafka.log import Entry
from infra.postgres.pool import Pool
from infra.process.world import World, iso
from infra.sinch.client import SinchClient
from infra.sinch.outcomes import SinchError
from infra.sinch.wire.callbacks import BatchReport
from services.dispatcher.doubt import LISTED_SECONDS
from services.dispatcher.keys import reference_of
from services.dispatcher.say import Voice

log = structlog.get_logger(__name__)

LOOK_SECONDS = 1.0
MOST_AT_ONCE = 16
LEAST_PAUSE_SECONDS = 10.0
LONGEST_PAUSE_SECONDS = 6 * 3600.0
"""Between two looks at one batch: as long as it is old, within these bounds."""

DUE = """
WITH due AS (
    SELECT campaign_id, chunk, attempt, part FROM dispatch.batches
    WHERE state = 'accepted' AND next_look_at <= now() ORDER BY next_look_at LIMIT $1 FOR UPDATE SKIP LOCKED
)
UPDATE dispatch.batches b
SET next_look_at = now() + least($3, greatest($2, extract(epoch FROM now() - b.accepted_at))) * interval '1 second'
FROM due JOIN dispatch.chunks k USING (campaign_id, chunk)
WHERE b.campaign_id = due.campaign_id AND b.chunk = due.chunk AND b.attempt = due.attempt AND b.part = due.part
RETURNING b.campaign_id::text, b.chunk, b.attempt, b.part, b.batch_id,
          extract(epoch FROM now() - b.accepted_at)::float8 AS age,
          (SELECT l.settled >= l.members FROM live.batches l WHERE l.campaign_id = b.campaign_id AND l.chunk = b.chunk
           AND l.attempt = b.attempt AND l.part = b.part) AS complete
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
    """Asks for what was not told. What the tables show (schema `live`) only saves questions: it decides nothing."""

    pool: Pool
    voice: Voice
    client: SinchClient
    world: World

    async def run(self) -> None:
        """Look for ever."""
        while True:
            rows = await self.pool.fetch(DUE, MOST_AT_ONCE, LEAST_PAUSE_SECONDS, LONGEST_PAUSE_SECONDS)
            for row in rows:
                await self._look(reference_of(row), row["batch_id"], row["age"], complete=bool(row["complete"]))
            if len(rows) < MOST_AT_ONCE:
                await self.world.clock.sleep(LOOK_SECONDS)

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
            await self.voice.say(*_pulled(report, reference, iso(self.world.clock.wall())))
        if report is not None and _is_complete(report):
            await self._close(reference)
        elif age > LISTED_SECONDS:
            await self._never_came(reference, batch_id)

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


def _is_complete(report: BatchReport) -> bool:
    return bool(report.statuses) and all(standing_of(line.status).final for line in report.statuses)


def _pulled(report: BatchReport, reference: Reference, now: str) -> Iterator[Entry]:
    """The fetched report as ordinary events, an id for each status of each recipient. It carries no time of its own."""
    r = reference
    for line in report.statuses:
        for recipient in line.recipients or ():
            event = DeliveryReported(
                event_id=derived_id("pull", report.batch_id, recipient, line.status, line.code),
                occurred_at=now,
                batch_id=report.batch_id,
                recipient=recipient,
                status=line.status,
                code=line.code,
                campaign_id=r.campaign_id,
                chunk=r.chunk,
                attempt=r.attempt,
                part=r.part,
                client_reference=str(r),
                source="pull",
            )
            yield Entry(topics.DELIVERY_REPORTS, r.key, encode(event))
