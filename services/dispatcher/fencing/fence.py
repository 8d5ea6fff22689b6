"""The fence before every claim: ends of the log that were seen, held against the offsets that the ledger has read.

No moment of PostgreSQL's clock or of anybody's decides. A look at the ends of consent gets its number from the ledger's
database before it begins, and every row gets one of the same sequence when it comes; a row may be claimed once a look with a
greater number was read to the ends that it saw. So a word that stood in the log before the request holds for it, however
late a look got its connection, and whatever the clocks say. How old the last look may be is counted by our own clock since
boot, from before the look began.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from math import inf

import structlog

from infra.kafka.log import LogUnavailable, Partition
from infra.postgres.pool import Connection
from infra.process.world import Clock

log = structlog.get_logger(__name__)

LOOK_SECONDS = 0.1
"""Between two looks at the ends of consent."""

Ends = Mapping[Partition, int]
"""Where partitions of the log end: the next offset to be written."""

UNREAD = """
SELECT count(*) FROM unnest($1::text[], $2::integer[], $3::bigint[]) AS n (topic, partition, until)
LEFT JOIN dispatch.offsets o USING (topic, partition) WHERE coalesce(o.next_offset, 0) < n.until
"""
NUMBER = "SELECT nextval('dispatch.looks')"

NOT_STARTED = "the log is not read to where it ended when this program started"
BEHIND = "the readers of consent and attempts are behind"


@dataclass(frozen=True, slots=True)
class Look:
    """Ends that were seen by a look that began at `began` (seconds since boot), after it had got its number."""

    number: int
    began: float
    ends: Ends


class Fence:
    """One ledger's. All questions go through the session that claims, so they are about the server that it claims on."""

    def __init__(self, start: Ends, clock: Clock, patience: float) -> None:
        self._start = start
        self._clock = clock
        self._patience = patience
        self._look: Look | None = None
        self._reached_at = -inf
        self.reached = 0
        """The number of the latest look whose ends are read; rows with a lower one may be claimed."""
        self.passed = asyncio.Event()
        """Set once the ledger holds what the log held when it was opened. Whoever offers or ends anything waits for it."""

    @property
    def wants_look(self) -> bool:
        """Whether the last look is reached: one that is not yet is kept, or the end would run away for ever."""
        return self._look is None

    def noted(self, look: Look) -> None:
        """Another look."""
        self._look = look

    async def why_shut(self, session: Connection) -> str:
        """Why nothing may be claimed at this moment; "": the rows below `reached` may."""
        if not self.passed.is_set():
            if await _unread(session, self._start):
                return NOT_STARTED
            self.passed.set()
        if self._look is not None and not await _unread(session, self._look.ends):
            self.reached, self._reached_at, self._look = self._look.number, self._look.began, None
        return BEHIND if self._clock.boot() - self._reached_at > self._patience else ""


async def look_on(
    fence: Fence, draw: Callable[[], Awaitable[int]], look: Callable[[], Awaitable[Ends]], clock: Clock
) -> None:
    """Look at the ends again and again, each time after its number was drawn; for ever."""
    while True:
        if fence.wants_look:
            began = clock.boot()
            number = await draw()
            try:
                fence.noted(Look(number, began, await look()))
            except LogUnavailable as error:
                log.warning("ends_of_consent_unknown", why=str(error))
        await clock.sleep(LOOK_SECONDS)


async def _unread(session: Connection, ends: Ends) -> int:
    topics, numbers = [p.topic for p in ends], [p.partition for p in ends]
    unread: int = await session.fetchval(UNREAD, topics, numbers, list(ends.values()))
    return unread
