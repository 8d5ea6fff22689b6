"""What came of an offer, into the ledger. A row changes only while it is attempting and ours."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

from contracts.identity import Reference
from infra.kafka.log import Entry
from infra.postgres.pool import Connection, Pool
from infra.process.world import World
from services.dispatcher.keys import columns
from services.dispatcher.offers import POLL_SECONDS
from services.dispatcher.say import Voice

_KEY = "campaign_id = $1 AND chunk = $2 AND attempt = $3 AND part = $4"
_OURS = f"{_KEY} AND state = 'attempting' AND owner = $5"


def _unless_proven(state: str, next_look_at: str = "next_look_at") -> str:
    """The assignments that settle a row, which is accepted instead when the log proved that Sinch has the batch."""
    return (
        f"owner = NULL, state = CASE WHEN proof IS NULL THEN {state} ELSE 'accepted' END, batch_id = proof, "
        "accepted_at = CASE WHEN proof IS NOT NULL THEN now() END, "
        f"next_look_at = CASE WHEN proof IS NULL THEN {next_look_at} ELSE now() + interval '{POLL_SECONDS} s' END"
    )


@dataclass(frozen=True, slots=True)
class Acceptance:
    """An accepted offer, and how the log says so; `first_look` seconds until missing reports are asked for."""

    reference: Reference
    batch_id: str
    first_look: float
    entry: Entry


class _HalvedEnough(Exception):  # noqa: N818  named by what it says
    """The chunk was halved as often as is allowed: the transaction must not commit."""


class Settlement:
    """Settles rows of one owner. Acceptances that come at the same time are said and written together."""

    def __init__(self, pool: Pool, owner: int, voice: Voice, world: World) -> None:
        self._pool = pool
        self._owner = owner
        self._voice = voice
        self._world = world
        self._waiting: list[tuple[Acceptance, asyncio.Future[None]]] = []
        self._writing = False

    ACCEPT = """
    UPDATE dispatch.batches b SET state = 'accepted', batch_id = n.batch_id, owner = NULL, accepted_at = now(),
        next_look_at = now() + n.first_look * interval '1 second'
    FROM unnest($1::uuid[], $2::integer[], $3::integer[], $4::text[], $6::text[], $7::float8[])
         AS n (campaign_id, chunk, attempt, part, batch_id, first_look)
    WHERE b.campaign_id = n.campaign_id AND b.chunk = n.chunk AND b.attempt = n.attempt AND b.part = n.part
      AND b.state = 'attempting' AND b.owner = $5
    """

    async def accept(self, acceptance: Acceptance) -> None:
        """Sinch has it: said in the log, then settled. Nothing changes in the ledger when the row is no longer ours."""
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append((acceptance, done))
        if not self._writing:
            self._writing = True
            self._world.tasks.spawn("settlement", self._write())
        await done

    async def _write(self) -> None:
        try:
            while self._waiting:
                batch, self._waiting = self._waiting, []
                try:
                    await self._accept([acceptance for acceptance, _ in batch])
                except Exception as error:  # noqa: BLE001 - every waiting offer must hear of it
                    for _, done in batch:
                        if not done.done():
                            done.set_exception(error)
                else:
                    for _, done in batch:
                        if not done.done():
                            done.set_result(None)
        finally:
            self._writing = False

    async def _accept(self, acceptances: Sequence[Acceptance]) -> None:
        await self._voice.say(*(a.entry for a in acceptances))
        self._world.at("accepted.said")
        keys = columns([a.reference for a in acceptances])
        ids, looks = [a.batch_id for a in acceptances], [a.first_look for a in acceptances]
        await self._pool.execute(self.ACCEPT, *keys, self._owner, ids, looks)
        self._world.at("accepted.settled")

    END = f"UPDATE dispatch.batches SET {_unless_proven('$6')} WHERE {_OURS}"

    async def end(self, reference: Reference, state: str) -> None:
        """No further offer of this row: `refused` or `given_up`."""
        await self._not_accepted(self.END, reference, state)

    PUT_BACK = f"""
    UPDATE dispatch.batches SET {_unless_proven("'due'")}, due_at = now() + $6 * interval '1 second' WHERE {_OURS}
    """

    async def put_back(self, reference: Reference, delay: float) -> None:
        """Surely not accepted: due again, as the same attempt, after `delay` seconds."""
        await self._not_accepted(self.PUT_BACK, reference, delay)

    PUT_BACK_FOR = f"""
    UPDATE dispatch.batches SET {_unless_proven("'due'")}, recipients = CASE WHEN proof IS NULL THEN $6 ELSE recipients END
    WHERE {_OURS}
    """

    async def put_back_for(self, reference: Reference, recipients: list[str]) -> None:
        """Surely not accepted: due again at once, for these only."""
        await self._not_accepted(self.PUT_BACK_FOR, reference, recipients)

    SPLIT = f"""
    UPDATE dispatch.batches SET {_unless_proven("'split'")} WHERE {_OURS} RETURNING rank_at, follows, paid, proof
    """
    COUNT = """
    UPDATE dispatch.chunks SET splits = splits + 1 WHERE campaign_id = $1 AND chunk = $2 AND splits < $3 RETURNING true
    """
    REFUND = (
        "UPDATE dispatch.plan SET paid_until = paid_until - $1 * interval '1 second' WHERE paid_until > '-infinity'"
    )
    PART = """
    INSERT INTO dispatch.batches (campaign_id, chunk, attempt, part, state, reason, due_at, rank_at, recipients, follows)
    VALUES ($1, $2, $3, $4, 'due', 'split', now(), $5, $6, $7) ON CONFLICT DO NOTHING
    """

    async def split(self, reference: Reference, parts: Sequence[tuple[str, list[str]]], most: int) -> bool:
        """Surely not accepted: due again as parts, each (part, recipients) with a reference of its own.

        False when offers of this chunk were halved `most` times already: then nothing has changed.
        """
        try:
            async with self._pool.acquire() as connection, connection.transaction():
                await self._split(connection, reference, parts, most)
        except _HalvedEnough:
            return False
        return True

    async def _split(
        self, connection: Connection, reference: Reference, parts: Sequence[tuple[str, list[str]]], most: int
    ) -> None:
        r = reference
        row = await connection.fetchrow(self.SPLIT, r.campaign_id, r.chunk, r.attempt, r.part, self._owner)
        if row is None or row["proof"] is not None:
            return
        if not await connection.fetchval(self.COUNT, r.campaign_id, r.chunk, most):
            raise _HalvedEnough
        for part, recipients in parts:
            more = row["rank_at"], recipients, row["follows"]
            await connection.execute(self.PART, r.campaign_id, r.chunk, r.attempt, part, *more)
        await connection.execute(self.REFUND, row["paid"])

    DOUBT = f"""
    UPDATE dispatch.batches SET {_unless_proven("'in_doubt'", "attempted_at + $6 * interval '1 second'")}, looks = 0
    WHERE {_OURS}
    """

    async def doubt(self, reference: Reference, grace: float) -> None:
        """Nobody knows: looked for at Sinch, not before `grace` seconds after it was claimed."""
        await self._change(self.DOUBT, reference, grace)

    GIVE_BACK = """
    WITH back AS ({change} RETURNING CASE WHEN state = 'accepted' THEN 0 ELSE paid END AS paid)
    UPDATE dispatch.plan SET paid_until = paid_until - back.paid * interval '1 second' FROM back
    WHERE paid_until > '-infinity' AND back.paid > 0
    """
    """What was not accepted costs no rate: others may go in its place."""

    async def _not_accepted(self, sql: str, reference: Reference, *values: object) -> None:
        await self._change(self.GIVE_BACK.format(change=sql), reference, *values)

    async def _change(self, sql: str, reference: Reference, *values: object) -> None:
        r = reference
        await self._pool.execute(sql, r.campaign_id, r.chunk, r.attempt, r.part, self._owner, *values)
