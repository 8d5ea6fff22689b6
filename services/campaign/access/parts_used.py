"""Message parts that a key has sent in a day (UTC): counted in the transaction that stores the campaign.

So the count is right with any number of replicas, a request that is repeated with its Idempotency-Key counts once, and
what was refused does not count. What was accepted counts for good, also when it is cancelled: nothing is given back, so
nothing can be given back twice. Only keys with a limit are counted, in one row a day, which is locked for the last moment
of the transaction; a limit that is set at noon finds the morning in the campaigns themselves.
"""

from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from uuid import UUID

from infra.postgres.pool import Connection
from infra.process.world import iso
from services.campaign.problems import CorrectTheRequest

USED = "select parts from campaign.parts_used where key_id = $1 and day = $2"
BEGIN = """
insert into campaign.parts_used (key_id, day, parts)
select $1, $2, coalesce(sum(parts), 0) from campaign.campaigns
where actor = $1 and campaign_id >= $3 and created_at >= $4 and campaign_id <> $5
on conflict do nothing
"""
TAKE = """
update campaign.parts_used set parts = parts + $3 where key_id = $1 and day = $2 and parts + $3 <= $4 returning true
"""
_UUID7_RANDOM_BITS = 80  # behind the milliseconds


class DayOfKey:
    """One key's day, and what it may send in it."""

    def __init__(self, connection: Connection, key: str, at: datetime, limit: int) -> None:
        self._connection = connection
        self._key = key
        self._begins = at.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
        self._limit = limit

    async def check(self, parts: int) -> None:
        """Raise (403) where there is no room for so many parts; takes none. Spares the writing of much for nothing."""
        used = await self._connection.fetchval(USED, self._key, self._begins.date())
        if (used or 0) + parts > self._limit:
            raise self._refusal(parts, used or 0)

    async def take(self, parts: int, campaign_id: UUID) -> None:
        """Count the parts of a campaign that this transaction has written. Raises (403) where there is no room."""
        place = self._key, self._begins.date()
        if await self._connection.fetchval(TAKE, *place, parts, self._limit):
            return
        if await self._connection.fetchval(USED, *place) is None:
            first = UUID(int=int(self._begins.timestamp() * 1000) << _UUID7_RANDOM_BITS)
            await self._connection.execute(BEGIN, *place, first, self._begins, campaign_id)
            if await self._connection.fetchval(TAKE, *place, parts, self._limit):
                return
        raise self._refusal(parts, await self._connection.fetchval(USED, *place))

    def _refusal(self, parts: int, used: int) -> CorrectTheRequest:
        again = iso(self._begins + timedelta(days=1))
        detail = (
            f"The key {self._key} may send {self._limit:,} message parts a day and has sent {used:,} since 0:00 UTC; this "
            f"campaign has {parts:,}. Nothing was sent. Send fewer, send it after {again}, or have the limit raised: "
            f"PARTS_PER_DAY, or a key made with --parts-per-day."
        )
        return CorrectTheRequest(
            detail,
            status=HTTPStatus.FORBIDDEN,
            code="parts_of_the_day_used_up",
            parts=parts,
            limit=self._limit,
            used=used,
        )
