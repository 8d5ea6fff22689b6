"""Events that are said again after a loss: with the ids that they had, so that one that is there after all is no second."""

from datetime import datetime

from contracts import events as e
from contracts import topics
from contracts.events import encode
from contracts.identity import Reference, derived_id
from infra.kafka.log import Entry
from infra.process.world import iso

SENDER = "restore"
"""In place of the dispatcher's number: who says that this was, or may have been, attempted."""
WHY = "said again after a loss: the word of it is not in the log any more"


def attempted(
    reference: Reference, recipients: list[str], at: datetime, *, claim: int, reason: str, confirms: str | None = None
) -> Entry:
    """SendAttempted, of an offer that was, or may have been, on its way."""
    event = e.SendAttempted(
        event_id=derived_id("SendAttempted", str(reference), claim), occurred_at=iso(at),
        campaign_id=reference.campaign_id, chunk=reference.chunk, attempt=reference.attempt, part=reference.part,
        client_reference=str(reference), recipients=recipients, sender=SENDER, reason=reason, claim=claim, confirms=confirms,
    )  # fmt: skip
    return Entry(topics.DISPATCHES, reference.key, encode(event))


def refused(reference: Reference, recipients: list[str], at: datetime) -> Entry:
    """RecipientsRefused, of those whom the ledger left out and who did not opt out."""
    event = e.RecipientsRefused(
        event_id=derived_id("RecipientsRefused", str(reference), *recipients), occurred_at=iso(at),
        campaign_id=reference.campaign_id, chunk=reference.chunk, attempt=reference.attempt, part=reference.part,
        recipients=recipients, text=WHY,
    )  # fmt: skip
    return Entry(topics.DISPATCHES, reference.key, encode(event))
