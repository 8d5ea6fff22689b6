"""Topics `campaign-requests` and `campaign-control`: what clients asked for."""

import msgspec

from contracts.events.base import Digits, Event, Id, Timestamp


class CampaignRequested(Event, tag="CampaignRequested.v1", kw_only=True):
    """Chunk `chunk` of `chunks` of a campaign: self-contained, enough to send it without any look-up.

    At most 1,000 recipients and 512 KB. `parameters` is in Sinch's own form: placeholder → number (or `default`) →
    value. `retry_delays` are seconds before each follow-up of a retriable failure; empty: none is made. `confirms` is
    written by the dispatcher only: the `event_id` of the reply that opted this one recipient out or in, which the
    message confirms. It may be sent although the number opted out by that very reply, and only while that is its state.
    """

    campaign_id: Id
    chunk: int
    chunks: int
    actor: str
    body: str
    recipients: list[Digits]
    name: str | None = None
    sender: str | None = None
    parameters: dict[str, dict[str, str]] | None = None
    send_at: Timestamp | None = None
    expire_at: Timestamp | None = None
    priority: int = 0
    delivery_policy: str = "at_most_once"
    retry_delays: list[int] = msgspec.field(default_factory=list)
    confirms: Id | None = None


class Control(Event, kw_only=True):
    """A decision about a campaign as a whole. `actor` is a key id, or `dispatcher`; `reason` says why.

    `decision` counts those about one campaign from 1, in the order in which they were answered: the order is that of
    (`decision`, `occurred_at`, `event_id`), never that of clocks alone. 0: of a writer that did not count.
    """

    campaign_id: Id
    actor: str
    reason: str = ""
    decision: int = 0


class CampaignPaused(Control, tag="CampaignPaused.v1", kw_only=True):
    """Nothing of the campaign is sent until it is resumed."""


class CampaignResumed(Control, tag="CampaignResumed.v1", kw_only=True):
    """A paused campaign goes on with exactly what is left."""


class CampaignCancelled(Control, tag="CampaignCancelled.v1", kw_only=True):
    """What was not yet given to Sinch never will be."""
