"""Recovery: what nobody answers for is in doubt, and Sinch is asked for it before it is ever offered again."""

import asyncio
from dataclasses import dataclass

import structlog

from infra.process.metrics import CLOCKS_APART, IN_DOUBT, IN_DOUBT_AGE
from infra.process.world import World, iso
from infra.sinch.client import SinchClient
from infra.sinch.outcomes import SinchError
from services.dispatcher import offers
from services.dispatcher.clocks import apart, asked_from
from services.dispatcher.doubt import HELD_SECONDS, Next, Rule, Seen, decide, look_pause, offer_pause
from services.dispatcher.doubts import Doubt, Doubts
from services.dispatcher.say import Voice

log = structlog.get_logger(__name__)

LOOK_SECONDS = 0.5
"""Between two looks into the ledger for abandoned rows and due doubts."""
MOST_AT_ONCE = 16


@dataclass(frozen=True, slots=True)
class Recovery:
    """Settles doubts, this replica's own and those that dead replicas left.

    `grace`: seconds from a claim until its sender can no longer be heard; for as long nobody else looks for a doubt that
    is being looked for. `first_look`: seconds from the discovery of an
    accepted batch until its reports are asked for. `most_apart`: seconds by which the clocks may differ (Sinch's, the
    database's, ours): beyond them Sinch may say that it has a batch, but not that it has none.
    """

    doubts: Doubts
    voice: Voice
    client: SinchClient
    world: World
    owner: int
    grace: float
    rule: Rule
    first_look: float
    most_apart: float = 3600.0

    async def run(self) -> None:
        """Look for abandoned rows and settle due doubts, for ever."""
        while True:
            for reference in await self.doubts.abandoned(self.owner, self.grace, self.first_look):
                log.warning("batch_in_doubt", client_reference=str(reference), why="the sender is gone")
                self.world.at("recovery.abandoned")
                await self.voice.say(offers.in_doubt(reference, "the sender is gone", self.world.clock.wall()))
            due = await self.doubts.due(MOST_AT_ONCE, self.grace)
            await asyncio.gather(*(self._settle(doubt) for doubt in due))
            await self._measure()
            if len(due) < MOST_AT_ONCE:
                await self.world.clock.sleep(LOOK_SECONDS)

    async def _settle(self, doubt: Doubt) -> None:
        seen, batch_id = await self._look(doubt)
        reference, now = doubt.reference, self.world.clock.wall()
        self.world.at("recovery.looked")
        told = self._clocks_agree(doubt) or seen is Seen.FOUND
        step = decide(seen, doubt.case, self.rule) if told else Next.LOOK_AGAIN
        if step not in (Next.ACCEPTED, Next.LOOK_AGAIN) and (same := await self.doubts.same(reference)) is not None:
            step, batch_id = Next.ACCEPTED, same  # what this was offered instead of turned out to be there
        match step:
            case Next.ACCEPTED:
                await self.voice.say(offers.accepted(reference, batch_id, now, recovered=True))
                self.world.at("recovery.said")
                await self.doubts.found(reference, batch_id, self.first_look)
            case Next.LOOK_AGAIN:
                pause = look_pause(seen, doubt.case, self.rule)
                await self.doubts.look_again(reference, pause, absent=told and seen is Seen.ABSENT)
            case Next.OFFER_AGAIN:
                attempt = await self.doubts.offer_again(reference, offer_pause(doubt.case.absents))
                log.warning("batch_offered_again", client_reference=str(reference), next_attempt=attempt)
            case Next.HOLD:
                log.error("doubt_held", client_reference=str(reference), do="see why, then `heliograph doubts settle`")
                await self.doubts.look_again(reference, HELD_SECONDS, absent=False)
            case Next.CANCEL:
                named = await self.doubts.named(reference)
                await self.voice.say(offers.cancelled(reference, doubt.cancelled_by, now, named=named))
                await self.doubts.end(reference, "cancelled")
            case Next.GIVE_UP:
                why = "older than Sinch's list: nobody can know any more"
                log.error("doubt_given_up", client_reference=str(reference), why=why)
                named = await self.doubts.named(reference)
                await self.voice.say(
                    offers.doubt_settled(reference, now, verdict="given_up", actor="dispatcher", why=why, named=named)
                )
                await self.doubts.end(reference, "given_up")

    async def _look(self, doubt: Doubt) -> tuple[Seen, str]:
        """Ask Sinch for the reference. Anything but a well-formed answer says nothing."""
        reference, since = str(doubt.reference), iso(asked_from(doubt.attempted_at, doubt.now))
        try:
            found = await self.client.find(reference, since)
        except SinchError as error:
            log.warning("doubt_not_answered", client_reference=reference, why=str(error))
            return Seen.NO_ANSWER, ""
        log.info("doubt_looked_up", client_reference=reference, found=len(found), absent_before=doubt.case.absent)
        if not found:
            return Seen.ABSENT, ""
        return Seen.FOUND, min(batch.id for batch in found)

    def _clocks_agree(self, doubt: Doubt) -> bool:
        """Whether ages, and the moment from which the list was asked, mean anything."""
        seconds = apart(self.world.clock.wall(), doubt.now, self.client.ahead)
        CLOCKS_APART.set(seconds)
        if seconds <= self.most_apart:
            return True
        log.error(
            "clocks_apart",
            client_reference=str(doubt.reference),
            seconds=round(seconds),
            sinch_ahead=self.client.ahead and round(self.client.ahead),
            do="nothing in doubt is offered again until Sinch's, the database's and this machine's clock agree",
        )
        return False

    async def _measure(self) -> None:
        count, age = await self.doubts.count()
        IN_DOUBT.set(count)
        IN_DOUBT_AGE.set(age)
