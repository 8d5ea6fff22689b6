"""What an operator does to the ledger by hand: settle a doubt, and let a blocked plan go on."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime
from enum import Enum

import msgspec

from contracts.identity import Reference
from infra.postgres.pool import Connection, Pool
from infra.process.world import iso
from services.dispatcher import ends
from services.dispatcher.doubt import Case, Next, Rule, Seen, decide
from services.dispatcher.doubts import Doubts
from services.dispatcher.keys import key, reference_of
from services.dispatcher.plan import UNCLEAR_IN_A_ROW

_KEY = "campaign_id = $1 AND chunk = $2 AND attempt = $3 AND part = $4"

IF_ABSENT = {
    Next.LOOK_AGAIN: "it is looked for again",
    Next.OFFER_AGAIN: "it is offered again",
    Next.CANCEL: "it is cancelled",
    Next.HOLD: "it is held until somebody settles it: it was offered too often and never arrived",
    Next.GIVE_UP: "it is given up",
}


class Verdict(Enum):
    """What an operator found out about an offer."""

    ACCEPTED = "accepted"
    """Sinch has it."""
    ABSENT = "absent"
    """Sinch surely does not have it and never will: it is offered again as the next attempt."""
    GIVEN_UP = "given_up"
    """Nobody can know, and it is better missed than sent twice."""


class NotInDoubt(Exception):  # noqa: N818  named by what it says
    """There is nothing to settle; the text says how the offer stands."""


@dataclass(frozen=True, slots=True)
class Block:
    """Why nothing is sent at all, and since when."""

    reason: str
    since: datetime


@dataclass(frozen=True, slots=True)
class OpenDoubt:
    """An offer in doubt. `look_in`: seconds until Sinch is asked for it; below 0 when that is due."""

    reference: Reference
    recipients: int
    case: Case
    look_in: float

    def next_step(self, rule: Rule) -> str:
        """What happens next if nobody settles it, in words."""
        when = f"in {self.look_in:.0f} s" if self.look_in > 0 else "now"
        look = f"look {self.case.absent + 1} of {rule.looks} at Sinch {when}"
        return f"{look}; if it is not there, {IF_ABSENT[decide(Seen.ABSENT, self.case, rule)]}"


class _Recipients(msgspec.Struct):
    """Of CampaignRequested, what is needed to count."""

    recipients: list[str]


class ByHand:
    """The ledger as operators change it. Every method is one whole transaction."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    BLOCKED = "SELECT blocked_reason, blocked_at FROM dispatch.plan WHERE blocked_reason IS NOT NULL"

    async def blocked(self) -> Block | None:
        """Why nothing is sent, if that is so."""
        row = await self._pool.fetchrow(self.BLOCKED)
        return None if row is None else Block(row["blocked_reason"], row["blocked_at"])

    UNBLOCK = """
    UPDATE dispatch.plan SET blocked_reason = NULL, blocked_at = NULL, resumed_at = now()
    WHERE blocked_reason = $1 AND blocked_at = $2 RETURNING true
    """

    async def unblock(self, block: Block) -> bool:
        """Sending goes on; False when it is no longer this that blocks it."""
        return bool(await self._pool.fetchval(self.UNBLOCK, block.reason, block.since))

    LIFT = """
    WITH was AS (SELECT * FROM dispatch.plan FOR UPDATE)
    UPDATE dispatch.plan p SET slow_until = '-infinity', slowdowns = 0, unclear = 0, unclear_why = '', pauses = 0,
        paused_until = '-infinity', probe_until = '-infinity', resumed_at = now()
    FROM was
    RETURNING CASE WHEN was.slow_until > now() THEN was.slow_until END AS slow_until,
              CASE WHEN was.unclear >= $1 THEN was.unclear ELSE 0 END AS unclear, was.unclear_why, was.paused_until
    """

    async def lift(self) -> list[str]:
        """End what makes sending wait because of Sinch's answers; gives what it was, in words."""
        row = await self._pool.fetchrow(self.LIFT, UNCLEAR_IN_A_ROW)
        words = []
        if row is not None and row["slow_until"] is not None:
            words.append(f"Waiting until {iso(row['slow_until'])} because Sinch answered 429 or 503: cleared.")
        if row is not None and row["unclear"]:
            until = f"one is tried at a time, the next at {iso(row['paused_until'])}"
            words.append(
                f"{row['unclear']} offers in a row had no clear answer ({row['unclear_why']}); {until}: cleared."
            )
        return words

    OPEN = """
    SELECT b.campaign_id::text, b.chunk, b.attempt, b.part, b.looks, cardinality(b.recipients) AS recipients, k.request,
           extract(epoch FROM now() - b.attempted_at)::float8 AS age, c.delivery_policy, c.cancelled,
           (SELECT count(*) FROM dispatch.batches o WHERE o.campaign_id = b.campaign_id AND o.chunk = b.chunk
            AND o.part = b.part AND o.follows = b.follows AND o.state = 'absent')::integer AS absents,
           coalesce(extract(epoch FROM b.next_look_at - now()), 0)::float8 AS look_in
    FROM dispatch.batches b JOIN dispatch.campaigns c USING (campaign_id) JOIN dispatch.chunks k USING (campaign_id, chunk)
    WHERE b.state = 'in_doubt' ORDER BY b.attempted_at LIMIT $1
    """

    async def doubts(self, most: int) -> list[OpenDoubt]:
        """Offers in doubt, the oldest first."""
        return [
            OpenDoubt(
                reference_of(row),
                _count(row["request"]) if row["recipients"] is None else row["recipients"],
                Case(row["looks"], row["age"], row["delivery_policy"], row["cancelled"], row["absents"]),
                row["look_in"],
            )
            for row in await self._pool.fetch(self.OPEN, most)
        ]

    LOCK = f"SELECT state FROM dispatch.batches WHERE {_KEY} FOR UPDATE"

    async def settle(
        self, reference: Reference, verdict: Verdict, batch_id: str, say: Callable[[list[str]], Awaitable[object]]
    ) -> int | None:
        """Settle one doubt; gives the next attempt where the verdict makes one. Raises NotInDoubt.

        `say` is given those whom the event has to name, and puts it into the log while the row is locked, before the commit: a crash in between leaves a fact that the
        operator repeats under the same id, never a change that nobody can explain.
        """
        async with self._pool.acquire() as connection, connection.transaction():
            state = await connection.fetchval(self.LOCK, *key(reference))
            if state is None:
                raise NotInDoubt(f"there is no offer {reference}")
            if state != "in_doubt":
                raise NotInDoubt(f"{reference} is not in doubt: it is {state}")
            if verdict is Verdict.ABSENT and (same := await connection.fetchval(Doubts.SAME, *key(reference))):
                raise NotInDoubt(
                    f"{reference} was offered in the place of an earlier offer that Sinch turned out to have, as batch {same}: "
                    f"offered again it would be a second message. Settle it as accepted, with --batch-id {same}."
                )
            await say(await ends.named(connection, reference))
            match verdict:
                case Verdict.ACCEPTED:
                    await connection.execute(Doubts.FOUND, *key(reference), batch_id, 0.0)
                case Verdict.GIVEN_UP:
                    await connection.execute(Doubts.END, *key(reference), "given_up")
                case Verdict.ABSENT:
                    return await _offer_again(connection, reference)
        return None


async def _offer_again(connection: Connection, reference: Reference) -> int:
    """The next attempt is due for the same recipients, as recovery does it when Sinch does not list the batch."""
    row = await connection.fetchrow(Doubts.ABSENT, *key(reference))
    assert row is not None  # the row is locked, and was in doubt
    attempt: int = await connection.fetchval(Doubts.ALLOT, reference.campaign_id, reference.chunk)
    ours = reference.campaign_id, reference.chunk, attempt, reference.part
    await connection.execute(Doubts.OFFER, *ours, row["rank_at"], row["recipients"], row["follows"], 0.0)
    return attempt


def _count(request: bytes) -> int:
    return len(msgspec.json.decode(request, type=_Recipients).recipients)
