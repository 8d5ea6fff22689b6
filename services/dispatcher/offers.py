"""An offer: one chunk (or part of it) given to Sinch once, and the events that say what came of it."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from contracts import topics
from contracts.events import (
    BatchAccepted,
    BatchInDoubt,
    BatchRefused,
    CampaignRequested,
    DispatchEvent,
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
    deadline: float


@dataclass(frozen=True, slots=True)
class Sending:
    """What every batch of this installation has in common. Without `callback_url` reports must be fetched."""

    sender: str | None
    callback_url: str | None
    delivery_report: str = "per_recipient"


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
            event_id=derived_id("SendAttempted", str(reference), *offer.recipients),
            **_common(reference, now),
            client_reference=str(reference),
            recipients=offer.recipients,
            sender=sender,
            reason=offer.reason,
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
