"""The projection in plain Python, as DESIGN §6 says it: what the real one is compared with."""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, NamedTuple

from contracts import events as e
from contracts.follow_ups import may_pass
from contracts.statuses import NEVER_CAME, OURS, standing_of

Message = tuple[str, int, str]
"""(campaign_id, chunk, recipient)."""
Offer = tuple[str, int, int, str]
"""(campaign_id, chunk, attempt, part)."""


class Shown(NamedTuple):
    """What a reader sees of a message."""

    attempt: int
    status: str
    final: bool


WHOLE: dict[Any, str] = {e.SendAttempted: "attempted", e.BatchAccepted: "sent", e.BatchInDoubt: "in_doubt", e.BatchRefused: "refused",
         e.BatchCancelled: "cancelled", e.BatchExpired: "expired"}  # fmt: skip


def made(events: Iterable[e.AnyEvent]) -> set[Offer]:
    """The offers of which one of us says that they were made, or taken by Sinch."""
    return {
        (event.campaign_id, event.chunk, event.attempt, event.part)
        for event in events
        if isinstance(event, e.SendAttempted | e.BatchAccepted)
        or (isinstance(event, e.DoubtSettled) and event.verdict == "accepted")
    }


def counts_for_nothing(event: e.AnyEvent, offers: set[Offer]) -> bool:
    """Whether it is a report under an offer that nobody made. The first of a whole chunk needs no word of ours."""
    return (
        isinstance(event, e.DeliveryReported)
        and (event.attempt, event.part) != (1, "")
        and (event.campaign_id, event.chunk, event.attempt, event.part) not in offers
    )


def ends(event: Any) -> tuple[int, str] | None:
    """(rank, status) of the end that the event gives an offer that nobody makes (any more); None: it gives none."""
    match event:
        case e.BatchCancelled(provider_said=""):
            return OURS["cancelled"].rank, "cancelled"
        case e.BatchExpired():
            return OURS["expired"].rank, "expired"
        case e.DoubtSettled(verdict="given_up"):
            return NEVER_CAME.rank, NEVER_CAME.status
    return None


def _whole(event: Any) -> tuple[int, str] | None:
    """(rank, status) of what the event says of its whole offer; None: nothing."""
    if (isinstance(event, e.BatchCancelled) and event.provider_said) or (
        isinstance(event, e.DoubtSettled) and event.verdict == "accepted"
    ):
        name = "sent"
    elif (standing := ends(event)) is not None:
        return standing
    elif type(event) in WHOLE:
        name = WHOLE[type(event)]
    else:
        return None
    return OURS[name].rank, name


def _own(event: Any) -> Iterator[tuple[str, tuple[object, ...]]]:
    """(recipient, fact) of each message that the event moves; the greatest fact wins."""
    place = (event.attempt, event.part) if hasattr(event, "attempt") else (1, "")
    nothing = (False, *place, 0, "", "", "", -1, 0, "")
    match event:
        case e.DeliveryReported():
            s = standing_of(event.status)
            yield (
                event.recipient,
                (
                    s.rank == 10,
                    *place,
                    s.rank,
                    event.at or "",
                    s.status,
                    event.status,
                    event.code,
                    event.parts or 0,
                    event.batch_id,
                ),
            )
        case e.RecipientsSuppressed() | e.RecipientsRefused() | e.ReportNeverCame():
            name = {"RecipientsSuppressed": "suppressed", "RecipientsRefused": "refused"}.get(type(event).__name__, "")
            s = OURS.get(name, NEVER_CAME)
            yield from (
                (r, (False, *place, s.rank, event.occurred_at, s.status, "", -1, 0, "")) for r in event.recipients
            )
        case e.BatchCancelled() | e.BatchExpired() | e.DoubtSettled():
            if (standing := ends(event)) is not None:
                rank, status = standing
                yield from (
                    (r, (False, *place, rank, event.occurred_at, status, "", -1, 0, "")) for r in event.recipients
                )
            elif getattr(event, "verdict", "") == "accepted":
                yield from ((r, nothing) for r in event.recipients)
        case e.CampaignRequested() | e.FollowUpScheduled() | e.FollowUpGivenUp():
            yield from ((r, (False, 1, "", *nothing[3:])) for r in event.recipients)
        case e.SendAttempted() if event.attempt > 1 or event.part:
            yield from ((r, nothing) for r in event.recipients)


def statuses(events: Sequence[e.AnyEvent]) -> dict[Message, Shown]:
    """What is shown of every requested message."""
    own: dict[Message, Any] = {}
    batches: dict[tuple[object, ...], tuple[int, str, str]] = {}
    requested, retries = set[Message](), set[Message]()
    scheduled, given_up, offers = Counter[Message](), Counter[Message](), made(events)
    for event in events:
        if getattr(event, "chunk", None) is None or counts_for_nothing(event, offers):
            continue
        chunk: Any = (event.campaign_id, event.chunk)  # type: ignore[union-attr]
        for who, fact in _own(event):
            key = (*chunk, who)
            own[key] = max(own.get(key, fact), fact)
        match event:
            case e.CampaignRequested():
                requested |= {(*chunk, r) for r in event.recipients}
                retries |= {(*chunk, r) for r in event.recipients if event.retry_delays}
            case e.FollowUpScheduled() | e.FollowUpGivenUp():
                said = scheduled if isinstance(event, e.FollowUpScheduled) else given_up
                for r in event.recipients:
                    said[event.campaign_id, event.chunk, r] = max(
                        said[event.campaign_id, event.chunk, r], event.attempt
                    )
            case _ if (standing := _whole(event)) is not None:
                batch = (*chunk, event.attempt, event.part)  # type: ignore[union-attr]
                stands = (standing[0], event.occurred_at, standing[1])
                batches[batch] = max(batches.get(batch, stands), stands)
    return {m: _shown(own[m], batches, m, m in retries, scheduled[m], given_up[m]) for m in requested}


def _shown(  # noqa: PLR0917 - everything that is known of one message
    fact: Any, batches: dict[tuple[object, ...], tuple[int, str, str]], m: Message, retries: bool, scheduled: int,
    given_up: int,
) -> Shown:  # fmt: skip
    """The message's own fact when it is settled or not below its batch's, else the batch's."""
    _, attempt, part, rank, _, status, word, code = fact[:8]
    batch = batches.get((m[0], m[1], attempt, part), (0, "", "pending"))
    if rank < 7 and (rank == 0 or rank < batch[0]):
        return Shown(attempt, batch[2], final=batch[0] >= 7)
    followed = scheduled >= attempt or (retries and may_pass(word, code))
    return Shown(attempt, status, final=rank >= 7 and not (8 <= rank < 10 and given_up < attempt and followed))


def counts(shown: dict[Message, Shown]) -> Counter[str]:
    """Requested messages by status."""
    return Counter(s.status for s in shown.values())
