"""Confirmations: one message to a number whose reply opted it out or in (decision 0007). Pure.

A confirmation is an ordinary campaign of one recipient. Its ids derive from the reply's, so that asking for it twice, by
whoever takes the reply in again after a crash, is asking once.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from contracts import topics
from contracts.events import CampaignRequested, ConsentDecision, RecipientOptedOut, encode
from contracts.http.campaigns import HIGHEST_PRIORITY
from contracts.identity import chunk_key, derived_campaign_id, derived_id
from infra.kafka.log import Entry
from infra.process.world import iso

WITHIN = timedelta(hours=1)
"""A confirmation that comes later is not sent: nobody remembers what it answers, and a log read anew is full of replies."""
ACTOR = "dispatcher"
LONGEST_SENDER = 64
"""Characters of a number or a name: what is longer is neither, and the usual sender answers."""


@dataclass(frozen=True, slots=True)
class Confirmations:
    """The texts in force; None: nothing is sent."""

    opt_out: str | None = None
    opt_in: str | None = None

    def asked_by(self, replies: Iterable[ConsentDecision], now: datetime) -> list[Entry]:
        """What is to be appended because of these replies, each of which changed what its number wants."""
        requests = (self._request(reply, now) for reply in replies)
        return [_entry(request) for request in requests if request is not None]

    def _request(self, reply: ConsentDecision, now: datetime) -> CampaignRequested | None:
        is_out = isinstance(reply, RecipientOptedOut)
        text, name = (self.opt_out, "Opt-out confirmation") if is_out else (self.opt_in, "Opt-in confirmation")
        if text is None:
            return None
        received_at = datetime.fromisoformat(reply.received_at)
        if abs(now - received_at) > WITHIN:
            return None
        campaign_id = derived_campaign_id(received_at, "confirmation", reply.event_id)
        return CampaignRequested(
            event_id=derived_id("CampaignRequested", campaign_id, 0),
            occurred_at=reply.occurred_at,
            campaign_id=campaign_id,
            chunk=0,
            chunks=1,
            actor=ACTOR,
            body=text,
            recipients=[reply.recipient],
            name=name,
            sender=reply.originator if 0 < len(reply.originator) <= LONGEST_SENDER else None,
            expire_at=iso(received_at + WITHIN),
            priority=HIGHEST_PRIORITY,
            confirms=reply.event_id,
        )


def _entry(request: CampaignRequested) -> Entry:
    return Entry(topics.CAMPAIGN_REQUESTS, chunk_key(request.campaign_id, request.chunk), encode(request))
