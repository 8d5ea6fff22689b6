"""The ledger's offers: every method is one whole transaction, and changes a row only for the owner that claimed it."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field, replace

import asyncpg
import msgspec

from contracts.events import CampaignRequested
from contracts.identity import Reference
from infra.postgres.pool import Connection, Pool, connect
from infra.process.world import Clock
from services.dispatcher import held, rate
from services.dispatcher.consented import OptOuts
from services.dispatcher.fencing.fence import NUMBER, Ends, Fence
from services.dispatcher.held import CORRECT, PACE
from services.dispatcher.keys import columns, key, reference_of
from services.dispatcher.rate import Rate

OWNERS = 0x4F574E52
"""The class of the advisory locks that say that an owner lives; any number that nobody else uses."""

IN_ORDER = dict.fromkeys(
    ("enable_sort", "enable_seqscan", "enable_bitmapscan", "enable_hashjoin", "enable_mergejoin"), "off"
)
"""The next few due rows are the first of an index. A planner without fresh statistics sorts ten thousand to find them
(measured: 116 ms a claim)."""


class OwnerLost(Exception):  # noqa: N818 - named by what it says
    """Our session has ended, and with it the lock that says that we live: to others our rows are abandoned."""


DECIDED_SINCE = "the reply that this would confirm is not the last decision about the number"

_request: msgspec.json.Decoder[CampaignRequested] = msgspec.json.Decoder(CampaignRequested)


@dataclass(frozen=True, slots=True)
class Claimed:
    """A row that is now ours to offer. `expires_in` seconds from the claim, None: never."""

    reference: Reference
    request: CampaignRequested
    recipients: list[str]
    reason: str
    claim: int
    expires_in: float | None
    follows: int = 0


@dataclass(frozen=True, slots=True)
class Suppressed:
    """Who was taken out of an offer, and why."""

    reference: Reference
    recipients: list[str]
    why: str


@dataclass(slots=True)
class Claim:
    """What one claim gave.

    `suppressed` is for the log; `wait`: seconds until it is worth asking again when there was nothing; `why` nothing
    can be claimed at all, or only one offer to find out; `troubled`: a clear answer of Sinch's changes that.
    """

    rows: list[Claimed] = field(default_factory=list)
    suppressed: list[Suppressed] = field(default_factory=list)
    wait: float = 0.0
    why: str = ""
    troubled: bool = False


@dataclass(frozen=True, slots=True)
class Pacing:
    """`rate`: what the plan allows, in what `cost` counts. `reader_lag`: seconds, see dispatch.readers.

    `probe`: seconds until an offer that went to find out whether Sinch answers must have been heard of. `hold_probable`:
    who probably opted out gets nothing until a person has read the reply.
    """

    rate: Rate
    cost: Callable[[CampaignRequested, int], float]
    reader_lag: float
    probe: float
    hold_probable: bool = True


Say = Callable[[Sequence[Suppressed]], Awaitable[None]]


class Ledger:
    """Claims and settlements. A session of its own says, by holding a lock, that this process lives and owns its rows.

    Rows are claimed through that very session: who has lost the lock can claim nothing more.
    """

    def __init__(self, pool: Pool, session: Connection, owner: int, pacing: Pacing, fence: Fence) -> None:
        self._pool = pool
        self._session = session
        self._pacing = pacing
        self.fence = fence
        self.fenced = fence.passed
        self._claiming = asyncio.Lock()
        self._lost = asyncio.Event()
        session.add_termination_listener(lambda _: self._lost.set())
        self._opt_outs = OptOuts(hold=pacing.hold_probable)
        self.owner = owner

    @classmethod
    async def open(
        cls,
        pool: Pool,
        dsn: str,
        pacing: Pacing,
        new_owner: Callable[[], int],
        ends: Callable[[], Awaitable[Ends]],
        *,
        clock: Clock,
    ) -> "Ledger":
        """Take a number that nobody has, or had, and its lock, for as long as the session lasts; then look at the log's ends.

        Rows that another server, or a restored dump, knows as those of an owner are never taken for ours. Nothing is claimed
        until this ledger has taken in what stood in the log when the session was there: that it once had, or that another
        server had, proves nothing.
        """
        session = await connect(dsn, "dispatcher owner", IN_ORDER, command_timeout=30.0)
        while True:
            owner = new_owner()
            if not await session.fetchval(cls.OWNS, owner) and await session.fetchval(cls.TRY, OWNERS, owner):
                break
        try:
            return cls(pool, session, owner, pacing, Fence(await ends(), clock, pacing.reader_lag))
        except BaseException:
            await session.close(timeout=5.0)
            raise

    OWNS = "SELECT EXISTS (SELECT FROM dispatch.batches WHERE state = 'attempting' AND owner = $1)"
    TRY = "SELECT pg_try_advisory_lock($1, $2)"

    async def run(self) -> None:
        """Wait for the end of our session, of whatever kind, and raise OwnerLost: only a new owner can go on."""
        await self._lost.wait()
        raise OwnerLost("the session that says that this dispatcher lives was ended")

    async def draw_look(self) -> int:
        """The number of a look at the ends of consent that begins now, from the session that claims."""
        async with self._claiming:
            number: int = await self._session.fetchval(NUMBER)
            return number

    async def close(self) -> None:
        """Give the lock back: what is still attempting is in doubt from now on."""
        await self._session.close(timeout=5.0)

    DUE = """
    SELECT b.campaign_id::text, b.chunk, b.attempt, b.part, b.reason, b.recipients, b.claims, b.follows, k.request,
           extract(epoch FROM c.expire_at - clock_timestamp())::float8 AS expires_in
    FROM dispatch.batches b
    JOIN dispatch.campaigns c USING (campaign_id)
    JOIN dispatch.chunks k USING (campaign_id, chunk)
    WHERE b.state = 'due' AND b.due_at <= now()
      AND b.look < $2 AND c.chunks > 0 AND c.arrived >= c.chunks
      AND NOT c.paused AND NOT c.cancelled AND (c.expire_at IS NULL OR c.expire_at > clock_timestamp())
    ORDER BY b.rank_at LIMIT $1 FOR UPDATE OF b SKIP LOCKED FOR SHARE OF c SKIP LOCKED
    """

    PROBE = DUE.replace(
        "ORDER BY", "ORDER BY b.campaign_id IN (SELECT campaign_id FROM dispatch.batches WHERE state = 'in_doubt'),"
    )
    """One offer to find out whether Sinch answers: of a campaign that has none in doubt, if it may be that the texts of the
    others are the reason."""
    PROBING = "UPDATE dispatch.plan SET probe_until = clock_timestamp() + $1 * interval '1 second'"

    ATTEMPT = """
    UPDATE dispatch.batches b SET state = 'attempting', owner = $5, claims = claims + 1, attempted_at = clock_timestamp(), said = NULL,
        paid = n.paid, recipients = CASE WHEN n.changed THEN string_to_array(n.recipients, ',') ELSE b.recipients END
    FROM unnest($1::uuid[], $2::integer[], $3::integer[], $4::text[], $6::boolean[], $7::text[], $8::real[])
         AS n (campaign_id, chunk, attempt, part, changed, recipients, paid)
    WHERE b.campaign_id = n.campaign_id AND b.chunk = n.chunk AND b.attempt = n.attempt AND b.part = n.part
    """

    DELIVERED = "SELECT recipient FROM dispatch.delivered WHERE campaign_id = $1 AND recipient = ANY ($2::text[])"

    SUPPRESS = """
    UPDATE dispatch.batches SET state = $5, recipients = '{}'
    WHERE campaign_id = $1 AND chunk = $2 AND attempt = $3 AND part = $4
    """

    async def claim_due(self, most: int, say: Say) -> Claim:
        """At most `most` due rows, from now on `attempting` and ours, as far as the plan's rate allows.

        In one transaction: the campaigns' states are locked, so that pause and cancel have one order with every claim;
        who opted out is taken out; the rate is drawn last. A row waits until consent was read to ends that were seen by a
        look that began after the row came: an opt-out that stood in the log before a request holds for it. `say` tells the log who was taken
        out, before the commit.
        """
        async with self._claiming, self._session.transaction():
            if why := await self.fence.why_shut(self._session):
                return Claim(wait=0.1, why=why)
            state = await self._state(PACE)
            if correction := held.correction(state, self._pacing.rate, self._pacing.probe):
                await self._session.execute(CORRECT, *correction)
            wait = held.wait(state, self._pacing.rate)
            if wait is not None:
                return Claim(wait=wait.seconds, why=wait.why)
            await self._opt_outs.refresh(self._session)
            why = held.finding_out(state)
            below = self.fence.reached
            if why:
                rows = await self._session.fetch(self.PROBE, 1, below)
            else:
                rows = await self._session.fetch(self.DUE, most, below)
            claim = await self._take([_claimed(row) for row in rows]) if rows else Claim()
            if claim.suppressed:
                await say(claim.suppressed)
            if why and claim.rows:
                await self._session.execute(self.PROBING, self._pacing.probe)
            claim.why, claim.troubled = why if rows else "", state["troubled"]
            return claim

    async def _take(self, due: Sequence[Claimed]) -> Claim:
        """Take the opted-out ones out of the due rows, draw the rate for what is left, mark what may go."""
        claim, keep, changed = Claim(), list[Claimed](), set[Reference]()
        for row in due:
            if row.follows and (got := await self._delivered(row)):
                row = _without(row, got)  # noqa: PLW2901 - what was delivered is followed up no more
                changed.add(row.reference)
                if not row.recipients:
                    await self._session.execute(self.SUPPRESS, *key(row.reference), "called_off")
                    continue
            for out, why in await self._left_out(row):
                claim.suppressed.append(Suppressed(row.reference, out, why))
                row = _without(row, out)  # noqa: PLW2901 - the row goes on without them
                changed.add(row.reference)
            if row.recipients:
                keep.append(row)
            else:
                await self._session.execute(self.SUPPRESS, *key(row.reference), "suppressed")
        going, paid = await self._draw([self._pacing.cost(row.request, len(row.recipients)) for row in keep])
        claim.rows = keep[:going]
        gone = {row.reference for row in keep[going:]}
        claim.suppressed = [suppressed for suppressed in claim.suppressed if suppressed.reference not in gone]
        await self._mark(claim.rows, changed, paid)
        return claim

    async def _delivered(self, row: Claimed) -> list[str]:
        """Who of a follow-up got the message of an earlier attempt since it was made."""
        rows = await self._session.fetch(self.DELIVERED, row.reference.campaign_id, row.recipients)
        return [found["recipient"] for found in rows]

    async def _left_out(self, row: Claimed) -> list[tuple[list[str], str]]:
        """Which recipients must not get it, by why.

        The confirmation of a reply passes the opt-out that this reply was, and no other.
        """
        if row.request.confirms is None:
            return self._opt_outs.among(row.recipients)
        out = await self._opt_outs.not_confirmable(self._session, row.request.confirms, row.recipients)
        return [(out, DECIDED_SINCE)] if out else []

    PAY = "UPDATE dispatch.plan SET paid_until = $1"

    async def _draw(self, costs: Sequence[float]) -> tuple[int, list[float]]:
        """How many may go, and the seconds that each takes of the rate.

        The plan's row stays locked until the commit: replicas draw one after the other.
        """
        if not costs:
            return 0, []
        state = await self._state(PACE + " FOR UPDATE OF plan")
        pace, per = held.pace(state), self._pacing.rate
        if held.wait(state, per) is not None:
            return 0, []
        going, paid_until = rate.draw(pace, per, costs)
        await self._session.execute(self.PAY, paid_until)
        return going, [rate.paid_by(cost, pace, per) for cost in costs[:going]]

    async def _state(self, sql: str) -> asyncpg.Record:
        row = await self._session.fetchrow(sql, self._pacing.reader_lag)
        assert row is not None
        return row

    async def _mark(self, rows: Sequence[Claimed], changed: set[Reference], paid: Sequence[float]) -> None:
        if rows:
            references = [row.reference for row in rows]
            await self._session.execute(
                self.ATTEMPT,
                *columns(references),
                self.owner,
                [r in changed for r in references],
                [",".join(row.recipients) if row.reference in changed else "" for row in rows],
                paid,
            )


def _claimed(row: asyncpg.Record) -> Claimed:
    request = _request.decode(row["request"])
    recipients = request.recipients if row["recipients"] is None else row["recipients"]
    reference = reference_of(row)
    return Claimed(reference, request, recipients, row["reason"], row["claims"] + 1, row["expires_in"], row["follows"])


def _without(row: Claimed, out: Sequence[str]) -> Claimed:
    gone = set(out)
    left = [recipient for recipient in row.recipients if recipient not in gone]
    return replace(row, recipients=left)
