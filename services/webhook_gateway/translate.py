"""Sinch's callbacks → events. Pure: bytes and the moment of arrival in, log entries out.

Event ids derive from the raw body, so that a callback that Sinch repeats, or an append that landed after its
deadline, is recognised as the same fact.
"""

from collections.abc import Callable

from contracts import topics
from contracts.events import BatchReported, DeadLetter, DeliveryReported, Event, StatusCount, encode
from contracts.events.people import InboundReceived
from contracts.identity import Reference, derived_id, parse_reference
from infra.kafka.log import Entry
from infra.sinch.wire.callbacks import (
    BatchReport,
    InboundMessage,
    RecipientReport,
    UnreadableCallback,
    parse_callback,
)

MOST_DEAD_BYTES = 500_000
"""Bytes of a body that is kept as a dead letter; base64 makes it a third longer, and a record holds 1,000,000."""


class Translator:
    """Knows how numbers become pseudonyms (`pseudonym`), and nothing else of the world."""

    def __init__(self, pseudonym: Callable[[str], str]) -> None:
        self._pseudonym = pseudonym

    def entries(self, raw: bytes, now: str) -> tuple[str, list[Entry]]:
        """What this body says, as (its type, log entries). What cannot be read becomes a dead letter, never nothing."""
        try:
            callback = parse_callback(raw)
        except UnreadableCallback as error:
            return "unreadable", [dead_letter(raw, str(error), now)]
        match callback:
            case RecipientReport():
                return callback.type, [_recipient_report(callback, raw, now)]
            case BatchReport():
                return callback.type, _batch_report(callback, raw, now)
            case InboundMessage():
                return callback.type, [self._inbound(callback, raw, now)]
            case _:
                return "unknown", [dead_letter(raw, f"callbacks of type {callback.type[:40]!r} are not known", now)]

    def _inbound(self, message: InboundMessage, raw: bytes, now: str) -> Entry:
        event = InboundReceived(
            event_id=derived_id("callback", raw),
            occurred_at=now,
            inbound_id=message.id,
            sender=message.from_,
            originator=message.to,
            kind=message.type.removeprefix("mo_"),
            received_at=message.received_at,
            body=message.body,
            udh=message.udh,
            media=None if message.media is None else [message.media],
            operator=message.operator_id,
            sent_at=message.sent_at,
            client_reference=message.client_reference,
        )
        return Entry(topics.INBOUND_MESSAGES, self._pseudonym(message.from_), encode(event))


def dead_letter(raw: bytes, reason: str, now: str, *, truncated: bool = False) -> Entry:
    """A body that is kept as it came, up to a limit."""
    event = DeadLetter(
        event_id=derived_id("callback", raw),
        occurred_at=now,
        origin="webhook",
        reason=reason,
        raw=raw[:MOST_DEAD_BYTES],
        truncated=truncated or len(raw) > MOST_DEAD_BYTES,
    )
    return Entry(topics.DEAD_LETTERS, "webhook", encode(event))


def _recipient_report(report: RecipientReport, raw: bytes, now: str) -> Entry:
    reference = parse_reference(report.client_reference)
    campaign_id, chunk, attempt, part = _place(reference)
    event = DeliveryReported(
        event_id=derived_id("callback", raw),
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
    )
    return _entry(reference, report.batch_id, event)


def _batch_report(report: BatchReport, raw: bytes, now: str) -> list[Entry]:
    """A full report is one event a recipient; lines without recipients, as in a summary, are one BatchReported."""
    reference = parse_reference(report.client_reference)
    campaign_id, chunk, attempt, part = _place(reference)
    channel = "mms" if report.type.endswith("mms") else "sms"
    batch = derived_id("callback", raw)
    entries = [
        _entry(
            reference,
            report.batch_id,
            DeliveryReported(
                event_id=derived_id(batch, line.status, line.code, recipient),
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
            ),
        )
        for line in report.statuses
        for recipient in line.recipients or ()
    ]
    if report.is_full:
        return entries
    summary = BatchReported(
        event_id=batch,
        occurred_at=now,
        batch_id=report.batch_id,
        total=report.total_message_count,
        statuses=[StatusCount(line.status, line.code, line.count) for line in report.statuses],
        campaign_id=campaign_id,
        chunk=chunk,
        attempt=attempt,
        part=part,
        client_reference=report.client_reference,
        channel=channel,
    )
    return [*entries, _entry(reference, report.batch_id, summary)]


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
