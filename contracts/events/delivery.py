"""Topic `delivery-reports`: what Sinch said became of messages."""

import msgspec

from contracts.events.base import Digits, Event, Id, Timestamp


class DeliveryReported(Event, tag="DeliveryReported.v1", kw_only=True):
    """One recipient's status at one moment. `event_id` derives from the raw callback, so a retry is recognisable.

    `code` is -1 where Sinch told none. `mended`: what of the callback could not be read as it stood, in words.

    `status` is Sinch's own word and `code` its number, also where we do not know them. `campaign_id`, `chunk` and
    `attempt` are there when the batch's `client_reference` is ours. `parts` is a number of message parts, `operator`
    an MCCMNC, `originator` the sender that Sinch applied. `source`: `callback` or `pull`. `at` is Sinch's own time of the
    status; its batch reports carry none, and then there is none here: a retry of the callback must say the same.
    """

    batch_id: str
    recipient: Digits
    status: str
    code: int
    at: Timestamp | None = None
    campaign_id: Id | None = None
    chunk: int | None = None
    attempt: int | None = None
    part: str = ""
    client_reference: str | None = None
    operator_status_at: Timestamp | None = None
    parts: int | None = None
    operator: str | None = None
    originator: str | None = None
    encoding: str | None = None
    channel: str = "sms"
    source: str = "callback"
    extra: dict[str, object] | None = None
    mended: list[str] | None = None


class StatusCount(msgspec.Struct, frozen=True, omit_defaults=True):
    """One line of a summary: so many messages with this status and code."""

    status: str
    code: int
    count: int


class BatchReported(Event, tag="BatchReported.v1", kw_only=True):
    """A summary callback: counts only, no recipients. `total` counts messages as Sinch counts them (CONTRACT §1.3)."""

    batch_id: str
    total: int
    statuses: list[StatusCount]
    campaign_id: Id | None = None
    chunk: int | None = None
    attempt: int | None = None
    part: str = ""
    client_reference: str | None = None
    channel: str = "sms"
    mended: list[str] | None = None


class ReportNeverCame(Event, tag="ReportNeverCame.v1", kw_only=True):
    """Sinch's window to ask has passed without a final report for these: nobody will ever know."""

    campaign_id: Id
    chunk: int
    attempt: int
    recipients: list[Digits]
    batch_id: str
    part: str = ""
