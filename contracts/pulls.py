"""A report that was fetched from Sinch, as the event it becomes, whoever fetched it."""

from contracts.events import DeliveryReported
from contracts.identity import Reference, derived_id


def pulled(batch_id: str, reference: Reference, recipient: str, said: tuple[str, int], now: str) -> DeliveryReported:
    """`said`: Sinch's word and code. An id for each of them: fetched twice, it is the same fact. No time of its own."""
    status, code = said
    return DeliveryReported(
        event_id=derived_id("pull", batch_id, recipient, status, code),
        occurred_at=now,
        batch_id=batch_id,
        recipient=recipient,
        status=status,
        code=code,
        campaign_id=reference.campaign_id,
        chunk=reference.chunk,
        attempt=reference.attempt,
        part=reference.part,
        client_reference=str(reference),
        source="pull",
    )
