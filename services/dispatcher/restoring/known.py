"""What the log says of requests, offers, decisions, follow-ups and consent: what need not be said again."""

from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from typing import Any, get_args

from contracts import events as e
from contracts import topics
from contracts.consent.believed import believed
from contracts.events import UnreadableEventError, decode
from contracts.identity import Reference
from infra.kafka.log import KafkaConnection, scan
from services.dispatcher import consent
from services.dispatcher.consent import Wanted
from services.dispatcher.from_log.facts import ChunkKey, reference_in

TOPICS = (topics.CAMPAIGN_REQUESTS, topics.CAMPAIGN_CONTROL, topics.DISPATCHES, topics.CONSENT)
Word = tuple[int, str, str]
"""The order of decisions about a campaign: see contracts/events/campaign.py."""
Failure = tuple[str, int, int, str]
"""A message that failed: campaign, chunk, attempt, recipient."""


@dataclass(slots=True)
class Offered:
    """What the log says of one offer. `recipients` are kept for chosen chunks only; `gone`: taken out of it."""

    claim: int = 0
    recipients: list[str] = field(default_factory=list)
    batch_id: str = ""
    ended: bool = False
    gone: set[str] = field(default_factory=set)


@dataclass(slots=True)
class Known:
    """All of it. `whole`: the chosen chunks; `requests` and `of_chunk`: their requests and their offers."""

    whole: Collection[ChunkKey] = ()
    chunks: set[ChunkKey] = field(default_factory=set)
    requests: dict[ChunkKey, e.CampaignRequested] = field(default_factory=dict)
    offers: dict[Reference, Offered] = field(default_factory=dict)
    of_chunk: dict[ChunkKey, list[Reference]] = field(default_factory=dict)
    decisions: dict[str, Word] = field(default_factory=dict)
    cancelled: set[str] = field(default_factory=set)
    scheduled: set[Failure] = field(default_factory=set)
    given_up: set[Failure] = field(default_factory=set)
    consent: dict[str, Wanted] = field(default_factory=dict)

    @classmethod
    async def of(cls, kafka: KafkaConnection, whole: Collection[ChunkKey] = ()) -> "Known":
        """Read the log from its beginning to its present end. Records that cannot be read say nothing."""
        known = cls(whole)
        async for batch in scan(kafka, TOPICS):
            for records in batch.values():
                for record in records:
                    known.take(record.value)
        return known

    def take(self, raw: bytes | None) -> None:
        """One record."""
        try:
            event = decode(raw)
        except UnreadableEventError:
            return
        handler = _HANDLERS.get(type(event))
        if handler is not None:
            handler(self, event)

    def offer(self, reference: Reference) -> Offered:
        """What is known of that offer, to be added to."""
        known = self.offers.get(reference)
        if known is None:
            known = self.offers[reference] = Offered()
            chunk = reference.campaign_id, reference.chunk
            if chunk in self.whole:
                self.of_chunk.setdefault(chunk, []).append(reference)
        return known

    def requested(self, event: e.CampaignRequested) -> None:
        """A chunk."""
        key = event.campaign_id, event.chunk
        self.chunks.add(key)
        if key in self.whole:
            self.requests[key] = event

    def decided(self, event: e.ControlEvent) -> None:
        """Pause, resume or cancel."""
        word = event.decision, event.occurred_at, event.event_id
        self.decisions[event.campaign_id] = max(word, self.decisions.get(event.campaign_id, word))
        if isinstance(event, e.CampaignCancelled):
            self.cancelled.add(event.campaign_id)

    def attempted(self, event: e.SendAttempted) -> None:
        """An offer that may have reached Sinch."""
        offered = self.offer(reference_in(event))
        if event.claim >= offered.claim:
            offered.claim = event.claim
            if (event.campaign_id, event.chunk) in self.whole:
                offered.recipients = event.recipients

    def accepted(self, event: e.BatchAccepted) -> None:
        """Sinch has it."""
        self.offer(reference_in(event)).batch_id = event.batch_id

    def settled(self, event: e.DoubtSettled) -> None:
        """A doubt's end."""
        if event.verdict == "accepted":
            self.offer(reference_in(event)).batch_id = event.batch_id
        elif event.verdict == "given_up":
            self.ended(event)

    def ended(self, event: Any) -> None:
        """Never offered again."""
        self.offer(reference_in(event)).ended = True

    def left_out(self, event: e.RecipientsSuppressed | e.RecipientsRefused) -> None:
        """These are not in it any more."""
        self.offer(reference_in(event)).gone.update(event.recipients)

    def said_consent(self, event: e.ConsentEvent) -> None:
        """A word about consent, in its order."""
        self.consent[event.recipient] = consent.after(self.consent.get(event.recipient), believed(event))


def _failures(event: e.FollowUpScheduled | e.FollowUpGivenUp) -> list[Failure]:
    return [(event.campaign_id, event.chunk, event.attempt, recipient) for recipient in event.recipients]


_HANDLERS: dict[type, Callable[[Known, Any], None]] = {
    e.CampaignRequested: Known.requested,
    e.CampaignPaused: Known.decided,
    e.CampaignResumed: Known.decided,
    e.CampaignCancelled: Known.decided,
    e.SendAttempted: Known.attempted,
    e.BatchAccepted: Known.accepted,
    e.BatchRefused: Known.ended,
    e.BatchExpired: Known.ended,
    e.BatchCancelled: lambda known, event: None if event.provider_said else known.ended(event),
    e.DoubtSettled: Known.settled,
    e.RecipientsSuppressed: Known.left_out,
    e.RecipientsRefused: Known.left_out,
    e.FollowUpScheduled: lambda known, event: known.scheduled.update(_failures(event)),
    e.FollowUpGivenUp: lambda known, event: known.given_up.update(_failures(event)),
    **dict.fromkeys(get_args(e.ConsentEvent), Known.said_consent),
}
