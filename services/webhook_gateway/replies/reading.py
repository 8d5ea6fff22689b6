"""A phone's message → the reply as an event, and what it decides about consent. Pure.

Of a message only its sender and its text are needed: a person who writes STOP gets nothing more, whatever else of the
callback was lost on its way (FAULTS D2).
"""

from collections.abc import Mapping

from contracts.consent import Keywords
from contracts.consent.dates import is_ahead
from contracts.consent.replies import VERDICTS, decision, said_in
from contracts.events import ConsentEvent, InboundReceived
from infra.process.masking import mask_phone
from infra.sinch.wire.callbacks import InboundMessage

SHOWN = 64
"""Characters of an id of Sinch's in a log line: they have 26."""
AHEAD = "dated_ahead"
"""The key in a log line of a date that cannot be true, with that date."""
MOST_BODY = 20_000
"""Characters of a text that is kept; Sinch's have at most 2,000 (CONTRACT §4)."""


def replied(
    message: InboundMessage, keywords: Keywords, event_id: str, now: str
) -> tuple[InboundReceived, ConsentEvent | None, Mapping[str, str | int]]:
    """The reply that came at `now`, what it decides, and what to log of it."""
    kind, subject = message.type.removeprefix("mo_"), (message.media or {}).get("subject")
    found = keywords.read(said_in(kind, message.body, subject))
    notes, extra = list(message.mended), dict(message.extra) if message.mended else {}
    received_at, body = message.received_at or now, message.body
    if is_ahead(received_at, now):
        notes.append("received_at is ahead of its arrival")
        extra["received_at"], received_at = received_at, now
    if len(body) > MOST_BODY:
        notes.append(f"body is cut at {MOST_BODY} characters")
        body = body[:MOST_BODY]
    reply = InboundReceived(
        event_id=event_id,
        occurred_at=now,
        inbound_id=message.id or event_id,
        sender=message.from_,
        originator=message.to,
        kind=kind,
        received_at=received_at,
        body=body,
        udh=message.udh,
        media=None if message.media is None else [message.media],
        operator=message.operator_id,
        sent_at=message.sent_at,
        client_reference=message.client_reference,
        keyword=None if found is None else found[1],
        extra=extra or None,
        mended=notes or None,
        verdict="none" if found is None else VERDICTS[found[0]],
    )
    about: dict[str, str | int] = {"inbound_id": reply.inbound_id[:SHOWN], "sender": mask_phone(reply.sender)}
    if reply.keyword is not None:
        about["keyword"], about["verdict"] = reply.keyword, reply.verdict or ""
    if notes:
        about["mended"] = len(notes)
    if received_at != (message.received_at or now):
        about[AHEAD] = message.received_at
    return reply, decision(reply, message.received_at, found), about
