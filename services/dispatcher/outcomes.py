"""One offer: the POST, and for each thing that can come of it what is said and how the row is settled."""

import asyncio
from dataclasses import dataclass

import structlog

from contracts.identity import Reference
from infra.process.metrics import RECIPIENTS_SENT, SEND_SECONDS, SENDS
from infra.process.world import World
from infra.sinch.client import SinchClient
from infra.sinch.outcomes import Blocked, InDoubt, NotSent, Refused, SinchError, SlowDown
from infra.sinch.wire.batches import Batch
from services.dispatcher import offers, rate
from services.dispatcher.offers import Offer, Sending
from services.dispatcher.refusal import DropRecipient, Split, judge
from services.dispatcher.say import Voice
from services.dispatcher.settlement import Acceptance, Settlement

log = structlog.get_logger(__name__)

SOON_SECONDS = 1.0
"""Until an offer that surely did not leave is due again."""
BLOCKED_SECONDS = 1.0
"""Until an offer is due again that met a blocked account; nothing is claimed until an operator resumes."""
SLOW_SECONDS = 1.0
"""Least wait after a 429 or 503 without Retry-After; with full jitter up to four times it, as in Sinch's own SDK
(CONTRACT §3)."""


@dataclass(frozen=True, slots=True)
class Outcomes:
    """Sends offers and settles what comes of them. `grace` as in Recovery; `slots`: POSTs that may be on their way."""

    client: SinchClient
    settlement: Settlement
    voice: Voice
    world: World
    sending: Sending
    grace: float
    slots: asyncio.Semaphore

    async def send(self, offer: Offer) -> None:
        """POST, say, settle."""
        self.world.at("post.before")
        started = self.world.clock.boot()
        try:
            async with self.slots:
                batch = await self.client.send(offers.as_batch(offer, self.sending), deadline=offer.deadline)
        except SinchError as outcome:
            SENDS.labels(type(outcome).__name__).inc()
            self.world.at("post.failed")
            await self._failed(offer, outcome)
        else:
            SENDS.labels("Accepted").inc()
            SEND_SECONDS.observe(self.world.clock.boot() - started)
            self.world.at("post.after")
            await self._accepted(offer, batch)

    async def _accepted(self, offer: Offer, batch: Batch) -> None:
        reference, now = offer.reference, self.world.clock.wall()
        first_look = self.sending.first_look(offer.request.expire_at, now)
        await self.settlement.accept(
            Acceptance(reference, batch.id, first_look, offers.accepted(reference, batch.id, now))
        )
        RECIPIENTS_SENT.inc(len(offer.recipients))
        log.info("batch_accepted", client_reference=str(reference), batch_id=batch.id, recipients=len(offer.recipients))

    async def _failed(self, offer: Offer, outcome: SinchError) -> None:
        reference = offer.reference
        match outcome:
            case NotSent():
                log.warning("not_sent", client_reference=str(reference), why=outcome.why)
                await self.settlement.put_back(reference, SOON_SECONDS)
            case SlowDown():
                await self._slow_down(reference, outcome.retry_after)
                await self.settlement.put_back(reference, 0.0)
            case Blocked():
                log.error("sending_blocked", reason=outcome.reason, do="settle it at Sinch, then `heliograph resume`")
                await self.settlement.block(outcome.reason)
                await self.settlement.put_back(reference, BLOCKED_SECONDS)
            case Refused():
                await self._refused(offer, outcome)
            case InDoubt():
                await self._in_doubt(reference, outcome)
            case _:
                raise outcome

    async def _in_doubt(self, reference: Reference, outcome: InDoubt) -> None:
        if outcome.slow_down:
            await self._slow_down(reference, outcome.retry_after)
        log.warning("batch_in_doubt", client_reference=str(reference), why=outcome.why)
        await self.voice.say(offers.in_doubt(reference, outcome.why, self.world.clock.wall()))
        await self.settlement.doubt(reference, self.grace)

    async def _slow_down(self, reference: Reference, retry_after: float | None) -> None:
        seconds = (
            retry_after if retry_after is not None else SLOW_SECONDS + self.world.chance.uniform(0.0, 4 * SLOW_SECONDS)
        )
        log.warning("sinch_says_slow_down", client_reference=str(reference), seconds=round(seconds, 1))
        await self.settlement.slow_down(seconds, rate.LEAST_FACTOR, rate.RECOVERY_PER_SECOND)

    async def _refused(self, offer: Offer, outcome: Refused) -> None:
        reference, now = offer.reference, self.world.clock.wall()
        log.error("batch_refused", client_reference=str(reference), status=outcome.status, code=outcome.code)
        match judge(outcome, offer.recipients, reference.part):
            case DropRecipient(recipient, rest):
                await self.voice.say(offers.recipient_refused(reference, recipient, outcome.code, outcome.text, now))
                await self.settlement.put_back_for(reference, rest)
            case Split(parts):
                await self.settlement.split(reference, parts)
            case _:
                await self.voice.say(offers.refused(reference, outcome.status, outcome.code, outcome.text, now))
                await self.settlement.end(reference, "refused")
