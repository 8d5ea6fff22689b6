"""Sinch's callbacks → events. Pure: bytes and the moment of arrival in, log entries out.

Event ids derive from the raw body, so that a callback that Sinch repeats, or an append that landed after its
deadline, is recognised as the same fact. A reply that is a consent word is two facts, the reply and the decision.
"""

from collections.abc import Callable, Mapping
from functools import lru_cache

import msgspec

from contracts import topics
from contracts.consent import Keywords
from contracts.events import BatchReported, DeadLetter, DeliveryReported, Event, StatusCount, encode
from contracts.identity import Reference, callback_id, derived_id, parse_reference
from infra.kafka.log import Entry
from infra.process.masking import mask_phone
from infra.sinch.wire.callbacks import (
    BatchReport,
    InboundMessage,
    RecipientReport,
    parse_callback,
)
from infra.sinch.wire.fields import UnreadableCallback
from infra.sinch.wire.msisdn import digits_of, is_msisdn
from services.webhook_gateway.replies.reading import replied

ORIGIN = "webhook"
"""What dead letters of this service name as where they came from, and their key."""
MOST_DEAD_BYTES = 500_000
"""Bytes of a body that is kept as a dead letter; base64 makes it a third longer, and a record holds 1,000,000."""


SHOWN = 64
"""Characters of a text of Sinch's in a log line: its ids have 26."""
LONG_NUMBER = 11
"""Digits from which on four at each end still hide enough (`mask_phone` decides the same; this is the hot path)."""
MOST_EVENT_BYTES = 16_000_000
"""Of the events that one callback may become: a thousand recipients take 500 KB. Above it the body is a dead letter."""
EVENT_BYTES = 400
"""Of a recipient's event without what it repeats of its batch and of its line."""

NUMBER_IN_KEY = "the batch id holds the recipient's number, and would be the record's key"
"""Sinch's are ULIDs. Keys outlive everything, and no number may stand in one."""

CACHED_REFERENCES = 8_192

Saying = Mapping[str, str | int]


class Said(msgspec.Struct, frozen=True, gc=False):
    """What a callback says: its kind (our own few words, for metrics), what to log of it, what to append."""

    kind: str
    about: Saying
    entries: list[Entry]

    @property
    def is_dead(self) -> bool:
        """Whether it could not be read, and is kept for people to look at."""
        return bool(self.entries) and self.entries[0].topic == topics.DEAD_LETTERS

    @property
    def is_partly_dead(self) -> bool:
        """Whether some of it could not be read; that stands last."""
        return bool(self.entries) and self.entries[-1].topic == topics.DEAD_LETTERS


class Translator:
    """Knows how numbers become pseudonyms, which words decide about consent, and nothing else of the world."""

    def __init__(self, pseudonym: Callable[[str], str], keywords: Keywords) -> None:
        self._pseudonym = pseudonym
        self._keywords = keywords

    def read(self, raw: bytes, now: str) -> Said:
        """What this body says. What cannot be read becomes a dead letter, never nothing."""
        try:
            callback = parse_callback(raw)
        except UnreadableCallback as error:
            return dead("unreadable", raw, str(error), now)
        match callback:
            case RecipientReport():
                return _recipient_report(callback, raw, now)
            case BatchReport():
                return _batch_report(callback, raw, now)
            case InboundMessage():
                return self._reply(callback, raw, now)
            case _:
                return dead("unknown", raw, f"callbacks of type {callback.type[:40]!r} are not known", now)

    def _reply(self, message: InboundMessage, raw: bytes, now: str) -> Said:
        if not is_msisdn(message.from_):
            return dead("unreadable", raw, "the sender is not a phone number", now)
        reply, decision, about = replied(message, self._keywords, callback_id(raw), now)
        key = self._pseudonym(message.from_)
        entries = [Entry(topics.INBOUND_MESSAGES, key, encode(reply))]
        if decision is not None:
            entries.append(Entry(topics.CONSENT, key, encode(decision)))
        return Said(message.type, about, entries)


def dead(kind: str, raw: bytes, reason: str, now: str) -> Said:
    """A body that is kept instead of being understood."""
    return Said(kind, {"reason": reason, "bytes": len(raw)}, [dead_letter(raw, reason, now)])


def dead_letter(raw: bytes, reason: str, now: str, *, truncated: bool = False) -> Entry:
    """A body that is kept as it came, up to a limit."""
    event = DeadLetter(
        event_id=callback_id(raw),
        occurred_at=now,
        origin=ORIGIN,
        reason=reason,
        raw=raw[:MOST_DEAD_BYTES],
        truncated=truncated or len(raw) > MOST_DEAD_BYTES,
    )
    return Entry(topics.DEAD_LETTERS, ORIGIN, encode(event))


def _recipient_report(report: RecipientReport, raw: bytes, now: str) -> Said:
    reference = _reference(report.client_reference)
    if reference is None and report.recipient in digits_of(report.batch_id):
        return dead("unreadable", raw, NUMBER_IN_KEY, now)
    campaign_id, chunk, attempt, part = _place(reference)
    mended = report.mended
    event = DeliveryReported(
        event_id=callback_id(raw),
        occurred_at=now,
        batch_id=report.batch_id,
        recipient=report.recipient,
        status=report.status,
        code=report.code,
        at=report.at,
        campaign_id=campaign_id,
        chunk=chunk,
        attempt=attempt,
        part=part,
        client_reference=report.client_reference,
        operator_status_at=report.operator_status_at,
        parts=report.number_of_message_parts,
        operator=report.operator,
        originator=report.applied_originator,
        encoding=report.encoding,
        channel="mms" if report.type.endswith("mms") else "sms",
        extra=_extra(report),
        mended=list(mended) if mended else None,
    )
    number = report.recipient
    about: Saying = {
        "batch_id": report.batch_id[:SHOWN],
        "client_reference": "" if reference is None else report.client_reference or "",
        "recipient": f"{number[:4]}•••{number[-4:]}" if len(number) >= LONG_NUMBER else mask_phone(number),
        "status": report.status[:SHOWN],
        "code": report.code,
    }
    if mended:
        about = {**about, "mended": len(mended)}
    return Said(report.type, about, [_entry(reference, report.batch_id, event)])


def _batch_report(report: BatchReport, raw: bytes, now: str) -> Said:
    """A full report is one event a recipient; one that names none, or not all, is kept as its counts as well."""
    repeated = EVENT_BYTES + _written(report.batch_id) + _written(report.client_reference or "")
    sizes = [(len(line.recipients or ()), repeated + _written(line.status)) for line in report.statuses]
    recipients = sum(count for count, _ in sizes)
    if sum(count * size for count, size in sizes) > MOST_EVENT_BYTES:
        return dead("oversized", raw, f"{recipients} recipients would become too many bytes", now)
    reference = _reference(report.client_reference)
    if reference is None:
        key = digits_of(report.batch_id)
        if any(number in key for line in report.statuses for number in line.recipients or ()):
            return dead("unreadable", raw, NUMBER_IN_KEY, now)
    id_ = callback_id(raw)
    entries = _named_recipients(report, reference, id_, now)
    if not report.is_full or not entries:
        entries.append(_summary(report, reference, id_, now))
    if report.lost:
        entries.append(_lost(report, now))
    about: Saying = {
        "batch_id": report.batch_id[:SHOWN],
        "client_reference": str(reference or ""),
        "recipients": recipients,
    }
    if report.mended:
        about = {**about, "mended": len(report.mended)}
    return Said(report.type, about, entries)


def _lost(report: BatchReport, now: str) -> Entry:
    """What of a batch's report could not be read, as a report of its own that is kept as a dead letter."""
    fields: dict[str, object] = {"type": report.type, "batch_id": report.batch_id, "statuses": report.lost}
    if report.client_reference is not None:
        fields["client_reference"] = report.client_reference
    return dead_letter(msgspec.json.encode(fields), "; ".join(report.mended), now)


def _written(text: str) -> int:
    """Bytes of a text in an event: a control character is six of them."""
    return len(msgspec.json.encode(text))


def _named_recipients(report: BatchReport, reference: Reference | None, id_: str, now: str) -> list[Entry]:
    campaign_id, chunk, attempt, part = _place(reference)
    channel, mended = "mms" if report.type.endswith("mms") else "sms", list(report.mended) or None
    return [
        _entry(
            reference,
            report.batch_id,
            DeliveryReported(
                event_id=derived_id(id_, line.status, line.code, recipient),
                occurred_at=now,
                batch_id=report.batch_id,
                recipient=recipient,
                status=line.status,
                code=line.code,
                campaign_id=campaign_id,
                chunk=chunk,
                attempt=attempt,
                part=part,
                client_reference=report.client_reference,
                channel=channel,
                mended=mended,
            ),
        )
        for line in report.statuses
        for recipient in line.recipients or ()
    ]


def _summary(report: BatchReport, reference: Reference | None, id_: str, now: str) -> Entry:
    campaign_id, chunk, attempt, part = _place(reference)
    event = BatchReported(
        event_id=id_,
        occurred_at=now,
        batch_id=report.batch_id,
        total=report.total_message_count,
        statuses=[StatusCount(line.status, line.code, line.count) for line in report.statuses],
        campaign_id=campaign_id,
        chunk=chunk,
        attempt=attempt,
        part=part,
        client_reference=report.client_reference,
        channel="mms" if report.type.endswith("mms") else "sms",
        mended=list(report.mended) or None,
    )
    return _entry(reference, report.batch_id, event)


@lru_cache(maxsize=CACHED_REFERENCES)
def _reference(text: str | None) -> Reference | None:
    """`parse_reference`, remembered: a chunk's thousand reports carry the same one."""
    return parse_reference(text)


def _place(reference: Reference | None) -> tuple[str | None, int | None, int | None, str]:
    if reference is None:
        return None, None, None, ""
    return reference.campaign_id, reference.chunk, reference.attempt, reference.part


def _extra(report: RecipientReport) -> dict[str, object] | None:
    extra = dict(report.extra)
    if report.status_message is not None:
        extra["status_message"] = report.status_message
    return extra or None


def _entry(reference: Reference | None, batch_id: str, event: Event) -> Entry:
    """Under its chunk's key, or its batch's when the reference is missing or not ours (DESIGN §4)."""
    return Entry(topics.DELIVERY_REPORTS, batch_id if reference is None else reference.key, encode(event))
