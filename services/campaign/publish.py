"""From the outbox into the log: by the request that made the campaign, or by the finisher where that one died."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from uuid import UUID

import structlog

from contracts import topics
from contracts.identity import chunk_key
from infra.kafka.log import Appender, Entry, LogError, LogUnavailable
from infra.postgres.trouble import PASSES
from infra.process import metrics
from infra.process.world import World
from services.campaign.store import Outbox

log = structlog.get_logger(__name__)

APPEND_SECONDS = 10.0  # for one page of chunks, at most 16 MB
PATIENCE_SECONDS = 30.0  # of a request, for all of its chunks and its place in the queue
AT_ONCE = 4  # publications of this process; each holds a database connection meanwhile
LOOK_AGAIN_SECONDS = 0.05  # while another replica publishes our campaign
KNOWN_AWAY_SECONDS = 1.0  # after a failure nobody else tries for so long: they would all wait for the same
FINISH_EVERY_SECONDS = 1.0
LONGEST_PAUSE_SECONDS = 300.0  # of a campaign that cannot be published as it is; the others do not wait for it

Connect = Callable[[], Awaitable[Appender]]


class Publisher:
    """Publishes recorded campaigns. `connect` gives a started Appender or raises LogUnavailable."""

    def __init__(self, outbox: Outbox, connect: Connect, world: World) -> None:
        self._outbox = outbox
        self._connect = connect
        self._world = world
        self._appender: Appender | None = None
        self._connecting = asyncio.Lock()
        self._places = asyncio.Semaphore(AT_ONCE)
        self._failed_at = float("-inf")
        self._stuck: dict[UUID, tuple[float, float]] = {}  # until when each is left alone, and for how long

    async def publish(self, campaign_id: UUID) -> None:
        """Return when all of the campaign is in the log, whoever put it there. Raises LogError."""
        try:
            async with asyncio.timeout(PATIENCE_SECONDS), self._places:
                while not await self._publish_here(campaign_id) and not await self._outbox.is_published(campaign_id):
                    await self._world.clock.sleep(LOOK_AGAIN_SECONDS)
        except TimeoutError as error:
            raise LogUnavailable(f"not published within {PATIENCE_SECONDS:g} s") from error

    async def _publish_here(self, campaign_id: UUID) -> bool:
        """Publish it in this process; False when it is published, or somebody else is at it."""
        if self._world.clock.boot() - self._failed_at < KNOWN_AWAY_SECONDS:
            raise LogUnavailable("it was not there a moment ago")
        try:
            appender = await self.appender()

            async def append(chunks: Sequence[tuple[int, bytes]]) -> None:
                await appender.append_all(_entries(campaign_id, chunks), within=APPEND_SECONDS)

            return await self._outbox.publish(campaign_id, append)
        except LogUnavailable:
            self._failed_at = self._world.clock.boot()
            raise

    async def appender(self) -> Appender:
        """The started appender; connects where that has not happened yet. Raises LogUnavailable."""
        async with self._connecting:
            if self._appender is None:
                self._appender = await self._connect()
            return self._appender

    async def finish_what_was_left(self) -> None:
        """For ever: publish what crashed or refused publications have left, of any replica."""
        while True:
            try:
                metrics.OUTBOX_CHUNKS.set(await self._outbox.waiting_chunks())
                for campaign_id in await self._outbox.unpublished():
                    await self._finish(campaign_id)
            except LogUnavailable as error:
                log.warning("log_away", service="campaign", error=str(error))
            except PASSES as error:
                log.warning("database_away", service="campaign", error=type(error).__name__)
            await self._world.clock.sleep(FINISH_EVERY_SECONDS * self._world.chance.uniform(0.8, 1.2))

    async def _finish(self, campaign_id: UUID) -> None:
        until, pause = self._stuck.get(campaign_id, (0.0, FINISH_EVERY_SECONDS))
        now = self._world.clock.boot()
        if now < until:
            return
        try:
            if await self._publish_here(campaign_id):
                log.info("campaign_finished", campaign_id=str(campaign_id))
            self._stuck.pop(campaign_id, None)
        except LogUnavailable:
            raise
        except LogError:  # this campaign cannot be published as it is; the others can
            self._stuck[campaign_id] = now + pause, min(2 * pause, LONGEST_PAUSE_SECONDS)
            log.exception("campaign_stuck", campaign_id=str(campaign_id), again_in=pause)

    async def stop(self) -> None:
        """Close the appender."""
        if self._appender is not None:
            await self._appender.stop()


def _entries(campaign_id: UUID, chunks: Sequence[tuple[int, bytes]]) -> list[Entry]:
    return [Entry(topics.CAMPAIGN_REQUESTS, chunk_key(str(campaign_id), number), event) for number, event in chunks]
