"""How many decisions about a campaign were answered: the order of answers, kept where every replica sees it."""

from uuid import UUID

from infra.postgres.pool import Pool


class Decisions:
    """Table `campaign.decisions`."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    # The dispatcher's ledger knows what the log has. It counts where our own row is older or not there: after a restore.
    # to_jsonb: a ledger of the version before has no such column.
    NEXT = """
    insert into campaign.decisions as d (campaign_id, decision)
    select $1::uuid, 1 + coalesce(max((to_jsonb(c) ->> 'decision')::bigint), 0)
    from dispatch.campaigns c where c.campaign_id = $1
    on conflict (campaign_id) do update set decision = greatest(d.decision + 1, excluded.decision)
    returning decision
    """

    async def next(self, campaign_id: UUID) -> int:
        """The number of the next decision about a campaign, kept before it is said. One that is not said leaves a gap."""
        return int(await self._pool.fetchval(self.NEXT, campaign_id))
