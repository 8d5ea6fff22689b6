"""What a reply decides about consent, by the words that are in force. Pure; the same for the gateway and for old replies."""

from base64 import b64decode
from collections.abc import Mapping
from contextlib import suppress

from contracts.consent.dates import opted_in_at, opted_out_at
from contracts.consent.words import Keywords, Wish
from contracts.events import ConsentEvent, InboundReceived, OptOutSuspected, RecipientOptedIn, RecipientOptedOut
from contracts.identity import derived_id

VERDICTS: Mapping[Wish, str] = {
    Wish.OPT_OUT: "opt_out", Wish.PROBABLY: "probably", Wish.OPT_IN: "opt_in", Wish.HELP: "help",
}  # fmt: skip
MOST_BINARY = 400
"""Characters of a binary body that may be a text: 140 bytes are 188."""


def said_in(kind: str, body: str, subject: object = "") -> str:
    """The text by which a reply of this kind is judged: of a binary one what it is as text, else its subject where it has none."""
    if kind == "binary":
        return _as_text(body)
    return body if body.strip() or not isinstance(subject, str) else subject


def _as_text(body: str) -> str:
    """Some phones' texts come as bytes: UTF-8, or the UCS-2 of the air; "" for what is no text."""
    if len(body) > MOST_BINARY:
        return ""
    with suppress(ValueError):
        raw = b64decode(body, validate=True)
        for encoding in ("utf-16-be",) if b"\0" in raw else ("utf-8", "utf-16-be"):
            with suppress(UnicodeDecodeError):
                text = raw.decode(encoding)
                if text.isprintable():
                    return text
    return ""


def decision(reply: InboundReceived, told_at: str, found: tuple[Wish, str] | None) -> ConsentEvent | None:
    """What a reply decides: at Sinch's `received_at` as it was told, because arrival may be a day later (DESIGN §5)."""
    if found is None or found[0] is Wish.HELP:
        return None
    event_id, arrived, (wish, words) = derived_id(reply.event_id, "consent"), reply.occurred_at, found
    if wish is Wish.PROBABLY:
        return OptOutSuspected(
            event_id=event_id, occurred_at=arrived, recipient=reply.sender, received_at=opted_out_at(told_at, arrived),
            inbound_id=reply.inbound_id, reply=reply.event_id, words=words,
        )  # fmt: skip
    kind, at = (RecipientOptedOut, opted_out_at) if wish is Wish.OPT_OUT else (RecipientOptedIn, opted_in_at)
    return kind(
        event_id=event_id, occurred_at=arrived, recipient=reply.sender, received_at=at(told_at, arrived), source="reply",
        keyword=words, originator=reply.originator,
    )  # fmt: skip


def decided_by(reply: InboundReceived, keywords: Keywords) -> ConsentEvent | None:
    """What a reply of the log decides that its gateway took for nothing; None where its own decision stands in the log.

    A gateway of before the three verdicts gave none, and a keyword only where it decided.
    """
    if reply.verdict is not None or reply.keyword is not None:
        return None
    media = reply.media[0] if reply.media else {}
    found = keywords.read(said_in(reply.kind, reply.body, media.get("subject")))
    if found is None or found[0] not in (Wish.OPT_OUT, Wish.PROBABLY):
        return None
    return decision(reply, reply.received_at, found)
