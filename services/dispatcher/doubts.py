"""The ledger's doubts: offers whose sender died or was not answered. Every method is one whole transaction."""

from dataclasses import dataclass
from datetime import datetime

from contracts.identity import Reference
from infra.postgres.pool import Pool
from services.dispatcher import ends
from services.dispatcher.doubt import Case
from services.dispatcher.keys import key, reference_of
from services.dispatcher.ledger import OWNERS

_KEY = "campaign_id = $1 AND chunk = $2 AND attempt = $3 AND part = $4 AND state = 'in_doubt'"
_REFERENCE = "b.campaign_id::text, b.chunk, b.attempt, b.part"


@dataclass(frozen=True, slots=True)
class Doubt:
    """An offer to look for at Sinch. `attempted_at` and `now` are PostgreSQL's clock."""

    reference: Reference
    attempted_at: datetime
    now: datetime
    case: Case
    cancelled_by: str = ""


class Doubts:
    """Offers in doubt, shared by all replicas."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    ABANDONED = f"""
    WITH owners AS MATERIALIZED (
        SELECT DISTINCT owner FROM dispatch.batches WHERE state = 'attempting' AND owner <> $1
    ), dead AS MATERIALIZED (
        SELECT owner FROM owners WHERE pg_try_advisory_xact_lock({OWNERS}, owner)
    )
    UPDATE dispatch.batches b SET owner = NULL, looks = 0,
        state = CASE WHEN proof IS NOT NULL THEN 'accepted' ELSE coalesce(said, 'in_doubt') END,
        batch_id = proof, accepted_at = CASE WHEN proof IS NOT NULL THEN now() END,
        next_look_at = CASE WHEN proof IS NOT NULL THEN now() + $3 * interval '1 second'
                            ELSE b.attempted_at + $2 * interval '1 second' END
    FROM dead WHERE b.state = 'attempting' AND b.owner = dead.owner
    RETURNING {_REFERENCE}, b.state
    """

    async def abandoned(self, owner: int, grace: float, first_look: float) -> list[Reference]:
        """Attempting rows whose owner's lock can be taken, so that nobody owns them: in doubt from now on.

        Those of which the log said meanwhile what came of them are settled by that, and not given.
        """
        rows = await self._pool.fetch(self.ABANDONED, owner, grace, first_look)
        return [reference_of(row) for row in rows if row["state"] == "in_doubt"]

    DUE = f"""
    WITH due AS (
        SELECT campaign_id, chunk, attempt, part FROM dispatch.batches
        WHERE state = 'in_doubt' AND next_look_at <= now() ORDER BY next_look_at LIMIT $1 FOR UPDATE SKIP LOCKED
    )
    UPDATE dispatch.batches b SET next_look_at = now() + $2 * interval '1 second' FROM due
    JOIN dispatch.campaigns c USING (campaign_id)
    WHERE b.campaign_id = due.campaign_id AND b.chunk = due.chunk AND b.attempt = due.attempt AND b.part = due.part
    RETURNING {_REFERENCE}, b.attempted_at, clock_timestamp() AS now, b.looks, c.delivery_policy, c.cancelled, c.cancelled_by,
              (SELECT count(*) FROM dispatch.batches o WHERE o.campaign_id = b.campaign_id AND o.chunk = b.chunk
               AND o.part = b.part AND o.follows = b.follows AND o.state = 'absent')::integer AS absents,
              extract(epoch FROM now() - b.attempted_at)::float8 AS age
    """

    async def due(self, most: int, lease: float) -> list[Doubt]:
        """Doubts whose time to look has come; nobody else gets them for `lease` seconds."""
        return [
            Doubt(
                reference_of(row),
                row["attempted_at"],
                row["now"],
                Case(row["looks"], row["age"], row["delivery_policy"], row["cancelled"], row["absents"]),
                row["cancelled_by"],
            )
            for row in await self._pool.fetch(self.DUE, most, lease)
        ]

    LOOK_AGAIN = f"""
    UPDATE dispatch.batches SET looks = looks + $5, next_look_at = now() + $6 * interval '1 second' WHERE {_KEY}
    """

    async def look_again(self, reference: Reference, pause: float, *, absent: bool) -> None:
        """Next look in `pause` seconds; `absent`: this one was believed and found nothing."""
        await self._pool.execute(self.LOOK_AGAIN, *key(reference), int(absent), pause)

    FOUND = f"""
    UPDATE dispatch.batches SET state = 'accepted', batch_id = $5, accepted_at = now(),
        next_look_at = now() + $6 * interval '1 second' WHERE {_KEY}
    """

    async def found(self, reference: Reference, batch_id: str, first_look: float) -> None:
        """Sinch has it after all."""
        await self._pool.execute(self.FOUND, *key(reference), batch_id, first_look)

    async def named(self, reference: Reference) -> list[str]:
        """Those whom its end has to name."""
        return await ends.named(self._pool, reference)

    END = f"UPDATE dispatch.batches SET state = $5, next_look_at = NULL WHERE {_KEY}"

    async def end(self, reference: Reference, state: str) -> None:
        """No longer in doubt, and never offered again: `cancelled` or `given_up`."""
        await self._pool.execute(self.END, *key(reference), state)

    ABSENT = f"UPDATE dispatch.batches SET state = 'absent' WHERE {_KEY} RETURNING recipients, rank_at, follows"
    ALLOT = (
        "UPDATE dispatch.chunks SET attempts = attempts + 1 WHERE campaign_id = $1 AND chunk = $2 RETURNING attempts"
    )
    OFFER = """
    INSERT INTO dispatch.batches (campaign_id, chunk, attempt, part, state, reason, due_at, rank_at, recipients, follows)
    VALUES ($1, $2, $3, $4, 'due', 'absent', now() + $8 * interval '1 second', greatest($5, now()), $6, $7)
    """
    """Behind what has waited so far: what does not arrive must not keep others from going."""

    async def offer_again(self, reference: Reference, pause: float) -> int | None:
        """Surely not there: a new attempt, with a number never used before, is due after `pause` seconds.

        None when somebody was faster.
        """
        async with self._pool.acquire() as connection, connection.transaction():
            row = await connection.fetchrow(self.ABSENT, *key(reference))
            if row is None:
                return None
            attempt: int = await connection.fetchval(self.ALLOT, reference.campaign_id, reference.chunk)
            ours = reference.campaign_id, reference.chunk, attempt, reference.part
            await connection.execute(self.OFFER, *ours, row["rank_at"], row["recipients"], row["follows"], pause)
            return attempt

    SAME = """
    SELECT o.batch_id FROM dispatch.batches b JOIN dispatch.batches o ON o.campaign_id = b.campaign_id AND o.chunk = b.chunk
        AND (o.attempt, o.part) < (b.attempt, b.part) AND o.follows = b.follows AND o.state = 'accepted'
        AND (o.recipients IS NULL OR b.recipients IS NULL OR o.recipients && b.recipients)
    WHERE b.campaign_id = $1 AND b.chunk = $2 AND b.attempt = $3 AND b.part = $4 AND b.reason IN ('absent', 'split')
    ORDER BY o.attempt DESC, o.part DESC LIMIT 1
    """

    async def same(self, reference: Reference) -> str | None:
        """The batch that Sinch has, as it turned out, of what this was offered instead of."""
        batch_id: str | None = await self._pool.fetchval(self.SAME, *key(reference))
        return batch_id

    COUNT = """
    SELECT count(*), coalesce(extract(epoch FROM now() - min(attempted_at)), 0)::float8
    FROM dispatch.batches WHERE state = 'in_doubt'
    """

    async def count(self) -> tuple[int, float]:
        """How many there are, and the age of the oldest in seconds."""
        row = await self._pool.fetchrow(self.COUNT)
        return (row[0], row[1]) if row else (0, 0.0)
