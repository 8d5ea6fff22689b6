"""Saying what happened: an outcome waits for the log as long as it takes."""

from collections.abc import Sequence

import structlog

from infra.kafka.log import Appender, Entry, LogUnavailable
from infra.process.world import Clock

log = structlog.get_logger(__name__)

APPEND_SECONDS = 10.0
PAUSE_SECONDS = 1.0


class Voice:
    """Appends outcomes. Their ids are derived, so one that was appended after all may be appended again."""

    def __init__(self, appender: Appender, clock: Clock) -> None:
        self._appender = appender
        self._clock = clock

    async def say(self, *entries: Entry) -> None:
        """Append them all. While the log is away the ledger's row stays as it is, so that nothing is settled unsaid."""
        while True:
            try:
                await self._append(entries)
            except LogUnavailable as error:
                log.warning("outcome_waits_for_the_log", events=len(entries), why=str(error))
                await self._clock.sleep(PAUSE_SECONDS)
            else:
                return

    async def _append(self, entries: Sequence[Entry]) -> None:
        if len(entries) == 1:
            await self._appender.append(entries[0], within=APPEND_SECONDS)
        else:
            await self._appender.append_all(entries, within=APPEND_SECONDS)
