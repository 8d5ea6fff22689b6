"""Table `campaigns`: what was asked for, one row a campaign and Kafka partition; the view adds the rows up."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

from contracts.events import CampaignRequested
from infra.postgres.together import Statement
from services.projector.bounds import existing

CampaignKey = tuple[str, int]
"""(campaign_id, partition)."""


@dataclass(frozen=True, slots=True)
class Requested:
    """What every chunk of a campaign says alike, and the earliest moment at which one of them was requested."""

    event: CampaignRequested
    requested_at: str


SAVE = """
INSERT INTO campaigns AS c (campaign_id, partition, name, body, sender, scheduled_at, requested_at, chunks, chunks_seen)
SELECT campaign_id, partition, name, body, sender, nullif(scheduled_at, '')::timestamptz, requested_at::timestamptz,
       chunks, chunks_seen
FROM unnest($1::uuid[], $2::integer[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[], $8::integer[],
            $9::integer[])
     AS n (campaign_id, partition, name, body, sender, scheduled_at, requested_at, chunks, chunks_seen)
ON CONFLICT (campaign_id, partition) DO UPDATE SET
    requested_at = least(c.requested_at, excluded.requested_at), chunks_seen = c.chunks_seen + excluded.chunks_seen
"""


def save(requested: Mapping[CampaignKey, Requested], chunks_seen: Counter[CampaignKey]) -> Statement | None:
    """What adds campaigns, and the chunks of them that were seen for the first time."""
    if not requested:
        return None
    events = [r.event for r in requested.values()]
    arguments = (
        [campaign_id for campaign_id, _ in requested],
        [partition for _, partition in requested],
        [e.name for e in events],
        [e.body for e in events],
        [e.sender for e in events],
        [existing(e.send_at) if e.send_at else "" for e in events],
        [r.requested_at for r in requested.values()],
        [e.chunks for e in events],
        [chunks_seen[key] for key in requested],
    )
    return Statement(SAVE, arguments)
