"""Events → changes. Pure: no clock, no database; the same events in any order, any number of times, change the same.

To fold a new event type: a method below, a line in `_HANDLERS`.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from contracts import events as e
from contracts.events import AnyEvent
from contracts.identity import parse_reference
from contracts.statuses import DELIVERED_RANK, NEVER_CAME, OURS, standing_of
from services.projector import lattice
from services.projector.lattice import Fact
from services.projector.projections.batches import Batch, BatchKey, Stand, stands
from services.projector.projections.campaign_control import Decision
from services.projector.projections.campaigns import CampaignKey, Requested
from services.projector.projections.message_events import MessageEvent
from services.projector.projections.messages import MessageKey


@dataclass(slots=True)
class Changes:
    """What a number of records changes, joined per row."""

    facts: dict[MessageKey, Fact] = field(default_factory=dict)
    requested: set[MessageKey] = field(default_factory=set)
    batches: dict[BatchKey, Batch] = field(default_factory=dict)
    campaigns: dict[CampaignKey, Requested] = field(default_factory=dict)
    partition_of: dict[tuple[str, int], int] = field(default_factory=dict)
    history: list[MessageEvent] = field(default_factory=list)
    control: list[Decision] = field(default_factory=list)
    orphans: list[e.DeliveryReported] = field(default_factory=list)
    adopted: list[e.DeliveryReported] = field(default_factory=list)
    consent: list[e.RecipientOptedOut | e.RecipientOptedIn] = field(default_factory=list)
    replies: list[e.InboundReceived] = field(default_factory=list)

    def take(self, event: AnyEvent, partition: int) -> None:
        """Fold one event that stands in Kafka partition `partition` of its topic."""
        handler = _HANDLERS.get(type(event))
        if handler is not None:
            handler(self, event, partition)

    def requested_chunk(self, event: e.CampaignRequested, partition: int) -> None:
        """A chunk was asked for: its messages exist from here on, all in its first offer."""
        campaign_id, chunk = event.campaign_id, event.chunk
        first = lattice.belongs(chunk, 1, "")
        for recipient in event.recipients:
            key = (campaign_id, recipient)
            self.requested.add(key)
            self._fact(key, first)
        batch = self._batch(BatchKey(campaign_id, chunk, 1, ""), partition)
        batch.join(Batch(requested=True, recipients=len(event.recipients)))
        known = self.campaigns.get((campaign_id, partition))
        at = min(known.requested_at, event.occurred_at) if known else event.occurred_at
        self.campaigns[campaign_id, partition] = Requested(event, at)

    def reported(self, event: e.DeliveryReported, partition: int) -> None:
        """Sinch said what became of one message."""
        if event.campaign_id is None or event.chunk is None or event.attempt is None:
            self.orphans.append(event)
            return
        if parse_reference(event.client_reference) is None:
            self.adopted.append(event)
        standing = standing_of(event.status)
        key = (event.campaign_id, event.recipient)
        self.partition_of[event.campaign_id, event.chunk] = partition
        self._fact(
            key,
            Fact(
                standing.rank == DELIVERED_RANK, event.attempt, event.part, standing.rank, event.at or "",
                standing.status, event.status, event.code, event.parts or 0, event.batch_id, event.chunk,
            ),
        )  # fmt: skip
        self.history.append(
            MessageEvent(
                *key, event.event_id, event.at or event.occurred_at, event.code, event.attempt, event.part, "DeliveryReported", event.status,
                event.source,
            )
        )  # fmt: skip

    def reported_batch(self, event: e.BatchReported, partition: int) -> None:
        """A summary names no recipients; it proves that Sinch has the batch."""
        if event.campaign_id is None or event.chunk is None or event.attempt is None:
            return
        key = BatchKey(event.campaign_id, event.chunk, event.attempt, event.part)
        accepted = Batch(stand=stands("sent", event.occurred_at), batch_id=event.batch_id)
        self._batch(key, partition).join(accepted)

    def attempted(self, event: e.SendAttempted, partition: int) -> None:
        """An offer; all but the first of a whole chunk move their messages into it."""
        batch = self._batch(_key(event), partition)
        batch.join(Batch(stand=stands("attempted", event.occurred_at), recipients=len(event.recipients),
                         attempted_at=event.occurred_at))  # fmt: skip
        if event.attempt > 1 or event.part:
            offer = lattice.belongs(event.chunk, event.attempt, event.part)
            for recipient in event.recipients:
                self._fact((event.campaign_id, recipient), offer)

    def accepted(self, event: e.BatchAccepted, partition: int) -> None:
        """Sinch has it."""
        accepted = Batch(
            stand=stands("sent", event.occurred_at), batch_id=event.batch_id, accepted_at=event.occurred_at
        )
        self._batch(_key(event), partition).join(accepted)

    def whole_batch(self, event: Any, partition: int, status: str, reason: str) -> None:
        """Something is known of every message of the offer that has no fact of its own."""
        self._batch(_key(event), partition).join(Batch(stand=stands(status, event.occurred_at, reason)))

    def settled_by_hand(self, event: e.DoubtSettled, partition: int) -> None:
        """An operator's word about a doubt. `absent` changes nothing: the chunk is offered again."""
        if event.verdict == "accepted":
            self._batch(_key(event), partition).join(
                Batch(stand=stands("sent", event.occurred_at), batch_id=event.batch_id, accepted_at=event.occurred_at)
            )
        elif event.verdict == "given_up":
            unknown = Stand(NEVER_CAME.rank, event.occurred_at, NEVER_CAME.status, event.why)
            self._batch(_key(event), partition).join(Batch(stand=unknown))

    def some(self, event: Any, partition: int, rank: int, status: str, detail: str) -> None:
        """Something of ours is known of these recipients of the offer."""
        self.partition_of[event.campaign_id, event.chunk] = partition
        fact = lattice.fact(
            chunk=event.chunk, attempt=event.attempt, part=event.part, rank=rank, status=status, at=event.occurred_at
        )
        name = type(event).__name__
        for recipient in event.recipients:
            key = (event.campaign_id, recipient)
            self._fact(key, fact)
            self.history.append(
                MessageEvent(
                    *key, event.event_id, event.occurred_at, None, event.attempt, event.part, name, status, detail
                )
            )

    def following_up(self, event: e.FollowUpScheduled, partition: int) -> None:
        """What failed will be offered again: its messages wait in the next offer."""
        self.partition_of[event.campaign_id, event.chunk] = partition
        offer = lattice.belongs(event.chunk, event.attempt + 1, "")
        for recipient in event.recipients:
            self._fact((event.campaign_id, recipient), offer)
        self.noted(event, partition, event.due_at)

    def noted(self, event: Any, _partition: int, detail: str) -> None:
        """For the history only."""
        name, at = type(event).__name__, event.occurred_at
        self.history += [
            MessageEvent(event.campaign_id, r, event.event_id, at, None, event.attempt, event.part, name, "", detail)
            for r in event.recipients
        ]

    def decided(self, event: e.ControlEvent, _partition: int) -> None:
        """Pause, resume or cancel."""
        cancelled, paused = isinstance(event, e.CampaignCancelled), isinstance(event, e.CampaignPaused)
        self.control.append(
            Decision(event.campaign_id, cancelled, paused, event.reason, event.occurred_at, event.event_id)
        )

    def _fact(self, key: MessageKey, fact: Fact) -> None:
        known = self.facts.get(key)
        if known is None or fact > known:
            self.facts[key] = fact

    def _batch(self, key: BatchKey, partition: int) -> Batch:
        self.partition_of[key.campaign_id, key.chunk] = partition
        return self.batches.setdefault(key, Batch())


def _key(event: e.Dispatch) -> BatchKey:
    return BatchKey(event.campaign_id, event.chunk, event.attempt, event.part)


def _ours(status: str) -> tuple[int, str]:
    return OURS[status].rank, status


_HANDLERS: dict[type, Callable[[Changes, Any, int], None]] = {
    e.CampaignRequested: Changes.requested_chunk,
    e.SendAttempted: Changes.attempted,
    e.BatchAccepted: Changes.accepted,
    e.BatchInDoubt: lambda c, v, p: c.whole_batch(v, p, "in_doubt", v.why),
    e.BatchRefused: lambda c, v, p: c.whole_batch(v, p, "refused", f"{v.http_status} {v.code} {v.text}".strip()),
    e.BatchExpired: lambda c, v, p: c.whole_batch(v, p, "expired", v.reason),
    e.BatchCancelled: lambda c, v, p: c.whole_batch(v, p, "cancelled", v.provider_said),
    e.DoubtSettled: Changes.settled_by_hand,
    e.RecipientsSuppressed: lambda c, v, p: c.some(v, p, *_ours("suppressed"), v.reason),
    e.RecipientsRefused: lambda c, v, p: c.some(v, p, *_ours("refused"), f"{v.code} {v.text}".strip()),
    e.FollowUpScheduled: Changes.following_up,
    e.FollowUpGivenUp: lambda c, v, p: c.noted(v, p, v.reason),
    e.ReportNeverCame: lambda c, v, p: c.some(v, p, NEVER_CAME.rank, NEVER_CAME.status, "no report came"),
    e.DeliveryReported: Changes.reported,
    e.BatchReported: Changes.reported_batch,
    e.CampaignPaused: Changes.decided,
    e.CampaignResumed: Changes.decided,
    e.CampaignCancelled: Changes.decided,
    e.RecipientOptedOut: lambda c, v, _: c.consent.append(v),
    e.RecipientOptedIn: lambda c, v, _: c.consent.append(v),
    e.InboundReceived: lambda c, v, _: c.replies.append(v),
}


def fold(records: Sequence[tuple[AnyEvent, int]]) -> Changes:
    """Fold (event, partition) pairs."""
    changes = Changes()
    for event, partition in records:
        changes.take(event, partition)
    return changes
