"""Records that cannot be folded: each is parked as an event of its own, and the rest go on.

Order does not matter to the lattice, so nothing waits for a parked record. Too many of them stop the projector: wrong
code must not park the world. What was decided about records stands in `projection-control`, which is read whole before
anything is folded, so that a rebuild repeats it: a dropped record has no effect, whatever code reads it.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

import structlog

from contracts import topics
from contracts.events import AnyEvent, RecordDropped, RecordParked, RecordRetried, UnreadableEventError, decode, encode
from contracts.identity import derived_id
from infra.kafka.log import Appender, Entry, KafkaConnection, Partition, Record, scan
from infra.process.metrics import RECORDS_PARKED
from infra.process.world import Clock, iso

log = structlog.get_logger(__name__)

MOST_PARKED = 100
"""Undecided at a time. More is a defect of this code or of a writer, and wants a person."""
APPEND_SECONDS = 10.0

Place = tuple[str, int, int]
"""(topic without prefix, partition, offset)."""


class TooManyParked(Exception):  # noqa: N818 - named by what it says
    """Stop: a projector that cannot read this much is the wrong projector."""


@dataclass(slots=True)
class Decisions:
    """What `projection-control` says about records: parked and undecided, or dropped."""

    parked: set[Place] = field(default_factory=set)
    dropped: set[Place] = field(default_factory=set)

    def take(self, value: bytes | None) -> None:
        """One more record of the topic, in its order. What cannot be read decides nothing."""
        try:
            self.learn(decode(value))
        except UnreadableEventError:
            return

    def learn(self, event: AnyEvent) -> None:
        """One event of the topic."""
        if not isinstance(event, RecordParked | RecordRetried | RecordDropped):
            return
        place = (event.topic, event.partition, event.offset)
        self.parked.discard(place)
        self.dropped.discard(place)
        if isinstance(event, RecordParked):
            self.parked.add(place)
        elif isinstance(event, RecordDropped):
            self.dropped.add(place)

    @classmethod
    async def load(cls, connection: KafkaConnection) -> "Decisions":
        """Everything decided until now."""
        decisions = cls()
        async for batch in scan(connection, [topics.PROJECTION_CONTROL]):
            for records in batch.values():
                for record in records:
                    decisions.take(record.value)
        return decisions


class Parking:
    """Parks records, and counts the undecided ones."""

    def __init__(self, appender: Appender, clock: Clock, decisions: Decisions, most: int = MOST_PARKED) -> None:
        self._appender = appender
        self._clock = clock
        self._decisions = decisions
        self._most = most

    def learn(self, events: Sequence[AnyEvent | None]) -> None:
        """Decisions that were read while folding."""
        for event in events:
            if event is not None:
                self._decisions.learn(event)

    def without_dropped(
        self, partition: Partition, records: Sequence[Record], events: list[AnyEvent | None]
    ) -> list[AnyEvent | None]:
        """The events, None for those of records that an operator dropped."""
        if not self._decisions.dropped:
            return events
        return [
            None if self.is_dropped(partition, record.offset) else event
            for record, event in zip(records, events, strict=True)
        ]

    def is_dropped(self, partition: Partition, offset: int) -> bool:
        """Whether an operator decided that this record has no effect."""
        dropped = self._decisions.dropped
        return bool(dropped) and (*partition, offset) in dropped

    async def park(self, partition: Partition, record: Record, reason: str, *, again: str = "") -> None:
        """Say in the log that this record has no effect until somebody decides about it.

        Said once: a second replica, or a rebuild, finds it said. `again` names the retry that failed.
        """
        place = (*partition, record.offset)
        if place in self._decisions.parked and not again:
            return
        self._decisions.parked.add(place)
        log.error("record_parked", topic=place[0], partition=place[1], offset=place[2], reason=reason)
        RECORDS_PARKED.labels(partition.topic).inc()
        if len(self._decisions.parked) > self._most:
            raise TooManyParked(
                f"more than {self._most} records cannot be folded; the last: {reason}. Look at them with `heliograph "
                f"parked list`: this program may be older than what writes the log."
            )
        event = RecordParked(
            event_id=derived_id("RecordParked", *place, again),
            occurred_at=iso(self._clock.wall()),
            topic=partition.topic,
            partition=partition.partition,
            offset=record.offset,
            reason=reason[:1000],
            actor="projector",
        )
        key = f"{partition.topic}.{partition.partition}"
        await self._appender.append(Entry(topics.PROJECTION_CONTROL, key, encode(event)), within=APPEND_SECONDS)
