"""Intake: the log becomes rows of the ledger, with the next offsets, in one transaction."""

import asyncio
from collections import defaultdict
from collections.abc import Mapping, Sequence

import structlog

from contracts import topics
from contracts.consent import Keywords
from contracts.consent.believed import believed
from contracts.consent.replies import decided_by
from contracts.events import AnyEvent, RecipientOptedOut, UnreadableEventError, decode, encode
from contracts.identity import Reference, derived_id, pseudonym
from infra.kafka.log import Entry, KafkaConnection, LogUnavailable, Partition, Reader, Record
from infra.postgres.marks import mark_of, verify
from infra.postgres.offsets import Step
from infra.postgres.refusals import REFUSALS
from infra.process.masking import mask_loose
from infra.process.metrics import DEAD_LETTERS
from infra.process.world import World
from services.dispatcher import offers
from services.dispatcher.confirmations import Confirmations
from services.dispatcher.fits import misfit
from services.dispatcher.intake_store import IntakeStore, Noted
from services.dispatcher.readers import FENCING, Readers
from services.dispatcher.say import Voice, dead_letter
from services.dispatcher.taken import Taken

log = structlog.get_logger(__name__)

MOST_RECORDS = 2_000
IDLE_SECONDS = 0.1
ENDS_SECONDS = 0.1
COMMIT_SECONDS = 1.0
"""Between two looks at the log's ends."""
REMEDY = "Restore the right topic, or a database that is not ahead of it (docs/operations.md, Backup and restore)."
READ = tuple(topic.name for topic in topics.TOPICS if "dispatcher" in topic.read_by)

Read = tuple[Partition, Record, AnyEvent | None]
"""A record and its event; None: it is kept as a dead letter and has no effect."""


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
        keywords: Keywords,
    ) -> None:
        self._connection = connection
        self._reader = reader
        self._store = store
        self._readers = readers
        self._voice = voice
        self._world, self._clock = world, world.clock
        self._privacy_key = privacy_key
        self._confirmations = confirmations
        self._keywords = keywords
        self._next: dict[Partition, int] = {}
        self._looked = 0.0
        self._committed = 0.0

    async def load_offsets(self, partitions: Sequence[Partition]) -> Mapping[Partition, int]:
        """Where to go on, for the reader, which asks on every assignment. Raises LogRewritten."""
        stored = await self._store.load_offsets(partitions)
        gaps = await verify(self._connection, stored, REMEDY, "dispatcher")
        if gaps:
            await self._store.skip(gaps)
        self._next = {partition: at.following for partition, at in stored.items()}
        self._next.update({partition: step.following for partition, step in gaps.items()})
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
        await self._write_or_divide(dict(self._next), await self._read(records))

    async def _read(self, records: Mapping[Partition, Sequence[Record]]) -> list[Read]:
        """The records' events; one that cannot be read, or worked with, is kept as a dead letter and the rest go on."""
        read = list[Read]()
        for partition, some in records.items():
            for record in some:
                try:
                    event: AnyEvent | None = decode(record.value)
                    wrong = misfit(event) if event is not None else None
                except UnreadableEventError as error:
                    wrong = str(error)
                if wrong is not None:
                    event = None
                    await self._bury("record_unreadable", partition, record, wrong)
                read.append((partition, record, event))
        return read

    async def _write_or_divide(self, expected: dict[Partition, int], read: Sequence[Read]) -> None:
        """Take these in; where a value is refused, in halves, down to the record that has it: it is kept as a dead letter.

        Only what the value is to blame for: a lost connection, a full disk or a deadlock ends us, and buries nothing.
        """
        try:
            await self._write(expected, read)
        except REFUSALS as error:
            if len(read) > 1:
                middle = len(read) // 2
                await self._write_or_divide(expected, read[:middle])
                await self._write_or_divide(expected, read[middle:])
                return
            partition, record, _ = read[0]
            await self._bury("record_refused", partition, record, f"{type(error).__name__}: {error}".partition("\n")[0])
            await self._write(expected, [(partition, record, None)])

    async def _write(self, expected: dict[Partition, int], read: Sequence[Read]) -> None:
        """One transaction: what these say, and the offsets behind them."""
        taken, last = Taken(), dict[Partition, Record]()
        for partition, record, event in read:
            last[partition] = record
            if event is not None:
                taken.take(event, record.value or b"", partition, record.offset, record.timestamp)
        steps = {p: Step(expected[p], record.offset + 1, mark_of(record)) for p, record in last.items()}
        await self._say_opt_outs(taken)
        await self._say_what_old_replies_decide(taken)
        await self._store.take_in(taken, steps, self._say)
        following = {p: step.following for p, step in steps.items()}
        expected.update(following)
        self._next.update(following)

    async def _note_ends(self) -> None:
        """Note how far the log goes now, and in which partitions: once we are there, nothing older is unread."""
        await self._readers.reached(self._next)
        now = self._clock.boot()
        if now - self._looked < ENDS_SECONDS:
            return
        self._looked = now
        if now - self._committed >= COMMIT_SECONDS:
            self._committed = now
            await self._reader.commit(self._next)
        try:
            partitions, lag = await asyncio.gather(self._reader.partitions(FENCING), self._reader.lag())
        except LogUnavailable as error:
            log.warning("ends_unknown", why=str(error))
            return
        await self._readers.register(partitions)
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

    async def _say_what_old_replies_decide(self, taken: Taken) -> None:
        """Replies of before there were three verdicts are judged by the words of now, under the ids of those of now.

        What that says is in the ledger with the offset of the reply: no claim comes in between.
        """
        said = [event for reply in taken.replies if (event := decided_by(reply, self._keywords)) is not None]
        await self._voice.say(
            *(Entry(topics.CONSENT, pseudonym(one.recipient, self._privacy_key), encode(one)) for one in said)
        )
        taken.consent.extend(map(believed, said))

    async def _bury(self, what: str, partition: Partition, record: Record, reason: str) -> None:
        """Keep it as a dead letter, which has an id by its place: said twice, it is one."""
        reason = mask_loose(reason)
        log.error(what, topic=partition.topic, partition=partition.partition, offset=record.offset, reason=reason)
        DEAD_LETTERS.labels("record").inc()
        place = partition.partition, record.offset
        await self._voice.say(
            dead_letter(partition.topic, record.value or b"", reason, self._clock.wall(), place=place)
        )
