"""Events → changes. Pure: no clock, no database; the same events in any order, any number of times, change the same.

To fold a new event type: a method below, a line in `_HANDLERS`.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, get_args

from contracts import events as e
from contracts.consent.believed import believed
from contracts.events import AnyEvent
from contracts.statuses import NEVER_CAME, OURS
from infra.kafka.log import Record
from services.projector import lattice
from services.projector.alike import Alike, alike_of, is_foreign
from services.projector.lattice import Follow
from services.projector.projections import messages
from services.projector.projections.batches import Batch, BatchKey, Stand, stands
from services.projector.projections.campaign_control import Decision
from services.projector.projections.campaigns import CampaignKey, Requested
from services.projector.projections.history import FIELD, LINE, UNTIMED, lines_of
from services.projector.projections.later.facts import LaterFacts, is_later
from services.projector.projections.messages import ChunkFacts, ChunkKey
from services.projector.projections.parked import Word
from services.projector.rows import Rows

FOLLOWED_UP = Follow(retries=True)
MOST_ALIKE = 10_000  # kept; where all reports differ (campaigns of one message) they would cost more than the facts
FIRST_WEIGHT = 2  # of a message that was not named before: its state is larger than the line of a report
ONLY_REPORTS = frozenset({e.DeliveryReported})


@dataclass(slots=True)
class Changes:
    """What a number of records changes, joined per row."""

    messages: dict[ChunkKey, ChunkFacts] = field(default_factory=dict)
    batches: dict[BatchKey, Batch] = field(default_factory=dict)
    campaigns: dict[CampaignKey, Requested] = field(default_factory=dict)
    partition_of: dict[tuple[str, int], int] = field(default_factory=dict)
    later: LaterFacts = field(default_factory=LaterFacts)
    control: list[Decision] = field(default_factory=list)
    orphans: list[tuple[e.DeliveryReported, int]] = field(default_factory=list)
    adopted: list[tuple[e.DeliveryReported, int]] = field(default_factory=list)
    consent: list[e.ConsentEvent] = field(default_factory=list)
    replies: list[e.InboundReceived] = field(default_factory=list)
    parked: list[Word] = field(default_factory=list)
    rows: Rows | None = None
    """Of messages and history, once `prepare` has made them."""
    weight: int = 0
    """Records, and messages that they say something of: what the memory for them grows with."""
    logged_ms: int = 0
    """When the log took the event that is being folded."""
    alike: dict[tuple[object, ...], Alike] = field(default_factory=dict)
    """Of the reports seen so far; forgotten when there are many."""

    def take(self, event: AnyEvent, partition: int, logged_ms: int = 0, offset: int = -1) -> None:
        """Fold one event that the log took at `logged_ms` (since 1970) as record `offset` of Kafka partition `partition`."""
        if isinstance(event, e.DeliveryReported):
            self.reported([event], partition, [logged_ms])
            return
        self.logged_ms = logged_ms
        handler = _HANDLERS.get(type(event))
        if handler is not None:
            handler(self, event, partition)
        elif isinstance(event, e.RecordParked | e.RecordRetried | e.RecordDropped):
            self.parked.append(Word(event, offset))

    def take_all(self, partition: int, records: Sequence[Record], events: Sequence[AnyEvent | None]) -> None:
        """Fold records of a Kafka partition, each with its event; None: without effect."""
        self.weight += len(records)
        if ONLY_REPORTS.issuperset(map(type, events)):  # nearly always
            reports: Any = events
            self.reported(reports, partition, [record.timestamp for record in records])
            return
        for record, event in zip(records, events, strict=True):
            if event is not None:
                self.take(event, partition, record.timestamp, record.offset)

    def prepare(self) -> Iterator[int]:
        """Make the rows to copy of each chunk, forget what they are made of, and tell how many: then others may work."""
        rows = Rows()
        yield from self.join_later()
        for key, facts in self.messages.items():
            if facts.greatest:
                rows.messages[key] = messages.rows_of(key, facts)
            if facts.history:
                rows.history[key] = LINE.join(facts.history)
                facts.history.clear()
            yield len(facts.greatest)
            facts.greatest.clear()
        self.rows = rows

    def join_later(self) -> Iterator[int]:
        """Raise the reports under later offers that these records say were made, and tell how many: then others may work."""
        return self.later.join(self.batches, self.messages)

    def prepared(self) -> Rows:
        """The rows to copy, made now unless they were before."""
        if self.rows is None:
            for _ in self.prepare():
                pass
        assert self.rows is not None
        return self.rows

    def requested_chunk(self, event: e.CampaignRequested, partition: int) -> None:
        """A chunk was asked for: its messages exist from here on, all in its first offer."""
        campaign_id, chunk = event.campaign_id, event.chunk
        facts, first = self._chunk(campaign_id, chunk, partition), lattice.belongs(1, "")
        self.weight += len(event.recipients)
        facts.requested.update(event.recipients)
        for recipient in event.recipients:
            facts.raise_to(recipient, first)
            if event.retry_delays:
                facts.follows(recipient, FOLLOWED_UP)
        batch = self._batch(BatchKey(campaign_id, chunk, 1, ""), partition)
        batch.join(Batch(requested=True, recipients=len(event.recipients)))
        known = self.campaigns.get((campaign_id, partition))
        at = min(known.requested_at, event.occurred_at) if known else event.occurred_at
        self.campaigns[campaign_id, partition] = Requested(event, at)

    def reported(self, events: Iterable[e.DeliveryReported], partition: int, logged: Iterable[int]) -> None:
        """Sinch said what became of these messages. All but one record in a thousand are this."""
        get, last_ms, moment, first = self.alike.get, -1, "", 0
        for event, logged_ms in zip(events, logged, strict=True):
            key = (
                event.campaign_id, event.chunk, event.attempt, event.part, event.client_reference, event.batch_id,
                event.status, event.code, event.parts, event.source,
            )  # fmt: skip
            alike = get(key)
            if alike is None:
                alike = self._alike(key, event, partition)
            facts, height, words, tail, rare = alike
            if rare and not self._rare(event, logged_ms):
                continue
            if logged_ms != last_ms:  # the broker stamps many at once
                last_ms, moment = logged_ms, f"{FIELD}{logged_ms}"
            recipient, at = event.recipient, event.at or ""
            greatest, fact = facts.greatest, (height, at, words)
            known = greatest.get(recipient)
            if known is None:
                greatest[recipient] = fact
                first += 1
            elif fact > known:
                greatest[recipient] = fact
            elif not known[2].provider_status:  # a word of ours is greater
                facts.heard.add(recipient)
            said = at or UNTIMED + event.occurred_at
            facts.history.append(f"{recipient}{FIELD}{event.event_id}{FIELD}{said}{moment}{tail}")
        self.weight += FIRST_WEIGHT * first

    def _alike(self, key: tuple[object, ...], event: e.DeliveryReported, partition: int) -> Alike:
        campaign_id, chunk, facts = event.campaign_id, event.chunk, None
        if campaign_id is not None and chunk is not None and event.attempt is not None:
            facts = self._chunk(campaign_id, chunk, partition)
            if is_later(event.attempt, event.part):
                reported = self.later.of(BatchKey(campaign_id, chunk, event.attempt, event.part))
                facts = ChunkFacts(reported, history=facts.history)
        if len(self.alike) >= MOST_ALIKE:
            self.alike.clear()
        alike = self.alike[key] = alike_of(event, facts)
        return alike

    def _rare(self, event: e.DeliveryReported, logged_ms: int) -> bool:
        """Note what few reports are to be noted for; gives whether it is about a chunk."""
        if event.campaign_id is None or event.chunk is None or event.attempt is None:
            self.orphans.append((event, logged_ms))
            return False
        if is_foreign(event):
            self.adopted.append((event, logged_ms))
        return True

    def reported_batch(self, event: e.BatchReported, partition: int) -> None:
        """A summary names no recipients; it proves that Sinch has the batch."""
        if event.campaign_id is None or event.chunk is None or event.attempt is None:
            return
        key = BatchKey(event.campaign_id, event.chunk, event.attempt, event.part)
        accepted = Batch(stand=stands("sent", event.occurred_at), batch_id=event.batch_id)
        self._batch(key, partition).join(accepted)

    def attempted(self, event: e.SendAttempted, partition: int) -> None:
        """An offer; all but the first of a whole chunk move their messages into it."""
        batch = self._batch(BatchKey.of(event), partition)
        batch.join(Batch(stand=stands("attempted", event.occurred_at), recipients=len(event.recipients),
                         attempted_at=event.occurred_at))  # fmt: skip
        if event.attempt > 1 or event.part:
            facts = self._chunk(event.campaign_id, event.chunk, partition)
            offer = lattice.belongs(event.attempt, event.part)
            for recipient in event.recipients:
                facts.raise_to(recipient, offer)
            self.noted(event, partition, event.reason)

    def accepted(self, event: e.BatchAccepted | e.DoubtSettled, partition: int) -> None:
        """Sinch has it."""
        accepted = Batch(
            stand=stands("sent", event.occurred_at), batch_id=event.batch_id, accepted_at=event.occurred_at
        )
        self._batch(BatchKey.of(event), partition).join(accepted)

    def whole_batch(self, event: Any, partition: int, status: str, reason: str) -> None:
        """Something is known of every message of the offer that has no fact of its own."""
        self._batch(BatchKey.of(event), partition).join(Batch(stand=stands(status, event.occurred_at, reason)))

    def settled_by_hand(self, event: e.DoubtSettled, partition: int) -> None:
        """A word about a doubt. `absent` changes nothing: the chunk is offered again."""
        if event.verdict == "accepted":
            self.accepted(event, partition)
            self.some(event, partition, 0, "", event.why)
        elif event.verdict == "given_up":
            self.ended(event, partition, Stand(NEVER_CAME.rank, event.occurred_at, NEVER_CAME.status, event.why))

    def ended(self, event: Any, partition: int, stand: Stand) -> None:
        """The end of an offer: known of the whole, and of each whom the event names, also when it was never attempted."""
        self._batch(BatchKey.of(event), partition).join(Batch(stand=stand))
        if event.recipients:
            self.some(event, partition, stand.rank, stand.status, stand.reason)

    def cancelled(self, event: e.BatchCancelled, partition: int) -> None:
        """Before it was offered that is the end; at Sinch, its reports decide."""
        if event.provider_said:
            self.whole_batch(event, partition, "sent", event.provider_said)
        else:
            self.ended(event, partition, stands("cancelled", event.occurred_at))

    def some(self, event: Any, partition: int, rank: int, status: str, detail: str) -> None:
        """Something of ours is known of these recipients of the offer."""
        facts, at = self._chunk(event.campaign_id, event.chunk, partition), event.occurred_at
        fact = lattice.own(attempt=event.attempt, part=event.part, rank=rank, status=status, at=at if rank else "")
        for recipient in event.recipients:
            facts.raise_to(recipient, fact)
        self.noted(event, partition, detail, rank, status)

    def followed(self, event: e.FollowUpScheduled | e.FollowUpGivenUp, partition: int, follow: Follow) -> None:
        """Whether these will be offered again. They move when they are: until then they show their failure."""
        facts, first = self._chunk(event.campaign_id, event.chunk, partition), lattice.belongs(1, "")
        for recipient in event.recipients:
            facts.raise_to(recipient, first)
            facts.follows(recipient, follow)

    def scheduled(self, event: e.FollowUpScheduled, partition: int) -> None:
        """A failed attempt will be followed by another."""
        self.followed(event, partition, Follow(scheduled=event.attempt))
        self.later.follow(event)
        self.noted(event, partition, event.due_at)

    def given_up(self, event: e.FollowUpGivenUp, partition: int) -> None:
        """What was reported of this attempt is final."""
        self.followed(event, partition, Follow(given_up=event.attempt))
        self.noted(event, partition, event.reason)

    def noted(self, event: Any, partition: int, detail: str, rank: int = 0, status: str = "") -> None:
        """Into the history of each of its messages."""
        facts = self._chunk(event.campaign_id, event.chunk, partition)
        self.weight += len(event.recipients)
        facts.history += lines_of(event, self.logged_ms, rank, status, detail)

    def decided(self, event: e.ControlEvent, _partition: int) -> None:
        """Pause, resume or cancel."""
        cancelled, paused = isinstance(event, e.CampaignCancelled), isinstance(event, e.CampaignPaused)
        moment = event.decision, event.occurred_at, event.event_id
        self.control.append(Decision(event.campaign_id, cancelled, paused, event.reason, *moment))

    def _chunk(self, campaign_id: str, chunk: int, partition: int) -> ChunkFacts:
        self.partition_of[campaign_id, chunk] = partition
        return self.messages.setdefault((campaign_id, chunk), ChunkFacts())

    def _batch(self, key: BatchKey, partition: int) -> Batch:
        self.partition_of[key.campaign_id, key.chunk] = partition
        return self.batches.setdefault(key, Batch())


def _ours(status: str) -> tuple[int, str]:
    return OURS[status].rank, status


_HANDLERS: dict[type, Callable[[Changes, Any, int], None]] = {
    e.CampaignRequested: Changes.requested_chunk,
    e.SendAttempted: Changes.attempted,
    e.BatchAccepted: Changes.accepted,
    e.BatchInDoubt: lambda c, v, p: c.whole_batch(v, p, "in_doubt", v.why),
    e.BatchRefused: lambda c, v, p: c.whole_batch(v, p, "refused", f"{v.http_status} {v.code} {v.text}".strip()),
    e.BatchExpired: lambda c, v, p: c.ended(v, p, stands("expired", v.occurred_at, v.reason)),
    e.BatchCancelled: Changes.cancelled,
    e.DoubtSettled: Changes.settled_by_hand,
    e.RecipientsSuppressed: lambda c, v, p: c.some(v, p, *_ours("suppressed"), v.reason),
    e.RecipientsRefused: lambda c, v, p: c.some(v, p, *_ours("refused"), f"{v.code} {v.text}".strip()),
    e.FollowUpScheduled: Changes.scheduled,
    e.FollowUpGivenUp: Changes.given_up,
    e.ReportNeverCame: lambda c, v, p: c.some(v, p, NEVER_CAME.rank, NEVER_CAME.status, "no report came"),
    e.BatchReported: Changes.reported_batch,
    e.CampaignPaused: Changes.decided,
    e.CampaignResumed: Changes.decided,
    e.CampaignCancelled: Changes.decided,
    **dict.fromkeys(get_args(e.ConsentEvent), lambda c, v, _: c.consent.append(believed(v, c.logged_ms))),
    e.InboundReceived: lambda c, v, _: c.replies.append(v),
}
