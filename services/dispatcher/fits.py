"""What is wrong with an event that decodes and that the ledger would store: a loop would end at it later. Pure.

Reports are hardly looked at, because there is one a message: nothing but the database works with their values.
"""

import re
from collections.abc import Callable
from functools import lru_cache
from typing import Any, get_args

from contracts import events as e
from contracts.codes import OPTED_OUT
from contracts.events import AnyEvent
from contracts.events.base import is_id, is_moment, unsound

MOST_CHUNKS = 1_000_000  # a reference has six digits for a chunk
MOST_RECIPIENTS = 1_000  # of one request to Sinch
MOST_ATTEMPTS = 1_000_000  # one more is offered every minute at most
MOST_CLAIMS = 10**12
LONGEST_ID = 512  # characters, of four bytes at most: a row of an index holds 2,704
EARLIEST = "1970"
LATEST = "9000"
"""Years of a moment that something is added to or taken from: Python's end with 9999 and begin with 1."""

_PART = re.compile(r"[ab]{0,20}")


def misfit(event: AnyEvent) -> str | None:
    """What is wrong with it, without personal data; None: nothing."""
    campaign_id = getattr(event, "campaign_id", None)
    if campaign_id is not None and not _is_usual(campaign_id):
        return "campaign_id is not a UUID in its usual form"
    find = _FINDERS.get(type(event))
    if find is None or (isinstance(event, e.DeliveryReported) and event.code not in OPTED_OUT):
        return None
    if not is_id(event.event_id):
        return "event_id is not a UUID"
    if not is_moment(event.occurred_at):
        return "occurred_at is not a moment"
    wrong: str | None = find(event)
    return wrong


def _request(event: e.CampaignRequested) -> str | None:
    if event.confirms is not None and not is_id(event.confirms):
        return "confirms is not a UUID"
    if not 0 <= event.chunk < event.chunks <= MOST_CHUNKS:
        return f"there is no chunk {event.chunk} of {event.chunks}"
    if not 0 < len(event.recipients) <= MOST_RECIPIENTS:
        return f"it has {len(event.recipients)} recipients"
    if not all(_is_number(recipient) for recipient in event.recipients):
        return "a recipient is not a phone number"
    if event.retry_delays and min(event.retry_delays) < 0:
        return "a retry delay is negative"
    return _moments(send_at=event.send_at, expire_at=event.expire_at)


@lru_cache(maxsize=4_096)
def _is_usual(campaign_id: str) -> bool:
    """Whether the database would write it so: what it gives back is looked up by it."""
    return is_id(campaign_id) and campaign_id == campaign_id.lower()


def misfit_waiting(event: AnyEvent) -> str | None:
    """What is wrong with a fact that is kept until its chunk comes: refused then, it would take the chunk with it."""
    if isinstance(event, e.DeliveryReported | e.BatchReported):
        return unsound(event) or _offer(event)
    return misfit(event)


def _offer(event: Any) -> str | None:
    """What says something of an offer."""
    if not (0 <= event.chunk < MOST_CHUNKS and 1 <= event.attempt <= MOST_ATTEMPTS and _PART.fullmatch(event.part)):
        return "it is no offer of ours: chunk, attempt or part are out of bounds"
    texts = [text for name in event.__struct_fields__ if isinstance(text := getattr(event, name), str)]
    if any("\0" in text for text in texts) or len(getattr(event, "batch_id", "")) > LONGEST_ID:
        return "a text of it is none that the database takes"
    if not all(_is_number(recipient) for recipient in getattr(event, "recipients", ())):
        return "a recipient is not a phone number"
    if not EARLIEST <= event.occurred_at[:4] < LATEST:
        return "occurred_at is not in these centuries"
    return _moments(due_at=getattr(event, "due_at", None))


def _attempt(event: e.SendAttempted) -> str | None:
    return _offer(event) if 1 <= event.claim <= MOST_CLAIMS else f"claim {event.claim} is out of bounds"


def _consent(event: e.ConsentEvent) -> str | None:
    if isinstance(event, e.OptOutSuspected) and not is_id(event.reply):
        return "reply is not a UUID"
    if not _is_number(event.recipient):
        return "the recipient is not a phone number"
    return _moments(received_at=event.received_at)


def _reply(event: e.InboundReceived) -> str | None:
    """A phone's message: it may become a decision of that person."""
    if not _is_number(event.sender):
        return "the sender is not a phone number"
    return _moments(received_at=event.received_at)


def _report(event: e.DeliveryReported) -> str | None:
    """One that says that its recipient opted out: it becomes a decision of that person."""
    if not _is_number(event.recipient):
        return "the recipient is not a phone number"
    return _moments(at=event.at)


def _decision(_event: e.ControlEvent) -> str | None:
    """Its ids and its moment are all that is worked with."""
    return None


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdigit()


def _moments(**moments: str | None) -> str | None:
    wrong = [name for name, text in moments.items() if text is not None and not is_moment(text)]
    return f"{wrong[0]} is not a moment" if wrong else None


_FINDERS: dict[type, Callable[[Any], str | None]] = dict.fromkeys(get_args(e.DispatchEvent), _offer) | {
    e.CampaignRequested: _request,
    e.SendAttempted: _attempt,
    e.CampaignPaused: _decision,
    e.CampaignResumed: _decision,
    e.CampaignCancelled: _decision,
    e.RecipientOptedOut: _consent,
    e.RecipientOptedIn: _consent,
    e.OptOutSuspected: _consent,
    e.OptOutDismissed: _consent,
    e.InboundReceived: _reply,
    e.DeliveryReported: _report,
}
