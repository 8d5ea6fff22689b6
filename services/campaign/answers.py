"""What we know → the bodies that clients get."""

from collections.abc import Mapping, Sequence
from datetime import datetime

from contracts.codes import ADVICE, Permanence, code_of
from contracts.http.campaigns import (
    SENT,
    CampaignAnswer,
    ChunkAnswer,
    CodeAnswer,
    MessageAnswer,
    SendAnswer,
)
from contracts.identity import Reference
from contracts.statuses import CAMPAIGN_STATUSES, NEVER_CAME, OURS, SINCH, UNRECOGNISED, Standing
from infra.process.world import iso
from services.campaign.addresses import Addresses
from services.campaign.reads import BatchState, CampaignState, MessageState
from services.campaign.store import Campaign

DELIVERED = SINCH["Delivered"].status

MEANINGS: Mapping[str, str] = {standing.status: standing.meaning for standing in SINCH.values()} | {
    standing.status: standing.meaning for standing in (UNRECOGNISED, *OURS.values())
}
"""Our status → what it means; where Sinch's words and ours lead to the same status, ours."""


def send_answer(
    campaign: Campaign, batches: Sequence[BatchState], addresses: Addresses, notes: Sequence[str] = ()
) -> SendAnswer:
    """The answer to a request to send: a function of the campaign, and of the batches known so far."""
    known = {batch.chunk: batch for batch in batches}
    details = [
        _chunk_answer(campaign, chunk, recipients, known.get(chunk))
        for chunk, recipients in enumerate(campaign.chunk_recipients)
    ]
    only = details[0] if len(details) == 1 else None
    return SendAnswer(
        message=SENT,
        campaign_id=campaign.campaign_id,
        batch_id=only.batch_id if only else None,
        client_reference=only.client_reference if only else None,
        status_url=addresses.campaign(campaign.campaign_id),
        recipients=campaign.recipients,
        duplicates=campaign.duplicates,
        details=details,
        notes=list(notes),
    )


def _chunk_answer(campaign: Campaign, chunk: int, recipients: int, batch: BatchState | None) -> ChunkAnswer:
    first = str(Reference(str(campaign.campaign_id), chunk, attempt=1))
    return ChunkAnswer(
        chunk=chunk,
        client_reference=batch.client_reference if batch else first,
        recipients=recipients,
        batch_id=batch.batch_id if batch else None,
    )


def campaign_answer(state: CampaignState, addresses: Addresses) -> CampaignAnswer:
    """A campaign as its page shows it."""
    return CampaignAnswer.model_validate(
        {
            "campaign_id": state.campaign_id,
            "name": state.name,
            "message": state.body,
            "from": state.sender,
            "status": state.status,
            "meaning": CAMPAIGN_STATUSES.get(state.status, ""),
            "scheduled_at": _written(state.scheduled_at),
            "requested_at": iso(state.requested_at),
            "requested": state.requested,
            "counts": state.counts,
            "chunks": state.chunks,
            "projected": state.projected,
            "status_url": addresses.campaign(state.campaign_id),
        }
    )


def message_answer(campaign_id: str, state: MessageState) -> MessageAnswer:
    """A message as its campaign's list shows it."""
    reference = Reference(campaign_id, state.chunk, state.attempt, state.part) if state.attempt else None
    return MessageAnswer(
        recipient=f"+{state.recipient}",
        first_name=state.first_name,
        last_name=state.last_name,
        status=state.status,
        meaning=_meaning(state),
        final=state.final,
        provider_status=state.provider_status,
        code=None if state.code is None else _code_answer(state.code, state.status),
        parts=state.parts,
        chunk=state.chunk,
        attempt=state.attempt,
        client_reference=str(reference) if reference else None,
        batch_id=state.batch_id,
        reported_at=_written(state.reported_at),
        finalized_at=_written(state.finalized_at),
    )


def _meaning(state: MessageState) -> str:
    """In words; Sinch's own word is more exact where there is one (`expired` there is not our `expired`)."""
    standing: Standing | None = SINCH.get(state.provider_status or "")
    if standing is not None and standing.status == state.status:
        return standing.meaning
    if state.status == NEVER_CAME.status and not state.provider_status:
        return NEVER_CAME.meaning
    return MEANINGS.get(state.status, "")


def _code_answer(number: int, status: str) -> CodeAnswer:
    """A code in words. Of what was delivered no code is a failure: success is the word (DESIGN §6)."""
    code = code_of(number)
    permanence = Permanence.NONE if status == DELIVERED else code.permanence
    return CodeAnswer(code=number, name=code.name, permanence=permanence.value, advice=ADVICE[permanence])


def _written(moment: datetime | None) -> str | None:
    return None if moment is None else iso(moment)
