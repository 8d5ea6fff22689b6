"""An offer: one chunk (or part of it) given to Sinch once, and the events that say what came of it."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from contracts import topics
from contracts.events import (
    BatchAccepted,
    BatchCancelled,
    BatchExpired,
    BatchInDoubt,
    BatchRefused,
    CampaignRequested,
    DispatchEvent,
    DoubtSettled,
    FollowUpGivenUp,
    FollowUpScheduled,
    RecipientsRefused,
    RecipientsSuppressed,
    SendAttempted,
    encode,
)
from contracts.identity import Reference, derived_id
from infra.kafka.log import Entry
from infra.process.world import iso
from infra.sinch.wire.batches import SendBatch


@dataclass(frozen=True, slots=True)
class Offer:
    """What the ledger gives out. `deadline`, in seconds of `Clock.boot()`, is this process's own: it is never stored."""

    reference: Reference
    request: CampaignRequested
    recipients: list[str]
    reason: str
    claim: int
    deadline: float


LONGEST = timedelta(days=3)
"""Sinch's own default and limit of expire_at (CONTRACT §1.1)."""
POLL_SECONDS = 10.0
"""Until reports are first asked for when there is no callback to bring them."""


@dataclass(frozen=True, slots=True)
class Sending:
    """What every batch of this installation has in common. Without `callback_url` reports must be fetched.

    `margin`: seconds after a batch has expired until missing reports are fetched; `patience`: seconds after Sinch
    accepted it until they are in any case, 0: never before it has expired.
    """

    sender: str | None
    callback_url: str | None
    delivery_report: str = "per_recipient"
    margin: float = 600.0
    patience: float = 0.0

    def first_look(self, expire_at: str | None, now: datetime) -> float:
        """Seconds until the reports of a batch accepted now are asked for, if they have not all come by then."""
        if self.callback_url is None:
            return POLL_SECONDS
        end = datetime.fromisoformat(expire_at) if expire_at else now + LONGEST
        after_its_end = max(0.0, (end - now).total_seconds()) + self.margin
        return min(after_its_end, self.patience or after_its_end)


def as_batch(offer: Offer, sending: Sending) -> SendBatch:
    """The offer as Sinch's request. Numbers are digits in `to` and in `parameters` alike (CONTRACT §1.1)."""
    request = offer.request
    return SendBatch(
        to=offer.recipients,
        from_=request.sender or sending.sender,
        body=request.body,
        parameters=_parameters(request.parameters, offer.recipients, len(request.recipients)),
        delivery_report=sending.delivery_report if sending.callback_url else None,
        expire_at=request.expire_at,
        callback_url=sending.callback_url,
        client_reference=str(offer.reference),
    )


def _parameters(
    parameters: dict[str, dict[str, str]] | None, recipients: list[str], of: int
) -> dict[str, dict[str, str]] | None:
    """The chunk's parameters, without those of recipients that are not in this offer."""
    if parameters is None or len(recipients) == of:
        return parameters
    wanted = {*recipients, "default"}
    return {key: {who: text for who, text in values.items() if who in wanted} for key, values in parameters.items()}


def attempted(offer: Offer, sender: str, now: datetime) -> Entry:
    """SendAttempted: in the log before a byte leaves."""
    reference = offer.reference
    return _entry(
        reference,
        SendAttempted(
            event_id=derived_id("SendAttempted", str(reference), offer.claim),
            **_common(reference, now),
            client_reference=str(reference),
            recipients=offer.recipients,
            sender=sender,
            reason=offer.reason,
            claim=offer.claim,
            confirms=offer.request.confirms,
        ),
    )


def accepted(reference: Reference, batch_id: str, now: datetime, *, recovered: bool = False) -> Entry:
    """BatchAccepted. Its id derives from the batch's: said by the answer and by recovery, it is the same fact."""
    return _entry(
        reference,
        BatchAccepted(
            event_id=derived_id("BatchAccepted", str(reference), batch_id),
            **_common(reference, now),
            client_reference=str(reference),
            batch_id=batch_id,
            recovered=recovered,
        ),
    )


def refused(reference: Reference, http_status: int, code: str, text: str, now: datetime) -> Entry:
    """BatchRefused, for good."""
    return _entry(
        reference,
        BatchRefused(
            event_id=derived_id("BatchRefused", str(reference)),
            **_common(reference, now),
            client_reference=str(reference),
            http_status=http_status,
            code=code,
            text=text,
        ),
    )


def in_doubt(reference: Reference, why: str, now: datetime) -> Entry:
    """BatchInDoubt."""
    return _entry(
        reference,
        BatchInDoubt(
            event_id=derived_id("BatchInDoubt", str(reference)),
            **_common(reference, now),
            client_reference=str(reference),
            why=why,
        ),
    )


def suppressed(reference: Reference, recipients: list[str], why: str, now: datetime) -> Entry:
    """RecipientsSuppressed: they opted out, or what this confirms is not their last word."""
    event = RecipientsSuppressed(
        event_id=derived_id("RecipientsSuppressed", str(reference), *recipients),
        **_common(reference, now),
        recipients=recipients,
        reason=why,
    )
    return _entry(reference, event)


def recipient_refused(reference: Reference, recipient: str, code: str, text: str, now: datetime) -> Entry:
    """RecipientsRefused: Sinch named this one as the reason of its 400."""
    event = RecipientsRefused(
        event_id=derived_id("RecipientsRefused", str(reference), recipient),
        **_common(reference, now),
        recipients=[recipient],
        code=code,
        text=text,
    )
    return _entry(reference, event)


def expired(reference: Reference, reason: str, now: datetime, named: list[str] | None = None) -> Entry:
    """BatchExpired: not offered (any more). `named`: see services/dispatcher/ends.py."""
    event = BatchExpired(
        event_id=derived_id("BatchExpired", str(reference)),
        **_common(reference, now),
        reason=reason,
        recipients=named or [],
    )
    return _entry(reference, event)


def cancelled(
    reference: Reference, actor: str, now: datetime, provider_said: str = "", *, named: list[str] | None = None
) -> Entry:
    """BatchCancelled, by us before it was offered, or at Sinch with its answer. `named`: see services/dispatcher/ends.py."""
    event = BatchCancelled(
        event_id=derived_id("BatchCancelled", str(reference), provider_said),
        **_common(reference, now),
        actor=actor,
        provider_said=provider_said,
        recipients=named or [],
    )
    return _entry(reference, event)


def follow_up_scheduled(reference: Reference, recipients: list[str], due_at: str, now: datetime) -> Entry:
    """FollowUpScheduled after the attempt of `reference`."""
    event = FollowUpScheduled(
        event_id=derived_id("FollowUpScheduled", str(reference), *recipients),
        **_common(reference, now),
        recipients=recipients,
        due_at=due_at,
    )
    return _entry(reference, event)


def follow_up_given_up(reference: Reference, recipients: list[str], reason: str, now: datetime) -> Entry:
    """FollowUpGivenUp after the attempt of `reference`."""
    event = FollowUpGivenUp(
        event_id=derived_id("FollowUpGivenUp", str(reference), *recipients),
        **_common(reference, now),
        recipients=recipients,
        reason=reason,
    )
    return _entry(reference, event)


def doubt_settled(
    reference: Reference, now: datetime, *, verdict: str, actor: str, why: str, named: list[str], batch_id: str = ""
) -> Entry:
    """DoubtSettled, by an operator, or by the dispatcher when nobody can know any more. `named`: as in `expired`."""
    event = DoubtSettled(
        event_id=derived_id("DoubtSettled", str(reference), verdict),
        **_common(reference, now),
        client_reference=str(reference),
        verdict=verdict,
        actor=actor,
        why=why,
        batch_id=batch_id,
        recipients=named,
    )
    return _entry(reference, event)


def _common(reference: Reference, now: datetime) -> dict[str, Any]:
    return {
        "occurred_at": iso(now),
        "campaign_id": reference.campaign_id,
        "chunk": reference.chunk,
        "attempt": reference.attempt,
        "part": reference.part,
    }


def _entry(reference: Reference, event: DispatchEvent) -> Entry:
    return Entry(topics.DISPATCHES, reference.key, encode(event))
