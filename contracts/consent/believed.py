"""A word about consent with the moment at which it counts, bounded by its arrival: the same at every place that folds them."""

from datetime import UTC, datetime

import msgspec

from contracts.consent.dates import AHEAD, moved, opted_in_at, opted_out_at
from contracts.events import ConsentEvent, OptOutDismissed, RecipientOptedIn, RecipientOptedOut

REPLY = "reply"
BY_HAND = frozenset({"api", "operator"})
"""Sources of a decision that somebody made who saw what stood before it."""


def believed(event: ConsentEvent, logged_ms: int = 0) -> ConsentEvent:
    """The event, dated as far as its arrival lets it be true.

    Arrival is the earlier of what its writer says and of the broker's time of append (`logged_ms` since 1970; 0: not known).
    Events of the log of before are bounded like any other.
    """
    arrived = event.occurred_at
    if logged_ms > 0:
        arrived = min(arrived, _moment(logged_ms))
    match event:
        case RecipientOptedIn():
            at = opted_in_at(event.received_at, arrived)
        case RecipientOptedOut() if event.source != REPLY:
            at = min(event.received_at, moved(arrived, AHEAD))
        case OptOutDismissed():
            return event
        case _:
            at = opted_out_at(event.received_at, arrived)
    return event if at == event.received_at else msgspec.structs.replace(event, received_at=at)


def wins(event: ConsentEvent) -> bool:
    """Whether it holds against everything that stands before it in the log, whatever the dates: an opt-out by hand."""
    return isinstance(event, RecipientOptedOut) and event.source in BY_HAND


def _moment(milliseconds: int) -> str:
    moment = datetime.fromtimestamp(milliseconds / 1000, UTC)
    return moment.replace(tzinfo=None).isoformat(timespec="milliseconds") + "Z"
