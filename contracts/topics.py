"""The topics: the one place where their names, keys, partitions and retention are said (DESIGN §4).

The first three share key and partition count, so that with the range assignor one replica of a service owns every
fact of a message. Retention -1 is for ever: the log is the truth.
"""

from dataclasses import dataclass
from typing import get_args

from contracts import events
from contracts.events import Event

CHUNK_PARTITIONS = 12
"""Partitions of every topic keyed by chunk: divides among 1, 2, 3, 4, 6 and 12 replicas."""
FOREVER = -1


@dataclass(frozen=True, slots=True)
class Topic:
    """One topic. `retention_ms` -1 keeps for ever; `events` are the types that may stand in it."""

    name: str
    key: str
    partitions: int
    events: tuple[type[Event], ...]
    written_by: tuple[str, ...]
    read_by: tuple[str, ...]
    cleanup: str = "delete"
    retention_ms: int = FOREVER


CAMPAIGN_REQUESTS = "campaign-requests"
DISPATCHES = "dispatches"
DELIVERY_REPORTS = "delivery-reports"
CAMPAIGN_CONTROL = "campaign-control"
INBOUND_MESSAGES = "inbound-messages"
CONSENT = "consent"
PROJECTION_CONTROL = "projection-control"
DEAD_LETTERS = "dead-letters"

_CHUNK = "<campaign>.<chunk>"

TOPICS: tuple[Topic, ...] = (
    Topic(CAMPAIGN_REQUESTS, _CHUNK, CHUNK_PARTITIONS, (events.CampaignRequested,),
          ("campaign", "dispatcher"), ("dispatcher", "projector")),
    Topic(DISPATCHES, _CHUNK, CHUNK_PARTITIONS, get_args(events.DispatchEvent),
          ("dispatcher",), ("projector", "dispatcher")),
    Topic(DELIVERY_REPORTS, f"{_CHUNK}, or the batch id", CHUNK_PARTITIONS, get_args(events.DeliveryEvent),
          ("webhook_gateway", "dispatcher"), ("projector", "dispatcher")),
    Topic(CAMPAIGN_CONTROL, "campaign_id", 3, get_args(events.ControlEvent),
          ("campaign", "dispatcher"), ("dispatcher", "projector")),
    Topic(INBOUND_MESSAGES, "pseudonym of the sender", 3, (events.InboundReceived,),
          ("webhook_gateway",), ("dispatcher", "projector")),
    Topic(CONSENT, "pseudonym of the recipient", 3, get_args(events.ConsentEvent),
          ("webhook_gateway", "campaign", "dispatcher", "operators"), ("dispatcher", "projector")),
    Topic(PROJECTION_CONTROL, "partition of origin", 1,
          (*get_args(events.ProjectionControlEvent), events.GapAccepted, events.Restored),
          ("projector", "operators"), ("projector",)),
    Topic(DEAD_LETTERS, "where it came from", 1, get_args(events.DeadLetterEvent),
          ("webhook_gateway", "dispatcher", "projector", "operators"), ("operators",)),
)  # fmt: skip
