"""The guard of last resort: what the ledger says of an offer right before its POST, and again when it had to wait.

Whatever the log proved meanwhile counts until a byte leaves: a re-offer whose earlier offer turned out to be at Sinch is not
sent, and is accepted as that batch.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum

from contracts.identity import Reference
from infra.postgres.pool import Pool
from infra.process.world import World
from services.dispatcher.keys import columns, key, reference_of
from services.dispatcher.ledger import OWNERS

_ACCEPTED = "({0}.state = 'accepted' OR ({0}.state = 'attempting' AND {0}.proof IS NOT NULL))"
_OTHER = """FROM dispatch.batches o
    WHERE o.campaign_id = b.campaign_id AND o.chunk = b.chunk AND (o.attempt, o.part) <> (b.attempt, b.part)
      AND (o.recipients IS NULL OR b.recipients IS NULL OR o.recipients && b.recipients)"""
_BUSY = "(o.state = 'in_doubt' OR (o.state = 'attempting' AND o.proof IS NULL))"
_DELIVERED = """EXISTS (SELECT FROM unnest(b.recipients) AS r JOIN dispatch.delivered d ON d.recipient = r
                        WHERE d.campaign_id = b.campaign_id)"""

STILL_OURS = f"""
SELECT b.campaign_id::text, b.chunk, b.attempt, b.part, b.proof IS NULL
   AND NOT EXISTS (SELECT {_OTHER} AND ({_BUSY} OR (b.follows = 0 AND {_ACCEPTED.format("o")})))
   AND (b.follows = 0 OR NOT {_DELIVERED} AND NOT EXISTS (
       SELECT FROM unnest(b.recipients) AS r
       WHERE (SELECT count(DISTINCT coalesce(a.batch_id, a.proof)) FROM dispatch.batches a
              WHERE a.campaign_id = b.campaign_id AND a.chunk = b.chunk AND {_ACCEPTED.format("a")}
                AND (a.recipients IS NULL OR r = ANY (a.recipients))) > b.follows)) AS fits
FROM unnest($1::uuid[], $2::integer[], $3::integer[], $4::text[]) AS n (campaign_id, chunk, attempt, part)
JOIN dispatch.batches b USING (campaign_id, chunk, attempt, part)
JOIN dispatch.campaigns c USING (campaign_id)
WHERE b.state = 'attempting' AND b.owner = $5 AND NOT c.paused AND NOT c.cancelled
  AND (SELECT NOT pg_try_advisory_xact_lock_shared($6, $5))
"""
"""When our lock is to be had, we are not the owner any more, and nothing is ours."""

WHY = f"""
SELECT b.proof, b.reason, EXISTS (SELECT {_OTHER} AND {_BUSY}) AS busy, b.follows > 0 AND {_DELIVERED} AS delivered,
       (SELECT coalesce(o.batch_id, o.proof) {_OTHER} AND {_ACCEPTED.format("o")} AND o.follows = b.follows
        ORDER BY o.attempt DESC, o.part DESC LIMIT 1) AS same
FROM dispatch.batches b WHERE b.campaign_id = $1 AND b.chunk = $2 AND b.attempt = $3 AND b.part = $4
"""


class Word(Enum):
    """What to do with an offer; a `Same` says that Sinch has it already."""

    GO = "go"
    NOT_OURS = "paused, cancelled or no longer ours"
    WAIT = "another offer to these is under way, or one of them got the message meanwhile"
    NEVER = "it would be a second message that no policy asked for"


@dataclass(frozen=True, slots=True)
class Same:
    """Sinch has this message, by the batch of this id."""

    batch_id: str


Verdict = Word | Same


def judge(proof: str | None, reason: str, same: str | None, *, waits: bool) -> Verdict:
    """About an offer that does not fit: its own `proof`, and the batch that Sinch has of what it is offered instead of."""
    if proof is not None:
        return Same(proof)
    if reason in ("absent", "split") and same is not None:
        return Same(same)
    return Word.WAIT if waits else Word.NEVER


class Guard:
    """Asks the ledger about offers of one owner."""

    def __init__(self, pool: Pool, owner: int, world: World) -> None:
        self._pool = pool
        self._owner = owner
        self._world = world
        self._waiting: list[tuple[Reference, asyncio.Future[Verdict]]] = []
        self._asking = False

    async def of(self, references: Sequence[Reference]) -> dict[Reference, Verdict]:
        """A verdict about each."""
        rows = await self._pool.fetch(STILL_OURS, *columns(references), self._owner, OWNERS)
        fits = {reference_of(row): row["fits"] for row in rows}
        verdicts: dict[Reference, Verdict] = dict.fromkeys(references, Word.NOT_OURS)
        for reference, is_so in fits.items():
            verdicts[reference] = Word.GO if is_so else await self._why(reference)
        return verdicts

    async def _why(self, reference: Reference) -> Verdict:
        row = await self._pool.fetchrow(WHY, *key(reference))
        assert row is not None  # rows are never deleted
        return judge(row["proof"], row["reason"], row["same"], waits=row["busy"] or row["delivered"])

    async def again(self, reference: Reference) -> Verdict:
        """The same for one that had to wait; those that ask at the same time are one statement."""
        verdict: asyncio.Future[Verdict] = asyncio.get_running_loop().create_future()
        self._waiting.append((reference, verdict))
        if not self._asking:
            self._asking = True
            self._world.tasks.spawn("guard", self._answer())
        return await verdict

    async def _answer(self) -> None:
        try:
            while self._waiting:
                some, self._waiting = self._waiting, []
                try:
                    verdicts = await self.of([reference for reference, _ in some])
                except Exception as error:  # noqa: BLE001 - every offer that waits must hear of it
                    for _, verdict in some:
                        if not verdict.done():
                            verdict.set_exception(error)
                else:
                    for reference, verdict in some:
                        if not verdict.done():
                            verdict.set_result(verdicts[reference])
        finally:
            self._asking = False
