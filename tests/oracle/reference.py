"""What becomes of every message, from the log alone, as DESIGN §6 and docs/events.md say it. Uses no code of any service.

A message's state is the greatest of its facts: `Delivered` in any attempt, else the later offer (attempt, then part),
within it a word about this one message from rank 7 on, else the rank, then the time. A fact about an offer as a whole is
one about everybody in it: those whom the event names, and those whom SendAttempted (or for a chunk's first offer the
request) names. A report counts once its offer was made: the first of a whole chunk always, any other when one of us says
that it was offered or taken.
"""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from contracts import events as e
from contracts.codes import CODES, Permanence
from contracts.statuses import DELIVERED_RANK, NEVER_CAME, OURS, SETTLED_RANK, standing_of

Message = tuple[str, int, str]
"""(campaign_id, chunk, recipient)."""
Offer = tuple[str, int, int, str]
"""(campaign_id, chunk, attempt, part)."""
Fact = tuple[bool, int, str, bool, int, str, str, str, int]
"""(delivered, attempt, part, settled by its own, rank, at, status, Sinch's word, code)."""


class Shown(NamedTuple):
    """What a reader of the tables must see of a message."""

    attempt: int
    status: str
    final: bool


@dataclass(slots=True)
class Told:
    """Everything that the log says of messages and offers."""

    requested: set[Message] = field(default_factory=set)
    retried: set[Message] = field(default_factory=set)
    members: defaultdict[Offer, set[str]] = field(default_factory=lambda: defaultdict(set))
    whole: defaultdict[Offer, list[tuple[int, str, str]]] = field(default_factory=lambda: defaultdict(list))
    facts: defaultdict[Message, list[Fact]] = field(default_factory=lambda: defaultdict(list))
    reports: list[tuple[Offer, str, Fact]] = field(default_factory=list)
    made: set[Offer] = field(default_factory=set)
    given_up: dict[Message, int] = field(default_factory=dict)


WHOLE: dict[type, str] = {
    e.SendAttempted: "attempted",
    e.BatchInDoubt: "in_doubt",
    e.BatchAccepted: "sent",
    e.BatchReported: "sent",
    e.BatchRefused: "refused",
    e.BatchExpired: "expired",
    e.BatchCancelled: "cancelled",
}
"""What an event says of an offer as a whole."""


def statuses(events: Iterable[e.AnyEvent]) -> dict[Message, Shown]:
    """What must be shown of every requested message."""
    told = Told()
    for event in events:
        if getattr(event, "campaign_id", None) is not None and getattr(event, "chunk", None) is not None:
            _tell(told, event)
    for offer, recipient, fact in told.reports:
        if offer in told.made or offer[2:] == (1, ""):
            told.facts[*offer[:2], recipient].append(fact)
    for offer, stands in told.whole.items():
        for recipient in told.members[offer]:
            for rank, at, status in stands:
                told.facts[*offer[:2], recipient].append((False, *offer[2:], False, rank, at, status, "", -1))
    return {message: _shown(told, message) for message in told.requested}


def _tell(told: Told, event: Any) -> None:
    chunk = event.campaign_id, event.chunk
    if isinstance(event, e.CampaignRequested):
        messages = {(*chunk, recipient) for recipient in event.recipients}
        told.requested |= messages
        told.retried |= messages if event.retry_delays else set()
        told.members[*chunk, 1, ""] |= set(event.recipients)
        told.whole[*chunk, 1, ""].append((0, "", "pending"))
        return
    if event.attempt is None:
        return
    offer = (*chunk, event.attempt, event.part)
    if isinstance(event, e.DeliveryReported):
        told.reports.append((offer, event.recipient, _reported(event)))
        return
    if isinstance(event, e.SendAttempted | e.BatchAccepted) or getattr(event, "verdict", "") == "accepted":
        told.made.add(offer)
    named = getattr(event, "recipients", None) or ()
    status = _of_some(event)
    if status is not None:
        rank = OURS[status].rank if status in OURS else NEVER_CAME.rank
        for recipient in named:
            told.facts[*chunk, recipient].append((False, *offer[2:], True, rank, event.occurred_at, status, "", -1))
    elif isinstance(event, e.FollowUpGivenUp):
        for recipient in named:
            message = (*chunk, recipient)
            told.given_up[message] = max(told.given_up.get(message, 0), event.attempt)
    elif (stand := _of_all(event)) is not None:
        told.members[offer] |= set(named)
        told.whole[offer].append(stand)


def _of_some(event: Any) -> str | None:
    """What the event says of those whom it names, and of nobody else in their offer."""
    match event:
        case e.RecipientsSuppressed():
            return "suppressed"
        case e.RecipientsRefused():
            return "refused"
        case e.ReportNeverCame():
            return NEVER_CAME.status
        case _:
            return None


def _of_all(event: Any) -> tuple[int, str, str] | None:
    """What the event says of everybody in its offer: (rank, at, status)."""
    name = WHOLE.get(type(event))
    if isinstance(event, e.BatchCancelled) and event.provider_said:
        name = "sent"  # cancelled at Sinch: its reports decide
    if isinstance(event, e.DoubtSettled):
        if event.verdict == "given_up":
            return NEVER_CAME.rank, event.occurred_at, NEVER_CAME.status
        name = "sent" if event.verdict == "accepted" else None
    return None if name is None else (OURS[name].rank, event.occurred_at, name)


def _reported(report: e.DeliveryReported) -> Fact:
    standing, attempt = standing_of(report.status), report.attempt or 0
    place = standing.rank == DELIVERED_RANK, attempt, report.part, standing.rank >= SETTLED_RANK
    return *place, standing.rank, report.at or "", standing.status, report.status, report.code


def may_pass(word: str, code: int) -> bool:
    """Whether the word and code are a failure that another attempt may mend: a temporary code, and surely not received."""
    standing = standing_of(word)
    temporary = code in CODES and CODES[code].permanence is Permanence.TEMPORARY and code != 0
    return temporary and standing.final and standing.status not in {"delivered", "unknown"}


def _shown(told: Told, message: Message) -> Shown:
    greatest = max(told.facts[message])
    _, attempt, _, _, rank, _, status, word, code = greatest
    waits = message in told.retried and may_pass(word, code) and told.given_up.get(message, 0) < attempt
    return Shown(attempt, status, rank >= SETTLED_RANK and not waits)


def campaign_end(shown: Iterable[Shown], *, cancelled: bool) -> str:
    """The state in which a campaign whose messages are all final must stand (contracts/statuses.py)."""
    if cancelled:
        return "cancelled"
    return "failed" if all(one.status == "refused" for one in shown) else "completed"
