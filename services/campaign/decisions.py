"""How many decisions about a campaign were answered: the order of answers, kept where every replica sees it."""

from uuid import UUID

from infra.postgres.pool import Pool


class Decisions:
    """Table `campaign.decisions`."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    NEXT = """
    insert into campaign.decisions as d (campaign_id, decision) values ($1, 1)
    on conflict (campaign_id) do update set decision = d.decision + 1
    returning decision
    """

    async def next(self, campaign_id: UUID) -> int:
        """The number of the next decision about a campaign, kept before it is said. One that is not said leaves a gap."""
        return int(await self._pool.fetchval(self.NEXT, campaign_id))
