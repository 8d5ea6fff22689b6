"""The sending loop: claim → say so in the log → is it still to go? → POST before the deadline → say what came of it → settle.

The order is the guarantee. A row is `attempting` in PostgreSQL and SendAttempted in the log before a byte leaves; so
whoever finds it `attempting` without an owner asks Sinch before it is ever offered again.
"""

import asyncio
from collections.abc import Coroutine, Sequence
from dataclasses import dataclass

import structlog

from infra.kafka.log import Appender, LogUnavailable
from infra.process.metrics import DISPATCH_PAUSED
from infra.process.world import World
from services.dispatcher import offers
from services.dispatcher.guard import Same, Verdict, Word
from services.dispatcher.ledger import Claim, Claimed, Ledger, Suppressed
from services.dispatcher.offers import Offer
from services.dispatcher.outcomes import Outcomes
from services.dispatcher.say import Voice
from services.dispatcher.settlement import Acceptance, Settlement

log = structlog.get_logger(__name__)

IDLE_SECONDS = 0.1
"""Between two looks for due rows while there are none."""
LONGEST_WAIT_SECONDS = 0.5
"""Between two looks while the rate allows nothing: another replica's 429, a pause or a resume is seen in this time."""
SOON_SECONDS = 1.0
"""Until an offer that did not leave is due again."""
LONGEST_PAUSE_SECONDS = 60.0
"""Until an offer that waits for another one's end is looked at again; at first a second, then twice as long each time."""
DRAIN_SECONDS = 4.0
"""What a stop waits for answers; what has none by then is in doubt."""


@dataclass(frozen=True, slots=True)
class Limits:
    """`in_flight` batches on their way at once; `deadline` seconds from the claim to the first byte."""

    in_flight: int
    deadline: float

    @property
    def under_way(self) -> int:
        """Most offers between claim and settlement.

        The next ones are claimed and said, and the last ones settled, while `in_flight` are on their way.
        """
        return 4 * self.in_flight

    @property
    def fewest(self) -> int:
        """A claim waits until so many are free: a claim costs as much for one as for many."""
        return max(1, self.in_flight // 2)


class Dispatch:
    """Offers due rows to Sinch."""

    def __init__(
        self,
        *,
        ledger: Ledger,
        settlement: Settlement,
        outcomes: Outcomes,
        appender: Appender,
        voice: Voice,
        world: World,
        limits: Limits,
    ) -> None:
        self._ledger = ledger
        self._settlement = settlement
        self._outcomes = outcomes
        self._appender = appender
        self._voice = voice
        self._world = world
        self._limits = limits
        self._under_way: set[asyncio.Task[None]] = set()
        self._rows = 0
        self._draining = False
        self._why = ""

    async def run(self) -> None:
        """Claim and offer until drained."""
        while not self._draining:
            free = self._limits.under_way - self._rows
            if free < self._limits.fewest:
                await asyncio.wait(self._under_way, return_when=asyncio.FIRST_COMPLETED)
                continue
            deadline, pauses = self._world.clock.boot() + self._limits.deadline, self._outcomes.plan.pauses
            self._world.at("claim.before")
            claim = await self._claim(min(free, 2 * self._limits.in_flight))
            self._world.at("claim.after")
            self._outcomes.plan.troubled |= claim.troubled
            self._explain(claim)
            if claim.rows:
                self._rows += len(claim.rows)
                self._spawn(f"claim of {len(claim.rows)}", self._start(claim.rows, deadline, pauses))
            else:
                await self._world.clock.sleep(min(claim.wait or IDLE_SECONDS, LONGEST_WAIT_SECONDS))

    async def _claim(self, most: int) -> Claim:
        """Claim; without the log nobody is taken out of an offer, and so nothing is claimed."""
        try:
            return await self._ledger.claim_due(most, self._say_suppressed)
        except LogUnavailable as error:
            log.warning("not_claimed", why=str(error))
            return Claim(wait=SOON_SECONDS, why="the log cannot be written")

    async def _say_suppressed(self, some: Sequence[Suppressed]) -> None:
        """Before the claim is committed: a crash in between says it again, never not at all."""
        now = self._world.clock.wall()
        entries = [offers.suppressed(out.reference, out.recipients, out.why, now) for out in some]
        await self._appender.append_all(entries, within=SOON_SECONDS)
        self._world.at("suppressed.said")

    async def drain(self, within: float = DRAIN_SECONDS) -> None:
        """Claim nothing more, and wait for what is under way: an answer that is heard leaves no doubt behind."""
        self._draining = True
        deadline = self._world.clock.boot() + within
        while self._under_way and (left := deadline - self._world.clock.boot()) > 0:
            await asyncio.wait(self._under_way, timeout=left)  # a claim's task ends by starting its offers' tasks

    async def _start(self, rows: Sequence[Claimed], deadline: float, pauses: int) -> None:
        """Say all attempts in the log, ask the guard, and send each by a task of its own."""
        before_claim = deadline - self._limits.deadline
        some = [_offer(row, deadline, before_claim) for row in rows]
        left = max(0.1, deadline - self._world.clock.boot())
        try:
            now = self._world.clock.wall()
            entries = [offers.attempted(offer, str(self._ledger.owner), now) for offer in some]
            await self._appender.append_all(entries, within=left)
        except LogUnavailable as error:
            log.warning("not_offered", batches=len(some), why=str(error))
            for offer in some:
                await self._settlement.put_back(offer.reference, SOON_SECONDS)
            self._rows -= len(some)
            return
        self._world.at("attempt.said")
        verdicts = await self._outcomes.guard.of([offer.reference for offer in some])
        for offer in some:
            self._spawn(f"offer {offer.reference}", self._go(offer, verdicts[offer.reference], pauses))

    def _spawn(self, name: str, work: Coroutine[None, None, None]) -> None:
        task = self._world.tasks.spawn(name, work)
        self._under_way.add(task)
        task.add_done_callback(self._under_way.discard)

    async def _go(self, offer: Offer, verdict: Verdict, pauses: int) -> None:
        try:
            if verdict is Word.GO:
                verdict = await self._outcomes.send(offer, pauses)
            if verdict is not Word.GO:
                await self._not_sent(offer, verdict)
        finally:
            self._rows -= 1

    async def _not_sent(self, offer: Offer, verdict: Verdict) -> None:
        """The guard stopped it."""
        reference, now = offer.reference, self._world.clock.wall()
        match verdict:
            case Same(batch_id):
                log.warning("offered_already", client_reference=str(reference), batch_id=batch_id)
                entry = offers.accepted(reference, batch_id, now, recovered=True)
                await self._settlement.accept(Acceptance(reference, batch_id, offers.POLL_SECONDS, entry))
            case Word.WAIT:
                await self._settlement.put_back(reference, min(LONGEST_PAUSE_SECONDS, 2.0 ** min(offer.claim - 1, 10)))
            case Word.NEVER:
                log.error("guard_stopped_an_offer", client_reference=str(reference))
                await self._voice.say(offers.expired(reference, "the guard against double sending stopped it", now))
                await self._settlement.end(reference, "given_up")
            case _:
                await self._settlement.put_back(reference, 0.0)

    def _explain(self, claim: Claim) -> None:
        """Say once why nothing can be claimed, and once that it goes on."""
        if claim.why != self._why:
            self._why = claim.why
            DISPATCH_PAUSED.clear()
            if claim.why:
                DISPATCH_PAUSED.labels(claim.why).set(1)
                log.warning("sending_waits", why=claim.why)
            else:
                log.info("sending_goes_on")


def _offer(row: Claimed, deadline: float, now: float) -> Offer:
    """The row as an offer; it must leave before the deadline and before the campaign expires (seconds since boot)."""
    if row.expires_in is not None:
        deadline = min(deadline, now + row.expires_in)
    return Offer(row.reference, row.request, row.recipients, row.reason, row.claim, deadline)
