"""What records mean to the ledger. Pure: events in, what is to be taken in out.

From the requests: work. From what was said and reported of offers: facts (`from_log/facts.py`). From the reports besides:
opt-outs, a blocked account, orphans. From control and consent: each word, in its order.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, get_args

from contracts import events as e
from contracts.codes import ACCOUNT_BLOCKED, OPTED_OUT
from contracts.consent.believed import believed
from contracts.events import AnyEvent
from contracts.identity import Reference
from infra.kafka.records import Partition
from services.dispatcher.from_log.facts import Fact, reference_in

LONG_AGO = datetime.min.replace(tzinfo=UTC)


@dataclass(slots=True)
class Taken:
    """Everything that a number of records says."""

    requests: dict[tuple[str, int], tuple[e.CampaignRequested, bytes]] = field(default_factory=dict)
    facts: list[Fact] = field(default_factory=list)
    decisions: list[e.ControlEvent] = field(default_factory=list)
    consent: list[e.ConsentEvent] = field(default_factory=list)
    opted_out: list[e.DeliveryReported] = field(default_factory=list)
    replies: list[e.InboundReceived] = field(default_factory=list)
    orphans: list[tuple[e.DeliveryReported, bytes]] = field(default_factory=list)
    blocked: dict[Reference, datetime] = field(default_factory=dict)

    def take(self, event: AnyEvent, raw: bytes, partition: Partition, offset: int, logged_ms: int = 0) -> None:
        """Take in one event from its place in the log; one that means nothing here changes nothing.

        Words about consent are believed as far as their arrival lets them be true; `logged_ms`: when the log took it.
        """
        if isinstance(event, e.ConsentEvent):
            self.consent.append(believed(event, logged_ms))
            return
        handler = _HANDLERS.get(type(event))
        if handler is not None:
            handler(self, event, raw)
        if isinstance(event, _OF_OFFERS) and None not in (event.campaign_id, event.chunk, event.attempt):
            self.facts.append(Fact(event, raw, reference_in(event), partition, offset))

    def requested(self, event: e.CampaignRequested, raw: bytes) -> None:
        """A chunk to send."""
        self.requests[event.campaign_id, event.chunk] = event, raw

    def report(self, event: e.DeliveryReported, raw: bytes) -> None:
        """What became of one message."""
        if event.code in OPTED_OUT:
            self.opted_out.append(event)
        if event.campaign_id is None or event.chunk is None or event.attempt is None:
            self.orphans.append((event, raw))
            return
        if event.code == ACCOUNT_BLOCKED:
            reference = Reference(event.campaign_id, event.chunk, event.attempt, event.part)
            self.blocked[reference] = max(_at(event), self.blocked.get(reference, LONG_AGO))


def _at(event: e.DeliveryReported) -> datetime:
    """When the report was made: by its own word, and at the latest when it was logged. Words that are no moment: then."""
    found = [moment for text in (event.at, event.occurred_at) if (moment := _moment(text)) is not None]
    return min(found, default=LONG_AGO)


def _moment(text: str | None) -> datetime | None:
    try:
        moment = datetime.fromisoformat(text or "")
        return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)
    except (ValueError, OverflowError):
        return None


_HANDLERS: dict[type, Callable[[Taken, Any, bytes], None]] = {
    e.CampaignRequested: Taken.requested,
    e.CampaignPaused: lambda taken, event, _: taken.decisions.append(event),
    e.CampaignResumed: lambda taken, event, _: taken.decisions.append(event),
    e.CampaignCancelled: lambda taken, event, _: taken.decisions.append(event),
    e.InboundReceived: lambda taken, event, _: taken.replies.append(event),
    e.DeliveryReported: Taken.report,
}
_OF_OFFERS = (*get_args(e.DispatchEvent), e.DeliveryReported, e.BatchReported)
