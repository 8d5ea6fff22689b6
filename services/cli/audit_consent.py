"""`heliograph audit consent`: was anybody sent to after the opt-out was known? The log alone decides; it must say 0.

An opt-out counts as known when its record had been in the log for longer than the dispatcher may lag behind it
(READER_LAG, beyond which it claims nothing) and a second for clocks. Words are ordered by Sinch's `received_at`, a tie
counts as opted out; records by the broker's time of append. The confirmation of a reply passes the opt-out that this
reply was (decision 0007), and no other.

A log is older than the rules of today. Each attempt is therefore judged twice: by what stood in the log as it was dated and
judged then, and by today's rules (dates bounded by arrival, an opt-out by hand before all dates, and a reply such as "Stop
please" that the words of then took for nothing). They are in force since the first reply that was judged by them; what was
sent before that against them only is told and is no fault.
"""

import asyncio
from collections import defaultdict
from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import takewhile
from math import inf

import typer

from contracts import topics
from contracts.consent import Keywords
from contracts.consent.believed import believed
from contracts.consent.replies import decided_by
from contracts.events import (
    AnyEvent,
    ConsentEvent,
    InboundReceived,
    RecipientOptedIn,
    RecipientOptedOut,
    SendAttempted,
    UnreadableEventError,
    decode,
)
from infra.kafka.connection import connection_from
from infra.kafka.log import KafkaConnection, Partition, Record, Scanner
from infra.process.masking import mask_phone
from infra.process.world import iso
from infra.terminal.echo import echo
from services.cli.commands import errors_shown, located, prepared
from services.cli.service import FAILED
from services.dispatcher.consent import Wanted, after

SLACK_SECONDS = 1.0
"""Added to READER_LAG: the brokers' clocks, and the way from the claim to the record of the attempt."""
SHOWN = 100


@dataclass(frozen=True, slots=True)
class Said:
    """One consent event: when the log took it (milliseconds since 1970), when Sinch or the API received it.

    `reply`: its event_id where it is a reply, else empty.
    """

    logged_ms: int
    received_at: str
    out: bool
    reply: str = ""


@dataclass(frozen=True, slots=True)
class Breach:
    """One message that was offered although its recipient's opt-out was known; `by_today`: by today's rules alone."""

    recipient: str
    client_reference: str
    sent_ms: int
    opted_out: Said
    by_today: bool = False


@dataclass(slots=True)
class Audit:
    """What the log says, in the order in which it is read: all replies and consent first, then the attempts."""

    margin_ms: int
    keywords: Keywords = field(default_factory=Keywords)
    consent: defaultdict[str, list[Said]] = field(default_factory=lambda: defaultdict(list))
    words: defaultdict[str, list[tuple[int, ConsentEvent]]] = field(default_factory=lambda: defaultdict(list))
    """By number, what today's rules make of everything, with when the log took it."""
    in_force_ms: float = inf
    attempts: int = 0
    unreadable: int = 0
    breaches: list[Breach] = field(default_factory=list)

    def take(self, record: Record) -> None:
        """Take in one record of either topic."""
        event = self._read(record)
        match event:
            case RecipientOptedOut() | RecipientOptedIn():
                is_out, reply = isinstance(event, RecipientOptedOut), event.event_id if event.source == "reply" else ""
                said = Said(record.timestamp, event.received_at, is_out, reply)
                self.consent[event.recipient].append(said)
                self.words[event.recipient].append((record.timestamp, believed(event, record.timestamp)))
            case InboundReceived():
                self._replied(event, record.timestamp)
            case SendAttempted():
                self._attempted(event, record.timestamp)
            case _:
                return

    def _replied(self, reply: InboundReceived, logged_ms: int) -> None:
        """A reply: of today's rules, or of before them and then judged by them now."""
        if reply.verdict is not None:
            self.in_force_ms = min(self.in_force_ms, logged_ms)
            return
        decided = decided_by(reply, self.keywords)
        if isinstance(decided, RecipientOptedOut):
            self.words[reply.sender].append((logged_ms, believed(decided, logged_ms)))

    def _attempted(self, event: SendAttempted, sent_ms: int) -> None:
        self.attempts += 1
        for recipient in self.words.keys() & event.recipients:
            said = known_opt_out(self.consent.get(recipient, ()), sent_ms, self.margin_ms, event.confirms)
            if said is not None:
                self.breaches.append(Breach(recipient, event.client_reference, sent_ms, said))
                continue
            said = known_today(self.words[recipient], sent_ms, self.margin_ms, event.confirms)
            if said is not None:
                self.breaches.append(Breach(recipient, event.client_reference, sent_ms, said, by_today=True))

    def faults(self) -> list[Breach]:
        """The breaches of rules that were in force."""
        return [breach for breach in self.breaches if not breach.by_today or breach.sent_ms > self.in_force_ms]

    def _read(self, record: Record) -> AnyEvent | None:
        try:
            return decode(record.value)
        except UnreadableEventError:
            self.unreadable += 1
            return None


def known_opt_out(said: Sequence[Said], sent_ms: int, margin_ms: int, confirms: str | None = None) -> Said | None:
    """The opt-out that must have been known at `sent_ms` and was not taken back before; None when there is none.

    Nor does it count for the confirmation of the reply that it was, or that it repeated.
    """
    known = [word for word in said if word.logged_ms + (margin_ms if word.out else 0) < sent_ms]
    words = sorted(known, key=lambda word: (word.received_at, word.out), reverse=True)
    if not words or not words[0].out:
        return None
    replies = {word.reply for word in takewhile(lambda word: word.out and word.reply, words)}
    return None if confirms in replies else words[0]


def known_today(
    words: Sequence[tuple[int, ConsentEvent]], sent_ms: int, margin_ms: int, confirms: str | None = None
) -> Said | None:
    """The same by today's rules, which are those of the dispatcher's own fold, over words as today's rules read them."""
    state: Wanted | None = None
    last: tuple[int, ConsentEvent] | None = None
    for logged_ms, event in sorted(words, key=lambda word: word[0]):
        is_out = isinstance(event, RecipientOptedOut)
        if logged_ms + (margin_ms if is_out else 0) < sent_ms:
            before, state = state, after(state, event)
            if state.opted_out and (before is None or not before.opted_out):
                last = logged_ms, event
    if state is None or not state.opted_out or last is None or (confirms is not None and state.confirmable == confirms):
        return None
    return Said(last[0], last[1].received_at, out=True)


async def audit_consent(kafka: KafkaConnection, reader_lag: float, keywords: Keywords | None = None) -> Audit:
    """Read the log as it is now.

    The end of the attempts is noted before consent is read, so that whatever was said before one of them is known.
    """
    audit = Audit(round((reader_lag + SLACK_SECONDS) * 1000), keywords or Keywords())
    async with Scanner(kafka) as scanner:
        attempts = await scanner.bounds(await scanner.partitions([topics.DISPATCHES]))
        consent = await scanner.bounds(await scanner.partitions([topics.CONSENT, topics.INBOUND_MESSAGES]))
        for bounds in (consent, attempts):
            begins = {partition: begin for partition, (begin, _) in bounds.items()}
            ends = {partition: end for partition, (_, end) in bounds.items()}
            async for record in _records(scanner.read(begins, ends)):
                audit.take(record)
    return audit


async def _records(batches: AsyncGenerator[dict[Partition, list[Record]], None]) -> AsyncGenerator[Record, None]:
    async for batch in batches:
        for records in batch.values():
            for record in records:
                yield record


def consent() -> None:
    """Count the messages that were sent although an opt-out was known. Exit code 1 unless there are none."""
    settings = located(prepared(), ("KAFKA_BOOTSTRAP_SERVERS",))
    words = Keywords(settings.consent_languages, settings.consent_opt_out_words, settings.consent_opt_in_words)
    with errors_shown():
        audit = asyncio.run(audit_consent(connection_from(settings), settings.reader_lag, words))
    faults = audit.faults()
    for breach in faults[:SHOWN]:
        echo(_line(breach))
    if len(faults) > SHOWN:
        echo(f"… and {len(faults) - SHOWN} more")
    if audit.unreadable:
        echo(f"{audit.unreadable} records could not be read", err=True)
    echo(
        f"{len(faults)} messages sent after a known opt-out "
        f"({audit.attempts} attempts, {len(audit.words)} numbers with a word about consent)"
    )
    echo(
        f"{len(audit.breaches) - len(faults)} more against today's rules alone, before they were in force: "
        "the rules of then did not know these opt-outs"
    )
    if faults:
        raise typer.Exit(FAILED)


def _line(breach: Breach) -> str:
    said = breach.opted_out
    return (
        f"+{mask_phone(breach.recipient)}  {breach.client_reference}  attempted {_written(breach.sent_ms)}  "
        f"opted out {said.received_at}, in the log {_written(said.logged_ms)}"
        f"{', by today’s rules' if breach.by_today else ''}"
    )


def _written(logged_ms: int) -> str:
    return iso(datetime.fromtimestamp(logged_ms / 1000, UTC))
