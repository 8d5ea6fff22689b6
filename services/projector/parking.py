"""Records that cannot be folded: each is parked as an event of its own, and the rest go on.

Order does not matter to the lattice, so nothing waits for a parked record. Too many kinds of them stop the projector, and
so do many whose type it does not know: wrong code must not park the world. A value that only the database refuses is no
sign of wrong code, however many have one. What was decided about records stands in `projection-control`, which is read whole before
anything is folded, so that a rebuild repeats it: a dropped record has no effect, whatever code reads it.
"""

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

import structlog

from contracts import topics
from contracts.events import AnyEvent, RecordDropped, RecordParked, RecordRetried, UnreadableEventError, decode, encode
from contracts.identity import derived_id
from infra.kafka.log import Appender, Entry, KafkaConnection, Partition, Record, scan
from infra.process.masking import mask_loose
from infra.process.metrics import RECORDS_PARKED
from infra.process.world import Clock, iso

log = structlog.get_logger(__name__)

MOST_KINDS = 20
"""Undecided at a time. More is a defect of this code or of a writer, and wants a person."""
MOST_UNKNOWN = 100
"""Undecided records of types that this code does not know: it is older than what writes the log."""
REFUSED = "the database refuses a value"
"""How the reason of such a record begins."""
UNSOUND = ("is not a UUID", "is not a moment")
"""How it ends where we ask before the database does."""
UNKNOWN = "a type that is not known"
APPEND_SECONDS = 10.0
MOST_REASON = 1_000  # characters

Place = tuple[str, int, int]
"""(topic without prefix, partition, offset)."""


class TooManyParked(Exception):  # noqa: N818 - named by what it says
    """Stop: a projector that cannot read this much is the wrong projector."""


_TYPE = re.compile(rb'"type": ?"([A-Za-z]{1,40}\.v[0-9]{1,4})"')
_PARTICULAR = re.compile(r"'[^']*'|\"[^\"]*\"|\b[0-9]+\b")


def described(value: bytes | None, reason: str) -> str:
    """The reason, behind the type that the record claims to have."""
    found = _TYPE.search(value or b"")
    return f"{found[1].decode()}: {reason}" if found else reason


def kind_of(reason: str) -> str | None:
    """What reasons like this one have in common: type and class; None for one that is no sign of wrong code."""
    if reason.startswith(REFUSED) or reason.partition(": ")[2].startswith(REFUSED) or reason.endswith(UNSOUND):
        return None
    return UNKNOWN if "`$.type`" in reason else _PARTICULAR.sub("…", reason)[:200]


@dataclass(slots=True)
class Decisions:
    """What `projection-control` says about records: parked and undecided, each with its kind, or dropped."""

    parked: dict[Place, str | None] = field(default_factory=dict)
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
        self.parked.pop(place, None)
        self.dropped.discard(place)
        if isinstance(event, RecordParked):
            is_ours = event.event_id == derived_id("RecordParked", *place, "")  # not a retry's, nor anybody else's
            self.parked[place] = kind_of(event.reason) if is_ours else None
        elif isinstance(event, RecordDropped):
            self.dropped.add(place)

    def too_many(self) -> str:
        """Why this is the wrong code; empty when it is not."""
        kinds = Counter(kind for kind in self.parked.values() if kind is not None)
        if kinds[UNKNOWN] > MOST_UNKNOWN:
            return f"more than {MOST_UNKNOWN} records are of types that this program does not know"
        return f"records of more than {MOST_KINDS} kinds cannot be folded" if len(kinds) > MOST_KINDS else ""

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

    def __init__(self, appender: Appender, clock: Clock, decisions: Decisions) -> None:
        self._appender = appender
        self._clock = clock
        self._decisions = decisions

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
        reason = described(record.value, reason)[:MOST_REASON]
        self._decisions.parked[place] = kind_of(reason)
        log.error("record_parked", topic=place[0], partition=place[1], offset=place[2], reason=mask_loose(reason))
        RECORDS_PARKED.labels(partition.topic).inc()
        if why := self._decisions.too_many():
            raise TooManyParked(
                f"{why}; the last: {mask_loose(reason)}. Look at them with `heliograph parked list`: this program may be "
                f"older than what writes the log."
            )
        event = RecordParked(
            event_id=derived_id("RecordParked", *place, again),
            occurred_at=iso(self._clock.wall()),
            topic=partition.topic,
            partition=partition.partition,
            offset=record.offset,
            reason=reason,
            actor="projector",
        )
        key = f"{partition.topic}.{partition.partition}"
        await self._appender.append(Entry(topics.PROJECTION_CONTROL, key, encode(event)), within=APPEND_SECONDS)
