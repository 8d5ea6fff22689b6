"""One offer: the POST, and for each thing that can come of it what is said and how the row is settled."""

import asyncio
from dataclasses import dataclass

import structlog

from contracts.identity import Reference
from infra.process.metrics import RECIPIENTS_SENT, RETRY_AFTER, SEND_SECONDS, SENDS
from infra.process.world import World
from infra.sinch.client import SinchClient
from infra.sinch.outcomes import Blocked, InDoubt, NotSent, Refused, SinchError, SlowDown
from infra.sinch.wire.batches import Batch
from services.dispatcher import offers
from services.dispatcher.guard import Guard, Verdict, Word
from services.dispatcher.offers import Offer, Sending
from services.dispatcher.plan import SLOW_SECONDS, Plan
from services.dispatcher.refusal import DropRecipient, Split, judge, most_splits
from services.dispatcher.say import Voice
from services.dispatcher.settlement import Acceptance, Settlement

log = structlog.get_logger(__name__)

SOON_SECONDS = 1.0
"""Until an offer that surely did not leave is due again."""
BLOCKED_SECONDS = 1.0
"""Until an offer is due again that met a blocked account; nothing is claimed until an operator resumes."""
SLOW_JITTER_SECONDS = 4.0
"""Added by chance to the first wait after a 429 or 503 without Retry-After, as in Sinch's own SDK (CONTRACT §3)."""
NOT_HALVED = " (Which recipient it is about was not found by halving the batch as often as is allowed.)"


@dataclass(frozen=True, slots=True)
class Outcomes:
    """Sends offers and settles what comes of them. `grace` as in Recovery; `slots`: POSTs that may be on their way."""

    client: SinchClient
    plan: Plan
    settlement: Settlement
    voice: Voice
    world: World
    sending: Sending
    grace: float
    slots: asyncio.Semaphore
    guard: Guard

    async def send(self, offer: Offer, pauses: int) -> Verdict:
        """POST, say, settle. `pauses`: those of the plan that had begun when the offer was claimed.

        What was offered before and had to wait for its turn is asked about again: gives what the guard says then.
        """
        self.world.at("post.before")
        started, asks = self.world.clock.boot(), self.slots.locked() and (offer.reason != "first" or offer.claim > 1)
        try:
            batch = await self._post(offer, pauses, asks=asks)
        except SinchError as outcome:
            SENDS.labels(type(outcome).__name__).inc()
            self.world.at("post.failed")
            await self._failed(offer, outcome)
        else:
            if not isinstance(batch, Batch):
                return batch
            SENDS.labels("Accepted").inc()
            SEND_SECONDS.observe(self.world.clock.boot() - started)
            self.world.at("post.after")
            await self._accepted(offer, batch)
        return Word.GO

    async def _post(self, offer: Offer, pauses: int, *, asks: bool) -> Batch | Verdict:
        """The POST, at most so many at once. A place is given on only when the plan knows of an unclear outcome.

        With `asks`, what the guard says instead when it is not to go any more.
        """
        async with self.slots:
            if asks and (verdict := await self.guard.again(offer.reference)) is not Word.GO:
                return verdict
            if self.plan.pauses != pauses:
                raise NotSent("sending was paused while it waited for its turn", unreached=False)
            try:
                return await self.client.send(offers.as_batch(offer, self.sending), deadline=offer.deadline)
            except InDoubt as outcome:
                await self.plan.unclear(outcome.why)
                raise
            except NotSent as outcome:
                if outcome.unreached:
                    await self.plan.unclear(f"not connected ({outcome.why})")
                raise

    async def _accepted(self, offer: Offer, batch: Batch) -> None:
        reference, now = offer.reference, self.world.clock.wall()
        first_look = self.sending.first_look(offer.request.expire_at, now)
        await self.settlement.accept(
            Acceptance(reference, batch.id, first_look, offers.accepted(reference, batch.id, now))
        )
        await self.plan.clear()
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
                await self.plan.block(outcome.reason)
                await self.settlement.put_back(reference, BLOCKED_SECONDS)
            case Refused():
                await self.plan.clear()
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
        RETRY_AFTER.set(retry_after or 0.0)
        jitter = SLOW_SECONDS + self.world.chance.uniform(0.0, SLOW_JITTER_SECONDS)
        seconds = await self.plan.slow_down(retry_after, jitter)
        log.warning(
            "sinch_says_slow_down", client_reference=str(reference), retry_after=retry_after, seconds=round(seconds, 1)
        )

    async def _refused(self, offer: Offer, outcome: Refused) -> None:
        reference, now = offer.reference, self.world.clock.wall()
        log.error("batch_refused", client_reference=str(reference), status=outcome.status, code=outcome.code)
        match judge(outcome, offer.recipients, reference.part):
            case DropRecipient(recipient, rest):
                await self.voice.say(offers.recipient_refused(reference, recipient, outcome.code, outcome.text, now))
                await self.settlement.put_back_for(reference, rest)
            case Split(parts) if await self.settlement.split(
                reference, parts, most_splits(len(offer.request.recipients))
            ):
                pass
            case verdict:
                text = outcome.text + (NOT_HALVED if isinstance(verdict, Split) else "")
                await self.voice.say(offers.refused(reference, outcome.status, outcome.code, text, now))
                await self.settlement.end(reference, "refused")
