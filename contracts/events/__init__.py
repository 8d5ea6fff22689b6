"""Every event, by name. Adding a report type: a class in its topic's file, a line below, a line in `topics.py`."""

from collections.abc import Sequence

import msgspec

from contracts.events.base import Event, all_sound, encode, unsound
from contracts.events.campaign import CampaignCancelled, CampaignPaused, CampaignRequested, CampaignResumed
from contracts.events.delivery import BatchReported, DeliveryReported, ReportNeverCame, StatusCount
from contracts.events.dispatch import (
    BatchAccepted,
    BatchCancelled,
    BatchExpired,
    BatchInDoubt,
    BatchRefused,
    Dispatch,
    DoubtSettled,
    FollowUpGivenUp,
    FollowUpScheduled,
    RecipientsRefused,
    RecipientsSuppressed,
    SendAttempted,
)
from contracts.events.operations import (
    DeadLetter,
    DeadLetterDropped,
    DeadLetterRedriven,
    GapAccepted,
    RecordDropped,
    RecordParked,
    RecordRetried,
    Restored,
)
from contracts.events.people import (
    InboundReceived,
    OptOutDismissed,
    OptOutSuspected,
    RecipientOptedIn,
    RecipientOptedOut,
)

CampaignRequestEvent = CampaignRequested
ControlEvent = CampaignPaused | CampaignResumed | CampaignCancelled
DispatchEvent = (
    SendAttempted
    | BatchAccepted
    | BatchRefused
    | BatchInDoubt
    | BatchExpired
    | BatchCancelled
    | RecipientsSuppressed
    | RecipientsRefused
    | FollowUpScheduled
    | FollowUpGivenUp
    | DoubtSettled
)
DeliveryEvent = DeliveryReported | BatchReported | ReportNeverCame
ConsentDecision = RecipientOptedOut | RecipientOptedIn
ConsentEvent = ConsentDecision | OptOutSuspected | OptOutDismissed
ProjectionControlEvent = RecordParked | RecordRetried | RecordDropped
DeadLetterEvent = DeadLetter | DeadLetterRedriven | DeadLetterDropped

AnyEvent = (
    CampaignRequestEvent
    | ControlEvent
    | DispatchEvent
    | DeliveryEvent
    | InboundReceived
    | ConsentEvent
    | ProjectionControlEvent
    | GapAccepted
    | Restored
    | DeadLetterEvent
)

_decoder: msgspec.json.Decoder[AnyEvent] = msgspec.json.Decoder(AnyEvent)


class UnreadableEventError(ValueError):
    """A record's value breaks its contract; the text says how."""


def decode(raw: bytes | None) -> AnyEvent:
    """Bytes from the log → the event. Unknown fields are ignored; anything else that does not fit is an error."""
    if raw is None:
        raise UnreadableEventError("the record has no value")
    try:
        return _decoder.decode(raw)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise UnreadableEventError(str(error)) from error


def sound(raw: bytes | None) -> AnyEvent:
    """`decode`, and the values that only look right by their length are errors too."""
    event = decode(raw)
    if (wrong := unsound(event)) is not None:
        raise UnreadableEventError(wrong)
    return event


def all_of(raws: Sequence[bytes | None]) -> list[AnyEvent] | None:
    """`sound` of each of them, in half the time; None when one of them is an error: ask one by one for its words."""
    try:
        events = [_decoder.decode(raw) for raw in raws]  # type: ignore[arg-type]  # None is a TypeError
    except (TypeError, msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    return events if all_sound(events) else None


__all__ = [
    "AnyEvent",
    "BatchAccepted",
    "BatchCancelled",
    "BatchExpired",
    "BatchInDoubt",
    "BatchRefused",
    "BatchReported",
    "CampaignCancelled",
    "CampaignPaused",
    "CampaignRequestEvent",
    "CampaignRequested",
    "CampaignResumed",
    "ConsentDecision",
    "ConsentEvent",
    "ControlEvent",
    "DeadLetter",
    "DeadLetterDropped",
    "DeadLetterEvent",
    "DeadLetterRedriven",
    "DeliveryEvent",
    "DeliveryReported",
    "Dispatch",
    "DispatchEvent",
    "DoubtSettled",
    "Event",
    "FollowUpGivenUp",
    "FollowUpScheduled",
    "GapAccepted",
    "InboundReceived",
    "OptOutDismissed",
    "OptOutSuspected",
    "ProjectionControlEvent",
    "RecipientOptedIn",
    "RecipientOptedOut",
    "RecipientsRefused",
    "RecipientsSuppressed",
    "RecordDropped",
    "RecordParked",
    "RecordRetried",
    "ReportNeverCame",
    "Restored",
    "SendAttempted",
    "StatusCount",
    "UnreadableEventError",
    "all_of",
    "decode",
    "encode",
    "sound",
]
