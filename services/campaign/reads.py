"""What the projector made of the log (schema `live`), with what only this service knows: new campaigns, and names."""

from datetime import datetime
from uuid import UUID

import asyncpg
import msgspec

from infra.postgres.pool import Pool


class CampaignState(msgspec.Struct, frozen=True):
    """A campaign as the tables have it; `projected` is False while they lag behind the log."""

    campaign_id: UUID
    name: str | None
    body: str
    sender: str | None
    status: str
    scheduled_at: datetime | None
    requested_at: datetime
    requested: int
    counts: dict[str, int]
    chunks: int
    projected: bool


class MessageState(msgspec.Struct, frozen=True):
    """One message as the tables have it."""

    recipient: int
    first_name: str | None
    last_name: str | None
    chunk: int
    part: str
    attempt: int | None
    status: str
    final: bool
    provider_status: str | None
    code: int | None
    parts: int | None
    batch_id: str | None
    reported_at: datetime | None
    finalized_at: datetime | None


class ConsentState(msgspec.Struct, frozen=True):
    """What is known of a number's consent."""

    is_opted_out: bool
    opted_out_at: datetime | None
    in_doubt: bool = False


class BatchState(msgspec.Struct, frozen=True):
    """A chunk's batch that Sinch has accepted."""

    chunk: int
    client_reference: str
    batch_id: str


def _state(row: asyncpg.Record) -> CampaignState:
    return CampaignState(**{name: row[name] for name in CampaignState.__struct_fields__})


# A campaign that was accepted here and is not wholly projected is shown as it was accepted: all of it pending.
_CAMPAIGNS = """
with accepted as (
    select c.* from campaign.campaigns c
    where not exists (
        select from live.campaigns l where l.campaign_id = c.campaign_id and l.chunks_seen >= l.chunks
    )
), known as (
    select campaign_id, name, body, sender, status, scheduled_at, requested_at, requested, counts, chunks,
           chunks_seen >= chunks as projected
    from live.campaigns l where not exists (select from accepted a where a.campaign_id = l.campaign_id)
    union all
    select campaign_id, name, body, sender,
           case when (options ->> 'send_at')::timestamptz > now() then 'scheduled' else 'sending' end,
           (options ->> 'send_at')::timestamptz, created_at, recipients,
           jsonb_build_object('pending', recipients), chunks, false
    from accepted
)
"""


class DoubtfulReply(msgspec.Struct, frozen=True):
    """A reply that is probably an opt-out; `originator` and `body` are None where the reply itself is not folded yet."""

    inbound_id: str
    phone: str
    received_at: datetime
    words: str
    originator: str | None
    body: str | None


class Reads:
    """Questions about campaigns."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    CAMPAIGN = f"{_CAMPAIGNS} select * from known where campaign_id = $1"

    async def campaign(self, campaign_id: UUID) -> CampaignState | None:
        """One campaign; None when nobody has heard of it."""
        row = await self._pool.fetchrow(self.CAMPAIGN, campaign_id)
        return None if row is None else _state(row)

    CAMPAIGN_NOW = f"""
    {_CAMPAIGNS} select known.*, clock_timestamp() as now from (select) one left join known on campaign_id = $1
    """

    async def campaign_now(self, campaign_id: UUID) -> tuple[CampaignState | None, datetime]:
        """One campaign, or None, and PostgreSQL's clock: the one that all replicas share."""
        row = await self._pool.fetchrow(self.CAMPAIGN_NOW, campaign_id)
        assert row is not None
        return (None if row["campaign_id"] is None else _state(row)), row["now"]

    CAMPAIGNS = f"""
    {_CAMPAIGNS}
    select * from known
    where ($1::uuid is null or campaign_id < $1) and ($2::text is null or status = $2)
    order by campaign_id desc limit $3
    """

    async def campaigns(self, before: UUID | None, status: str | None, limit: int) -> list[CampaignState]:
        """Campaigns, the newest first (their ids sort by time), from `before` on."""
        return [_state(row) for row in await self._pool.fetch(self.CAMPAIGNS, before, status, limit)]

    MESSAGES = """
    select m.recipient, p.first_name, p.last_name, m.chunk, m.part, m.attempt, m.status, m.final, m.provider_status,
           m.code, m.parts, m.batch_id, m.reported_at, m.finalized_at
    from live.messages m left join campaign.people p on p.phone = m.recipient
    where m.campaign_id = $1 and m.recipient > $2 and ($3::text is null or m.status = $3)
    order by m.recipient limit $4
    """

    async def messages(self, campaign_id: UUID, after: int, status: str | None, limit: int) -> list[MessageState]:
        """Messages of a campaign by number, those above `after`."""
        rows = await self._pool.fetch(self.MESSAGES, campaign_id, after, status, limit)
        return [MessageState(**dict(row)) for row in rows]

    ACCEPTED_BATCHES = """
    select distinct on (chunk) chunk, client_reference, batch_id
    from live.batches where campaign_id = $1 and part = '' and batch_id is not null
    order by chunk, attempt
    """

    async def accepted_batches(self, campaign_id: UUID) -> list[BatchState]:
        """For each chunk that Sinch has, the first batch that it became."""
        rows = await self._pool.fetch(self.ACCEPTED_BATCHES, campaign_id)
        return [BatchState(**dict(row)) for row in rows]

    CONSENT = """
    select is_opted_out, opted_out_at, exists (select from live.doubtful_replies d where d.phone = r.phone) as in_doubt
    from live.recipients r where phone = $1::text::bigint
    """

    async def consent(self, digits: str) -> ConsentState | None:
        """What the log says about this number's consent; None when it says nothing."""
        row = await self._pool.fetchrow(self.CONSENT, digits)
        return None if row is None else ConsentState(**dict(row))

    DOUBTFUL = "select inbound_id, phone::text, received_at, words, originator, body from live.doubtful_replies"

    async def doubtful_replies(self, limit: int) -> list[DoubtfulReply]:
        """Replies that are probably opt-outs and wait for a person, the oldest first."""
        rows = await self._pool.fetch(f"{self.DOUBTFUL} order by received_at, inbound_id limit $1", limit)
        return [DoubtfulReply(**dict(row)) for row in rows]

    async def doubtful_reply(self, inbound_id: str) -> DoubtfulReply | None:
        """One of them; None when it does not wait."""
        row = await self._pool.fetchrow(f"{self.DOUBTFUL} where inbound_id = $1", inbound_id)
        return None if row is None else DoubtfulReply(**dict(row))
