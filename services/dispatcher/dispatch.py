"""The sending loop: claim → say so in the log → POST before the deadline → say what came of it → settle.

The order is the guarantee. A row is `attempting` in PostgreSQL and SendAttempted in the log before a byte leaves; so
whoever finds it `attempting` without an owner asks Sinch before it is ever offered again.
"""

import asyncio
from dataclasses import dataclass
from datetime import datetime

import structlog

from contracts.identity import Reference
from infra.kafka.log import Appender, Entry, LogUnavailable
from infra.process.world import World
from infra.sinch.client import SinchClient
from infra.sinch.outcomes import Blocked, InDoubt, NotSent, Refused, SlowDown
from services.dispatcher import offers
from services.dispatcher.ledger import Ledger
from services.dispatcher.offers import Offer, Sending

log = structlog.get_logger(__name__)

IDLE_SECONDS = 0.1
"""Between two looks for due rows while there are none."""
SOON_SECONDS = 1.0
"""Until an offer that surely did not leave is due again."""
BLOCKED_SECONDS = 60.0
"""Until Sinch is asked again after it said that nothing will be accepted."""
SLOW_SECONDS = 4.0
"""Mean wait after a 429 without Retry-After; full jitter, as in Sinch's own SDK (CONTRACT §3)."""
DRAIN_SECONDS = 4.0
"""What a stop waits for answers; what has none by then is in doubt."""


@dataclass(frozen=True, slots=True)
class Limits:
    """Seconds. `deadline`: from the claim to the first byte; `grace`: until a silent sender can no longer be heard."""

    in_flight: int
    deadline: float
    grace: float


class Dispatch:
    """Offers due rows to Sinch, `limits.in_flight` at a time."""

    def __init__(
        self,
        *,
        ledger: Ledger,
        appender: Appender,
        client: SinchClient,
        world: World,
        sending: Sending,
        limits: Limits,
    ) -> None:
        self._ledger = ledger
        self._appender = appender
        self._client = client
        self._world = world
        self._sending = sending
        self._limits = limits
        self._under_way: set[asyncio.Task[None]] = set()
        self._draining = False

    async def run(self) -> None:
        """Claim and offer until drained."""
        while not self._draining:
            free = self._limits.in_flight - len(self._under_way)
            if free == 0:
                await asyncio.wait(self._under_way, return_when=asyncio.FIRST_COMPLETED)
                continue
            deadline = self._world.clock.boot() + self._limits.deadline
            claimed = await self._ledger.claim_due(free)
            for row in claimed:
                offer = Offer(row.reference, row.request, row.recipients, row.reason, deadline)
                task = self._world.tasks.spawn(f"offer {row.reference}", self._offer(offer))
                self._under_way.add(task)
                task.add_done_callback(self._under_way.discard)
            if not claimed:
                await self._world.clock.sleep(IDLE_SECONDS)

    async def drain(self, within: float = DRAIN_SECONDS) -> None:
        """Claim nothing more, and wait for what is under way: an answer that is heard leaves no doubt behind."""
        self._draining = True
        if self._under_way:
            await asyncio.wait(self._under_way, timeout=within)

    async def _offer(self, offer: Offer) -> None:
        reference = offer.reference
        try:
            left = offer.deadline - self._world.clock.boot()
            await self._appender.append(
                offers.attempted(offer, str(self._ledger.owner), self._now()), within=max(0.1, left)
            )
        except LogUnavailable as error:
            log.warning("not_offered", client_reference=str(reference), why=str(error))
            await self._ledger.put_back(reference, SOON_SECONDS)
            return
        try:
            batch = await self._client.send(offers.as_batch(offer, self._sending), deadline=offer.deadline)
        except NotSent as outcome:
            log.warning("not_sent", client_reference=str(reference), why=outcome.why)
            await self._ledger.put_back(reference, SOON_SECONDS)
        except SlowDown as outcome:
            await self._ledger.put_back(reference, self._wait(outcome.retry_after))
        except Blocked as outcome:
            log.error("sending_blocked", reason=outcome.reason, next_try_seconds=BLOCKED_SECONDS)
            await self._ledger.put_back(reference, BLOCKED_SECONDS)
        except Refused as outcome:
            await self._refused(reference, outcome)
        except InDoubt as outcome:
            await self._say(offers.in_doubt(reference, outcome.why, self._now()))
            await self._ledger.doubt(reference, self._limits.grace)
        else:
            await self._say(offers.accepted(reference, batch.id, self._now()))
            await self._ledger.accept(reference, batch.id)
            log.info(
                "batch_accepted", client_reference=str(reference), batch_id=batch.id, recipients=len(offer.recipients)
            )

    async def _refused(self, reference: Reference, outcome: Refused) -> None:
        log.error("batch_refused", client_reference=str(reference), status=outcome.status, code=outcome.code)
        await self._say(offers.refused(reference, outcome.status, outcome.code, outcome.text, self._now()))
        await self._ledger.refuse(reference)

    async def _say(self, entry: Entry) -> None:
        """Append an outcome, however long it takes: the row stays ours, and in doubt if we die."""
        while True:
            try:
                await self._appender.append(entry, within=10.0)
            except LogUnavailable as error:
                log.warning("outcome_waits_for_the_log", key=entry.key, why=str(error))
                await self._world.clock.sleep(SOON_SECONDS)
            else:
                return

    def _wait(self, retry_after: float | None) -> float:
        return retry_after if retry_after is not None else self._world.chance.uniform(0.0, 2 * SLOW_SECONDS)

    def _now(self) -> datetime:
        return self._world.clock.wall()
