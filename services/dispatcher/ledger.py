"""The ledger's offers: every method is one whole transaction, and changes a row only for the owner that claimed it."""

import asyncio
from dataclasses import dataclass

import asyncpg
import msgspec

from contracts.events import CampaignRequested
from contracts.identity import Reference
from infra.postgres.pool import SERVER_SETTINGS, Connection, Pool

OWNERS = 0x4F574E52
"""The class of the advisory locks that say that an owner lives; any number that nobody else uses."""

_request: msgspec.json.Decoder[CampaignRequested] = msgspec.json.Decoder(CampaignRequested)


@dataclass(frozen=True, slots=True)
class Claimed:
    """A row that is now ours to offer."""

    reference: Reference
    request: CampaignRequested
    recipients: list[str]
    reason: str


_KEY = "campaign_id = $1 AND chunk = $2 AND attempt = $3 AND part = $4"
_OURS = f"{_KEY} AND state = 'attempting' AND owner = $5"


class Ledger:
    """Claims and settlements. A session of its own says, by holding a lock, that this process lives and owns its rows.

    Rows are claimed through that very session: who has lost the lock can claim nothing more.
    """

    def __init__(self, pool: Pool, session: Connection, owner: int) -> None:
        self._pool = pool
        self._session = session
        self._claiming = asyncio.Lock()
        self.owner = owner

    @classmethod
    async def open(cls, pool: Pool, dsn: str) -> "Ledger":
        """Take a number that no living owner has, and its lock, for as long as the session lasts."""
        name = {"application_name": "heliograph dispatcher owner"}
        session = await asyncpg.connect(dsn, server_settings=SERVER_SETTINGS | name, command_timeout=30.0)
        while True:
            owner = await session.fetchval("SELECT nextval('dispatch.owners')::integer")
            if await session.fetchval("SELECT pg_try_advisory_lock($1, $2)", OWNERS, owner):
                return cls(pool, session, owner)

    async def close(self) -> None:
        """Give the lock back: what is still attempting is in doubt from now on."""
        await self._session.close(timeout=5.0)

    CLAIM = """
    WITH due AS (
        SELECT b.campaign_id, b.chunk, b.attempt, b.part
        FROM dispatch.batches b JOIN dispatch.campaigns c USING (campaign_id)
        WHERE b.state = 'due' AND b.due_at <= now() AND c.arrived >= c.chunks AND NOT c.paused AND NOT c.cancelled
        ORDER BY b.priority DESC, b.due_at, b.campaign_id, b.chunk
        LIMIT $1 FOR UPDATE OF b SKIP LOCKED
    ), claimed AS (
        UPDATE dispatch.batches b SET state = 'attempting', owner = $2, attempted_at = now() FROM due
        WHERE b.campaign_id = due.campaign_id AND b.chunk = due.chunk AND b.attempt = due.attempt AND b.part = due.part
        RETURNING b.*
    )
    SELECT b.campaign_id::text, b.chunk, b.attempt, b.part, b.reason, b.recipients, c.request
    FROM claimed b JOIN dispatch.chunks c USING (campaign_id, chunk)
    """

    async def claim_due(self, most: int) -> list[Claimed]:
        """At most `most` due rows, from now on `attempting` and ours. Campaigns whose chunks are not all here wait."""
        async with self._claiming:
            rows = await self._session.fetch(self.CLAIM, most, self.owner)
        return [_claimed(row) for row in rows]

    ACCEPT = f"UPDATE dispatch.batches SET state = 'accepted', batch_id = $6, owner = NULL WHERE {_OURS}"

    async def accept(self, reference: Reference, batch_id: str) -> bool:
        """Sinch has it. False when the row is no longer ours."""
        return await self._change(self.ACCEPT, reference, batch_id)

    REFUSE = f"UPDATE dispatch.batches SET state = 'refused', owner = NULL WHERE {_OURS}"

    async def refuse(self, reference: Reference) -> bool:
        """Sinch will never take it."""
        return await self._change(self.REFUSE, reference)

    PUT_BACK = f"""
    UPDATE dispatch.batches SET state = 'due', owner = NULL, due_at = now() + $6 * interval '1 second' WHERE {_OURS}
    """

    async def put_back(self, reference: Reference, delay: float) -> bool:
        """Surely not accepted: due again, as the same attempt, after `delay` seconds."""
        return await self._change(self.PUT_BACK, reference, delay)

    DOUBT = f"""
    UPDATE dispatch.batches SET state = 'in_doubt', owner = NULL,
        next_look_at = attempted_at + $6 * interval '1 second' WHERE {_OURS}
    """

    async def doubt(self, reference: Reference, grace: float) -> bool:
        """Nobody knows: looked for at Sinch, not before `grace` seconds after it was claimed."""
        return await self._change(self.DOUBT, reference, grace)

    async def _change(self, sql: str, reference: Reference, *values: object) -> bool:
        r = reference
        done = await self._pool.execute(sql, r.campaign_id, r.chunk, r.attempt, r.part, self.owner, *values)
        return done == "UPDATE 1"


def _claimed(row: asyncpg.Record) -> Claimed:
    request = _request.decode(row["request"])
    recipients = request.recipients if row["recipients"] is None else row["recipients"]
    reference = Reference(row["campaign_id"], row["chunk"], row["attempt"], row["part"])
    return Claimed(reference, request, recipients, row["reason"])
