"""The status lattice, as data (DESIGN §6): what each word means, what outranks what, what is final.

A message's state is the join of its facts: `delivered` in any attempt is top; otherwise the greatest by
(attempt, rank, at, the remaining fields as tie-break). Being a maximum, the join is commutative, associative and
idempotent: order and repetition of the facts do not matter.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Standing:
    """Where a fact puts a message: our `status`, its `rank`, whether it is `final`, and what that means in words."""

    status: str
    rank: int
    final: bool
    meaning: str


DELIVERED_RANK = 10
SETTLED_RANK = 7
"""From here on a message's own fact stands against anything that is known of its batch."""
REPORTED_RANK = 5
"""From here on the fact is about one message; below it is about its whole batch."""

OURS: dict[str, Standing] = {
    standing.status: standing
    for standing in (
        Standing("pending", 0, False, "Accepted by us and not yet offered to Sinch."),
        Standing("held", 1, False, "Waiting: scheduled for later, or its campaign is paused."),
        Standing("attempted", 2, False, "Being given to Sinch at this moment; no answer yet."),
        Standing("in_doubt", 3, False, "Offered, and nobody knows yet whether Sinch has it; it is being asked."),
        Standing("sent", 4, False, "Sinch has accepted it."),
        Standing("suppressed", SETTLED_RANK, True, "Not sent: the recipient opted out."),
        Standing("cancelled", SETTLED_RANK, True, "Not sent: the campaign was cancelled first."),
        Standing("expired", SETTLED_RANK, True, "Not sent: its time had passed."),
        Standing("refused", SETTLED_RANK, True, "Sinch refused to take it."),
    )
}
"""What we know by ourselves."""

SINCH: dict[str, Standing] = {
    "Queued": Standing("queued", REPORTED_RANK, False, "In Sinch's queue."),
    "Dispatched": Standing("dispatched", 6, False, "Given to the operator; no receipt yet."),
    "Unknown": Standing("unknown", 8, True, "The operator gave no readable receipt. It may have been delivered."),
    "Aborted": Standing("aborted", 9, True, "Stopped by Sinch before it reached an operator."),
    "Cancelled": Standing("cancelled", 9, True, "Cancelled at Sinch."),
    "Rejected": Standing("rejected", 9, True, "Turned away by the operator or by Sinch."),
    "Deleted": Standing("deleted", 9, True, "Removed by the operator: often a number that is invalid or opted out."),
    "Failed": Standing("failed", 9, True, "Could not be delivered."),
    "Expired": Standing("expired", 9, True, "Ran out of time before it could be delivered."),
    "Delivered": Standing("delivered", DELIVERED_RANK, True, "The operator confirmed delivery."),
}
"""Sinch's words (CONTRACT §4.1; TitleCase on the wire) → ours. Success is the word Delivered, never code 0."""

UNRECOGNISED = Standing("unrecognised", 6, False, "Sinch used a word that we do not know; it is kept as it came.")
NEVER_CAME = Standing("unknown", 8, True, "No final report came within Sinch's window, and none can come.")

_BY_FOLDED_WORD = {word.casefold(): standing for word, standing in SINCH.items()}


def standing_of(word: str) -> Standing:
    """Sinch's word → its standing. Case does not matter: Sinch's own SDKs disagree about it."""
    return SINCH.get(word) or _BY_FOLDED_WORD.get(word.casefold(), UNRECOGNISED)


STATUSES: tuple[str, ...] = tuple(
    dict.fromkeys(s.status for s in sorted([*OURS.values(), *SINCH.values(), UNRECOGNISED], key=lambda s: s.rank))
)
"""Every status a message can have, in the order of their rank."""

FINAL: frozenset[str] = frozenset(s.status for s in [*OURS.values(), *SINCH.values(), NEVER_CAME] if s.final)
"""The statuses after which nothing more is expected."""

CAMPAIGN_STATUSES: dict[str, str] = {
    "scheduled": "Accepted; its time to send has not come.",
    "sending": "Some of its messages have not been given to Sinch yet.",
    "paused": "Stopped until it is resumed.",
    "cancelling": "Cancelled, while messages that Sinch already has may still be delivered.",
    "cancelled": "Cancelled; every message has reached its end.",
    "sent": "Sinch has every message it will get; reports are still coming.",
    "completed": "Every message has reached its end.",
    "failed": "Every message was refused.",
}
