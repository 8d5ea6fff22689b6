"""The other tables in plain Python, beside `reference.py`'s messages: history, batches, campaigns, consent, replies, orphans."""

import itertools
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from contracts import events as e
from contracts.statuses import OURS
from tests.integration.projector.reference import WHOLE, Message, Offer, Shown, counts_for_nothing, ends, made

NAMING: tuple[type, ...] = (e.CampaignRequested, *WHOLE)
"""The events that name an offer as a whole."""
UNSENT = {"pending", "held", "attempted", "in_doubt"}


def history(events: Iterable[e.AnyEvent]) -> set[tuple[str, int, str]]:
    """(campaign_id, recipient, event_id) of every fact about one message, each once."""
    found = set()
    for event in events:
        match event:
            case e.DeliveryReported(campaign_id=str(campaign)):
                found.add((campaign, int(event.recipient), event.event_id))
            case e.SendAttempted() if event.attempt == 1 and not event.part:
                pass  # the first offer of a whole chunk says nothing that its request has not said
            case e.SendAttempted() | e.RecipientsSuppressed() | e.RecipientsRefused() | e.ReportNeverCame():
                found.update((event.campaign_id, int(r), event.event_id) for r in event.recipients)
            case e.BatchCancelled() | e.BatchExpired() | e.DoubtSettled() if (
                ends(event) is not None or getattr(event, "verdict", "") == "accepted"
            ):
                found.update((event.campaign_id, int(r), event.event_id) for r in event.recipients)
            case e.FollowUpScheduled() | e.FollowUpGivenUp():
                found.update((event.campaign_id, int(r), event.event_id) for r in event.recipients)
    return found


def batches(events: Iterable[e.AnyEvent]) -> dict[Offer, tuple[str, str | None, int]]:
    """(status, Sinch's id, recipients) of every offer that an event names as a whole."""
    stands: dict[Offer, tuple[int, str, str]] = {}
    ids: dict[Offer, str] = {}
    sizes: dict[Offer, int] = {}
    for event in events:
        if not isinstance(event, NAMING):
            continue
        known: Any = event
        if isinstance(event, e.CampaignRequested):
            offer, standing = (event.campaign_id, event.chunk, 1, ""), (0, "", "pending")
        else:
            name = "sent" if isinstance(event, e.BatchCancelled) and event.provider_said else WHOLE[type(event)]
            offer = (known.campaign_id, known.chunk, known.attempt, known.part)
            standing = (OURS[name].rank, event.occurred_at, name)
        stands[offer] = max(stands.get(offer, standing), standing)
        asked = event.recipients if isinstance(event, e.CampaignRequested | e.SendAttempted) else ()
        sizes[offer] = max(sizes.get(offer, 0), len(asked))
        ids[offer] = max(ids.get(offer, ""), getattr(event, "batch_id", ""))
    return {offer: (standing[2], ids[offer] or None, sizes[offer]) for offer, standing in stands.items()}


def campaigns(events: Sequence[e.AnyEvent], shown: Mapping[Message, Shown]) -> dict[str, tuple[str, int, int]]:
    """(status, messages requested, chunks seen) of every campaign of which a chunk was requested."""
    chunks: dict[str, set[int]] = {}
    wanted: dict[str, int] = {}
    words: dict[str, tuple[int, str, str, bool]] = {}
    cancelled = set[str]()
    for event in events:
        match event:
            case e.CampaignRequested():
                chunks.setdefault(event.campaign_id, set()).add(event.chunk)
                wanted[event.campaign_id] = event.chunks
            case e.CampaignPaused() | e.CampaignResumed() | e.CampaignCancelled():
                word = (event.decision, event.occurred_at, event.event_id, isinstance(event, e.CampaignPaused))
                words[event.campaign_id] = max(words.get(event.campaign_id, word), word)
                cancelled |= {event.campaign_id} if isinstance(event, e.CampaignCancelled) else set()
    messages: dict[str, list[Shown]] = {campaign: [] for campaign in chunks}
    for (campaign, _, _), one in shown.items():
        messages[campaign].append(one)
    return {
        campaign: (
            _status(
                messages[campaign],
                whole=len(seen) >= wanted[campaign],
                paused=campaign in words and words[campaign][3],
                cancelled=campaign in cancelled,
            ),
            len(messages[campaign]),
            len(seen),
        )
        for campaign, seen in chunks.items()
    }


def _status(messages: Sequence[Shown], *, whole: bool, paused: bool, cancelled: bool) -> str:
    ended = whole and all(m.final for m in messages)
    if cancelled:
        return "cancelled" if ended else "cancelling"
    if ended:
        return "failed" if all(m.status == "refused" for m in messages) else "completed"
    if paused:
        return "paused"
    return "sent" if whole and not any(m.status in UNSENT for m in messages) else "sending"


def consent(events: Iterable[e.AnyEvent]) -> dict[int, bool]:
    """Whether a phone is opted out: the latest word by Sinch's clock, a tie says yes."""
    words: dict[int, tuple[str, bool]] = {}
    for event in events:
        if isinstance(event, e.RecipientOptedOut | e.RecipientOptedIn):
            word = (event.received_at, isinstance(event, e.RecipientOptedOut))
            words[int(event.recipient)] = max(words.get(int(event.recipient), word), word)
    return {phone: is_out for phone, (_, is_out) in words.items()}


def replies(events: Iterable[e.AnyEvent]) -> set[tuple[str, int, str]]:
    """(inbound_id, sender, body) of every reply."""
    return {(r.inbound_id, int(r.sender), r.body) for r in events if isinstance(r, e.InboundReceived)}


def orphans(events: Iterable[e.AnyEvent]) -> set[str]:
    """The reports without a campaign that did not come again with one."""
    reports = [r for r in events if isinstance(r, e.DeliveryReported)]
    alone = {r.event_id for r in reports if r.campaign_id is None}
    return alone - {r.event_id for r in reports if r.campaign_id is not None}


def incidents(events: Sequence[e.AnyEvent]) -> set[tuple[str, int, int, int]]:
    """(campaign_id, recipient, attempt, the next one) of which both were reported, and no follow-up lies between.

    An attempt counts when its offer was made; two that are one batch at Sinch are one send.
    """
    offers, ids = made(events), dict[Offer, str]()
    reported: dict[tuple[str, int, str], dict[int, str]] = {}
    scheduled: dict[tuple[str, int, str], set[int]] = {}
    for event in events:
        match event:
            case e.BatchAccepted() | e.BatchReported() | e.DoubtSettled(verdict="accepted"):
                offer: Any = (event.campaign_id, event.chunk, event.attempt, event.part)
                ids[offer] = max(ids.get(offer, ""), event.batch_id)
            case e.DeliveryReported(campaign_id=str(campaign), chunk=int(chunk), attempt=int(attempt)):
                if not counts_for_nothing(event, offers):
                    parts = reported.setdefault((campaign, chunk, event.recipient), {})
                    parts[attempt] = max(parts.get(attempt, ""), event.part)
            case e.FollowUpScheduled():
                for r in event.recipients:
                    scheduled.setdefault((event.campaign_id, event.chunk, r), set()).add(event.attempt)
    found = set()
    for (campaign, chunk, who), attempts in reported.items():
        for first, second in itertools.pairwise(sorted(attempts)):
            one, other = (ids.get((campaign, chunk, n, attempts[n]), "") for n in (first, second))
            followed = any(first <= n < second for n in scheduled.get((campaign, chunk, who), ()))
            if not followed and not (one and one == other):
                found.add((campaign, int(who), first, second))
    return found
