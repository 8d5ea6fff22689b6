"""A phone's message → the reply as an event, and what it decides about consent. Pure.

Of a message only its sender and its text are needed: a person who writes STOP gets nothing more, whatever else of the
callback was lost on its way (FAULTS D2).
"""

from base64 import b64decode
from binascii import Error as Base64Error
from collections.abc import Mapping

from contracts.consent import Keywords, Wish
from contracts.consent.dates import is_ahead, opted_in_at, opted_out_at
from contracts.events import InboundReceived, RecipientOptedIn, RecipientOptedOut
from contracts.identity import derived_id
from infra.process.masking import mask_phone
from infra.sinch.wire.callbacks import InboundMessage

SHOWN = 64
"""Characters of an id of Sinch's in a log line: they have 26."""
AHEAD = "dated_ahead"
"""The key in a log line of a date that cannot be true, with that date."""
MOST_BODY = 20_000
"""Characters of a text that is kept; Sinch's have at most 2,000 (CONTRACT §4)."""
MOST_BINARY = 400
"""Characters of a binary body that may be a text: 140 bytes are 188."""

Decision = RecipientOptedOut | RecipientOptedIn


def replied(
    message: InboundMessage, keywords: Keywords, event_id: str, now: str
) -> tuple[InboundReceived, Decision | None, Mapping[str, str | int]]:
    """The reply that came at `now`, what it decides, and what to log of it."""
    found = keywords.read(said_in(message))
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
        kind=message.type.removeprefix("mo_"),
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
    )
    about: dict[str, str | int] = {"inbound_id": reply.inbound_id[:SHOWN], "sender": mask_phone(reply.sender)}
    if reply.keyword is not None:
        about["keyword"] = reply.keyword
    if notes:
        about["mended"] = len(notes)
    if received_at != (message.received_at or now):
        about[AHEAD] = message.received_at
    return reply, _decision(reply, message.received_at, found), about


def said_in(message: InboundMessage) -> str:
    """The text by which it is judged: of a picture message also its subject, of a binary one what it is as text."""
    if message.type == "mo_binary":
        return _as_text(message.body)
    if not message.body.strip() and message.media is not None:
        subject = message.media.get("subject")
        return subject if isinstance(subject, str) else ""
    return message.body


def _as_text(body: str) -> str:
    """Some phones' texts come as bytes: UTF-8, or the UCS-2 of the air; "" for what is no text."""
    if len(body) > MOST_BINARY:
        return ""
    try:
        raw = b64decode(body, validate=True)
    except (Base64Error, ValueError):
        return ""
    for encoding in ("utf-16-be",) if b"\0" in raw else ("utf-8", "utf-16-be"):
        try:
            text = raw.decode(encoding)
        except UnicodeDecodeError:
            continue
        if text.isprintable():
            return text
    return ""


def _decision(reply: InboundReceived, told_at: str, found: tuple[Wish, str] | None) -> Decision | None:
    """What a reply decides about consent: at Sinch's `received_at`, because arrival may be a day later (DESIGN §5)."""
    if found is None or found[0] is Wish.HELP:
        return None
    kind, at = (
        (RecipientOptedOut, opted_out_at) if found[0] is Wish.OPT_OUT else (RecipientOptedIn, opted_in_at)
    )  # fmt: skip
    return kind(
        event_id=derived_id(reply.event_id, "consent"),
        occurred_at=reply.occurred_at,
        recipient=reply.sender,
        received_at=at(told_at, reply.occurred_at),
        source="reply",
        keyword=found[1],
        originator=reply.originator,
    )
