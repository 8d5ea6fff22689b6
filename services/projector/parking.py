"""Records that cannot be folded: each is parked as an event of its own, and the rest go on.

Order does not matter to the lattice, so nothing waits for a parked record. Too many of them stop the projector:
wrong code must not park the world.
"""

import structlog

from contracts import topics
from contracts.events import RecordParked, encode
from contracts.identity import derived_id
from infra.kafka.log import Appender, Entry, Partition, Record
from infra.process.world import Clock, iso

log = structlog.get_logger(__name__)

MOST_PARKED = 100
"""By one process in its life. More is a defect of this code or of a writer, and wants a person."""


class TooManyParked(Exception):  # noqa: N818 - named by what it says
    """Stop: a projector that cannot read this much is the wrong projector."""


class Parking:
    """Parks records, and counts."""

    def __init__(self, appender: Appender, clock: Clock, most: int = MOST_PARKED) -> None:
        self._appender = appender
        self._clock = clock
        self._most = most
        self.parked = 0

    async def park(self, partition: Partition, record: Record, reason: str) -> None:
        """Say in the log that this record has no effect until somebody decides about it."""
        self.parked += 1
        log.error(
            "record_parked", topic=partition.topic, partition=partition.partition, offset=record.offset, reason=reason
        )
        if self.parked > self._most:
            raise TooManyParked(f"more than {self._most} records cannot be folded; the last: {reason}")
        event = RecordParked(
            event_id=derived_id("RecordParked", *partition, record.offset),
            occurred_at=iso(self._clock.wall()),
            topic=partition.topic,
            partition=partition.partition,
            offset=record.offset,
            reason=reason,
            actor="projector",
        )
        key = f"{partition.topic}.{partition.partition}"
        await self._appender.append(Entry(topics.PROJECTION_CONTROL, key, encode(event)), within=10.0)
