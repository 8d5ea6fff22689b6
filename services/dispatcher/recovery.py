"""Recovery: what nobody answers for is in doubt, and Sinch is asked for it before it is ever offered again."""

from datetime import UTC, timedelta

import structlog

from infra.kafka.log import Appender
from infra.process.world import World, iso
from infra.sinch.client import SinchClient
from infra.sinch.outcomes import SinchError
from services.dispatcher import offers
from services.dispatcher.doubt import Next, Rule, Seen, decide
from services.dispatcher.doubts import Doubt, Doubts

log = structlog.get_logger(__name__)

LOOK_SECONDS = 0.5
"""Between two looks into the ledger for abandoned rows and due doubts."""
MOST_AT_ONCE = 16
LEASE_SECONDS = 60.0
"""Longer than a look at Sinch can take: nobody else looks meanwhile."""
SKEW = timedelta(minutes=5)
"""How far Sinch's clock may be behind ours; the list is asked from so long before the attempt."""


class Recovery:
    """Settles doubts, its own and those that dead replicas left."""

    def __init__(
        self,
        *,
        doubts: Doubts,
        appender: Appender,
        client: SinchClient,
        world: World,
        owner: int,
        grace: float,
        rule: Rule,
    ) -> None:
        self._doubts = doubts
        self._appender = appender
        self._client = client
        self._world = world
        self._owner = owner
        self._grace = grace
        self._rule = rule

    async def run(self) -> None:
        """Look for abandoned rows and settle due doubts, for ever."""
        while True:
            for reference in await self._doubts.abandoned(self._owner, self._grace):
                log.warning("batch_in_doubt", client_reference=str(reference), why="the sender is gone")
                entry = offers.in_doubt(reference, "the sender is gone", self._world.clock.wall())
                await self._appender.append(entry, within=10.0)
            due = await self._doubts.due(MOST_AT_ONCE, LEASE_SECONDS)
            for doubt in due:
                await self._settle(doubt)
            if len(due) < MOST_AT_ONCE:
                await self._world.clock.sleep(LOOK_SECONDS)

    async def _settle(self, doubt: Doubt) -> None:
        seen, batch_id = await self._look(doubt)
        reference = doubt.reference
        match decide(seen, doubt.absent, self._rule):
            case Next.ACCEPTED:
                entry = offers.accepted(reference, batch_id, self._world.clock.wall(), recovered=True)
                await self._appender.append(entry, within=10.0)
                await self._doubts.found(reference, batch_id)
            case Next.LOOK_AGAIN:
                await self._doubts.look_again(reference, self._rule.pause, absent=seen is Seen.ABSENT)
            case Next.OFFER_AGAIN:
                attempt = await self._doubts.offer_again(reference)
                log.warning("batch_offered_again", client_reference=str(reference), next_attempt=attempt)

    async def _look(self, doubt: Doubt) -> tuple[Seen, str]:
        """Ask Sinch for the reference. Anything but a well-formed answer says nothing."""
        reference, since = str(doubt.reference), iso(doubt.attempted_at.astimezone(UTC) - SKEW)
        try:
            found = await self._client.find(reference, since)
        except SinchError as error:
            log.warning("doubt_not_answered", client_reference=reference, why=str(error))
            return Seen.NO_ANSWER, ""
        log.info("doubt_looked_up", client_reference=reference, found=len(found), absent_before=doubt.absent)
        if not found:
            return Seen.ABSENT, ""
        return Seen.FOUND, min(batch.id for batch in found)
