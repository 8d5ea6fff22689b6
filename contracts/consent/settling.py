"""What a person says who read a reply that is probably an opt-out."""

from contracts.events import ConsentEvent, OptOutDismissed, RecipientOptedOut
from contracts.identity import derived_id

OUT = "Nothing more is sent to this number until it opts in again."
NOT_OUT = "This number may be sent to again. What was held back meanwhile is not sent."


def settled(
    *, opted_out: bool, inbound_id: str, phone: str, received_at: str, now: str, actor: str, reason: str
) -> ConsentEvent:
    """The word as an event: an opt-out by hand, or that this reply, and those before it, opt nobody out.

    `received_at`: the reply's.
    """
    event_id = derived_id("settled", inbound_id, int(opted_out), now)
    if opted_out:
        return RecipientOptedOut(
            event_id=event_id, occurred_at=now, recipient=phone, received_at=now, source="operator", actor=actor,
            reason=reason,
        )  # fmt: skip
    return OptOutDismissed(
        event_id=event_id, occurred_at=now, recipient=phone, received_at=received_at, inbound_id=inbound_id,
        actor=actor, reason=reason,
    )  # fmt: skip
