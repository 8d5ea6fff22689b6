"""Saying what happened: an outcome waits for the log as long as it takes."""

from collections.abc import Sequence
from datetime import datetime

import structlog

from contracts import topics
from contracts.events import DeadLetter, encode
from contracts.identity import derived_id
from infra.kafka.log import Appender, Entry, LogUnavailable, RecordTooLarge
from infra.process.metrics import DEAD_LETTERS
from infra.process.world import Clock, iso

log = structlog.get_logger(__name__)

APPEND_SECONDS = 10.0
PAUSE_SECONDS = 1.0
MOST_DEAD_BYTES = 500_000  # of a dead letter; base64 makes it a third longer
MOST_REASON = 1_000  # characters


class Voice:
    """Appends outcomes. Their ids are derived, so one that was appended after all may be appended again."""

    def __init__(self, appender: Appender, clock: Clock) -> None:
        self._appender = appender
        self._clock = clock

    async def say(self, *entries: Entry) -> None:
        """Append them all. While the log is away the ledger's row stays as it is, so that nothing is settled unsaid.

        One that is larger than the log takes never will be appended: it is kept as a dead letter, and the others go.
        """
        while True:
            try:
                await self._append(entries)
            except LogUnavailable as error:
                log.warning("outcome_waits_for_the_log", events=len(entries), why=str(error))
                await self._clock.sleep(PAUSE_SECONDS)
            else:
                return

    async def _append(self, entries: Sequence[Entry]) -> None:
        try:
            if len(entries) == 1:
                await self._appender.append(entries[0], within=APPEND_SECONDS)
            else:
                await self._appender.append_all(entries, within=APPEND_SECONDS)
        except RecordTooLarge as error:
            if len(entries) > 1:
                for entry in entries:
                    await self._append([entry])
            else:
                await self._keep(entries[0], error)

    async def _keep(self, entry: Entry, error: RecordTooLarge) -> None:
        """As a dead letter, with as many of its bytes as that may have."""
        log.error("outcome_too_large", topic=entry.topic, key=entry.key, bytes=len(entry.value), why=str(error))
        DEAD_LETTERS.labels("outcome").inc()
        for most in (MOST_DEAD_BYTES, 0):
            letter = dead_letter(entry.topic, entry.value, str(error), self._clock.wall(), most=most)
            try:
                await self._appender.append(letter, within=APPEND_SECONDS)
            except RecordTooLarge as refused:
                log.error("dead_letter_too_large", topic=entry.topic, key=entry.key, bytes=most, why=str(refused))
            else:
                return


def dead_letter(
    origin: str,
    raw: bytes,
    reason: str,
    now: datetime,
    *,
    place: tuple[int, int] | None = None,
    most: int = MOST_DEAD_BYTES,
) -> Entry:
    """What is kept instead of having an effect: of topic `origin`, at `place` (partition, offset) or not in the log."""
    partition, offset = place or (None, None)
    event = DeadLetter(
        event_id=derived_id("DeadLetter", origin, *(place or (raw,))),
        occurred_at=iso(now),
        origin=origin,
        partition=partition,
        offset=offset,
        reason=reason[:MOST_REASON],
        raw=raw[:most],
        truncated=len(raw) > most,
    )
    return Entry(topics.DEAD_LETTERS, origin if place is None else f"{origin}.{partition}", encode(event))
