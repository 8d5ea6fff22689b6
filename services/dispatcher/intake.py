"""Intake: the log becomes rows of the ledger, with the next offsets, in one transaction."""

from collections import defaultdict
from collections.abc import Mapping, Sequence

import structlog

from contracts import topics
from contracts.events import DeadLetter, RecipientOptedOut, UnreadableEventError, decode, encode
from contracts.identity import Reference, derived_id, pseudonym
from infra.kafka.log import Entry, KafkaConnection, LogUnavailable, Partition, Reader, Record
from infra.postgres.marks import mark_of, verify
from infra.postgres.offsets import Step
from infra.process.metrics import DEAD_LETTERS
from infra.process.world import World, iso
from services.dispatcher import offers
from services.dispatcher.confirmations import Confirmations
from services.dispatcher.intake_store import IntakeStore, Noted
from services.dispatcher.readers import Readers
from services.dispatcher.say import Voice
from services.dispatcher.taken import Taken

log = structlog.get_logger(__name__)

MOST_RECORDS = 2_000
IDLE_SECONDS = 0.1
ENDS_SECONDS = 0.1
COMMIT_SECONDS = 1.0
"""Between two looks at the log's ends."""
MOST_DEAD_BYTES = 500_000  # of a dead letter; base64 makes it a third longer
REMEDY = "Restore the right topic, or a database that is not ahead of it (docs/operations.md, Backup and restore)."
READ = tuple(topic.name for topic in topics.TOPICS if "dispatcher" in topic.read_by)


class Intake:
    """The loop: read, take in with the offsets, tell Kafka how far we are."""

    def __init__(
        self,
        *,
        connection: KafkaConnection,
        reader: Reader,
        store: IntakeStore,
        readers: Readers,
        voice: Voice,
        world: World,
        privacy_key: str,
        confirmations: Confirmations,
    ) -> None:
        self._connection = connection
        self._reader = reader
        self._store = store
        self._readers = readers
        self._voice = voice
        self._world, self._clock = world, world.clock
        self._privacy_key = privacy_key
        self._confirmations = confirmations
        self._next: dict[Partition, int] = {}
        self._looked = 0.0
        self._committed = 0.0

    async def load_offsets(self, partitions: Sequence[Partition]) -> Mapping[Partition, int]:
        """Where to go on, for the reader, which asks on every assignment. Raises LogRewritten."""
        stored = await self._store.load_offsets(partitions)
        await verify(self._connection, stored, REMEDY)
        self._next = {partition: at.following for partition, at in stored.items()}
        self._readers.forget()
        return self._next

    async def run(self) -> None:
        """Take in for ever. Raises what only a restart can mend."""
        while True:
            records = await self._reader.read(max_records=MOST_RECORDS, wait=IDLE_SECONDS)
            if records:
                await self._take_in(records)
            await self._note_ends()

    async def _take_in(self, records: Mapping[Partition, Sequence[Record]]) -> None:
        taken = Taken()
        for partition, some in records.items():
            for record in some:
                await self._take(taken, partition, record)
        last = {partition: some[-1] for partition, some in records.items()}
        steps = {p: Step(self._next[p], record.offset + 1, mark_of(record)) for p, record in last.items()}
        await self._say_opt_outs(taken)
        await self._store.take_in(taken, steps, self._say)
        self._next.update({p: step.following for p, step in steps.items()})

    async def _take(self, taken: Taken, partition: Partition, record: Record) -> None:
        """One record; one that cannot be read is kept as a dead letter and the rest go on."""
        raw = record.value or b""
        try:
            taken.take(decode(raw), raw)
        except UnreadableEventError as error:
            await self._bury(partition, record.offset, raw, str(error))

    async def _note_ends(self) -> None:
        """Note how far the log goes now: once we are there, nothing older is unread."""
        await self._readers.reached(self._next)
        now = self._clock.boot()
        if now - self._looked < ENDS_SECONDS:
            return
        self._looked = now
        if now - self._committed >= COMMIT_SECONDS:
            self._committed = now
            await self._reader.commit(self._next)
        try:
            lag = await self._reader.lag()
        except LogUnavailable as error:
            log.warning("ends_unknown", why=str(error))
            return
        self._readers.ends({p: self._next[p] + behind for p, behind in lag.items() if p in self._next}, now)
        await self._readers.reached(self._next)

    async def _say(self, noted: Noted) -> None:
        """What the ledger learned from the log, in the log."""
        now = self._clock.wall()
        entries = self._confirmations.asked_by(noted.replies, now)
        entries += [offers.accepted(r, batch_id, now, recovered=True) for r, batch_id in noted.recovered]
        scheduled: defaultdict[tuple[Reference, str, str], list[str]] = defaultdict(list)
        for follow_up in noted.follow_ups:
            scheduled[follow_up.reference, follow_up.due_at, follow_up.why].append(follow_up.recipient)
        for (reference, due_at, why), recipients in scheduled.items():
            if why:
                entries.append(offers.follow_up_given_up(reference, recipients, why, now))
            else:
                entries.append(offers.follow_up_scheduled(reference, recipients, due_at, now))
        await self._voice.say(*entries)
        self._world.at("intake.said")

    async def _say_opt_outs(self, taken: Taken) -> None:
        """A delivery code that says that the recipient opted out is consent withdrawn."""
        entries = []
        for report in taken.opted_out:
            event = RecipientOptedOut(
                event_id=derived_id("RecipientOptedOut", report.event_id),
                occurred_at=report.occurred_at,
                recipient=report.recipient,
                received_at=report.at or report.occurred_at,
                source="delivery_code",
                actor="dispatcher",
            )
            entries.append(Entry(topics.CONSENT, pseudonym(report.recipient, self._privacy_key), encode(event)))
        await self._voice.say(*entries)

    async def _bury(self, partition: Partition, offset: int, raw: bytes, reason: str) -> None:
        log.error(
            "record_unreadable", topic=partition.topic, partition=partition.partition, offset=offset, reason=reason
        )
        DEAD_LETTERS.labels("record").inc()
        letter = DeadLetter(
            event_id=derived_id("DeadLetter", *partition, offset),
            occurred_at=iso(self._clock.wall()),
            origin=partition.topic,
            partition=partition.partition,
            offset=offset,
            reason=reason,
            raw=raw[:MOST_DEAD_BYTES],
            truncated=len(raw) > MOST_DEAD_BYTES,
        )
        key = f"{partition.topic}.{partition.partition}"
        await self._voice.say(Entry(topics.DEAD_LETTERS, key, encode(letter)))
