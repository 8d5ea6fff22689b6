"""The projection in plain Python, as DESIGN §6 says it: what the real one is compared with."""

from collections import Counter
from collections.abc import Sequence

from contracts import events as e
from contracts.statuses import NEVER_CAME, OURS, standing_of

PENDING = (0, "", "pending", "")


def statuses(events: Sequence[e.AnyEvent]) -> dict[str, tuple[int, str]]:  # noqa: C901 - a fold is a list of cases
    """Recipient → (attempt, status) of every requested message."""
    own: dict[str, tuple[object, ...]] = {}
    batches: dict[tuple[int, int, str], tuple[int, str, str, str]] = {}
    requested, chunk_of = set[str](), dict[str, int]()

    def fact(event: object, who: str, rank: int, at: str, status: str, *rest: object) -> None:
        key = (rank == 10, event.attempt, event.part, rank, at, status, *(rest or ("", -1, 0, "")))  # type: ignore[attr-defined]
        own[who] = max(own.get(who, key), key)
        chunk_of[who] = event.chunk  # type: ignore[attr-defined]

    for event in events:
        match event:
            case e.CampaignRequested():
                for who in event.recipients:
                    requested.add(who)
                    chunk_of[who] = event.chunk
                    own[who] = max(own.get(who, (False, 1, "")), (False, 1, "", 0, "", "", "", -1, 0, ""))
            case e.DeliveryReported():
                s = standing_of(event.status)
                fact(
                    event,
                    event.recipient,
                    s.rank,
                    event.at or "",
                    s.status,
                    event.status,
                    event.code,
                    0,
                    event.batch_id,
                )
            case e.RecipientsSuppressed():
                for who in event.recipients:
                    fact(event, who, OURS["suppressed"].rank, event.occurred_at, "suppressed")
            case e.ReportNeverCame():
                for who in event.recipients:
                    fact(event, who, NEVER_CAME.rank, event.occurred_at, NEVER_CAME.status)
            case e.SendAttempted() | e.BatchAccepted() | e.BatchInDoubt() | e.BatchRefused() | e.BatchCancelled():
                name = {"SendAttempted": "attempted", "BatchAccepted": "sent", "BatchInDoubt": "in_doubt",
                        "BatchRefused": "refused", "BatchCancelled": "cancelled"}[type(event).__name__]  # fmt: skip
                key = (event.chunk, event.attempt, event.part)
                batches[key] = max(batches.get(key, PENDING), (OURS[name].rank, event.occurred_at, name, ""))
                if isinstance(event, e.SendAttempted) and event.attempt > 1:
                    for who in event.recipients:
                        fact(event, who, 0, "", "")
    answer = {}
    for who in requested:
        _, attempt, part, rank, _, status = own[who][:6]
        batch = batches.get((chunk_of[who], attempt, part), PENDING)  # type: ignore[arg-type]
        stands = rank >= 7 or (rank > 0 and rank >= batch[0])  # type: ignore[operator]
        answer[who] = (attempt, status if stands else batch[2])
    return answer  # type: ignore[return-value]


def counts(events: Sequence[e.AnyEvent]) -> Counter[str]:
    """Requested messages by status."""
    return Counter(status for _, status in statuses(events).values())
