"""The service plan as a whole: what all replicas do at Sinch's word, or at the lack of one. One row of PostgreSQL.

A 429 or 503 makes everybody slower. Answers that say nothing (5xx, silence, a stranger's page) put an offer in doubt
each; after a few in a row sending pauses, one offer is let through to find out, and the pauses grow until one is
answered clearly.
"""

from dataclasses import dataclass

from infra.postgres.pool import Pool
from services.dispatcher.rate import LEAST_FACTOR, RECOVERY_PER_SECOND

UNCLEAR_IN_A_ROW = 5
"""Offers with an unclear outcome until sending pauses."""
FIRST_PAUSE_SECONDS = 2.0
LONGEST_PAUSE_SECONDS = 300.0
"""Each pause is twice as long as the one before, up to this."""
SLOW_SECONDS = 1.0
"""Least wait after a 429 or 503."""
LONGEST_SLOW_SECONDS = 60.0
"""Longest wait where no Retry-After says how long."""
MOST_DOUBLINGS = 30

BLOCKED_BY_REPORT = """
UPDATE dispatch.plan p SET blocked_at = now(),
    blocked_reason = 'delivery code 413: the account is blocked, potentially out of credits'
WHERE p.blocked_reason IS NULL AND EXISTS (
    SELECT FROM unnest($1::uuid[], $2::integer[], $3::integer[], $4::text[], $5::timestamptz[])
           AS n (campaign_id, chunk, attempt, part, at)
    JOIN dispatch.batches b USING (campaign_id, chunk, attempt, part)
    WHERE n.at > p.resumed_at AND n.at > now() - interval '1 day')
"""
"""Reports of a blocked account, by reference and time: only of offers of ours, and only when somebody let the plan go on
before them. What is older than a day is no news: Sinch says it again if it is still so."""


@dataclass(slots=True)
class Plan:
    """Changes the row. `longest_slow`: seconds that a Retry-After may ask for at most.

    `troubled`: whether the row may hold something that a clear answer must clear, as last seen. `pauses` counts the pauses
    that began here: whoever still waits for a place in the queue when one begins had better not go.
    """

    pool: Pool
    longest_slow: float
    troubled: bool = False
    pauses: int = 0
    _pauses_in_a_row: int = 0

    SLOW = """
    UPDATE dispatch.plan SET probe_until = '-infinity',
        factor = CASE WHEN slowed_at < now() - interval '1 second' THEN greatest($2, least(1,
            factor + extract(epoch FROM least(now() - slowed_at, interval '1 day')) * $3) / 2) ELSE factor END,
        slowed_at = CASE WHEN slowed_at < now() - interval '1 second' THEN now() ELSE least(slowed_at, now()) END,
        slowdowns = CASE WHEN slow_until <= now() THEN least(slowdowns + 1, $6) ELSE slowdowns END,
        slow_until = least(now() + $5 * interval '1 second', greatest(slow_until, CASE
            WHEN $1::float8 IS NOT NULL THEN now() + $1 * interval '1 second'
            WHEN slow_until <= now() THEN now() + least($7, $4 * 2 ^ slowdowns) * interval '1 second'
            ELSE slow_until END))
    RETURNING extract(epoch FROM slow_until - now())::float8
    """

    async def slow_down(self, asked: float | None, jitter: float) -> float:
        """Nothing goes for a while, by any replica; then at half the rate, which recovers by itself. Gives the seconds.

        `asked`: a Retry-After in seconds. Without one the pauses grow from `jitter` seconds on.
        """
        self.troubled = True
        self.pauses += 1
        bounded = None if asked is None else max(SLOW_SECONDS, min(asked, self.longest_slow))
        longest = max(self.longest_slow, LONGEST_SLOW_SECONDS)
        arguments = bounded, LEAST_FACTOR, RECOVERY_PER_SECOND, jitter, longest, MOST_DOUBLINGS, LONGEST_SLOW_SECONDS
        return float(await self.pool.fetchval(self.SLOW, *arguments))

    BLOCK = "UPDATE dispatch.plan SET blocked_reason = $1, blocked_at = now() WHERE blocked_reason IS NULL"

    async def block(self, reason: str) -> None:
        """Nothing goes until an operator resumes."""
        self.pauses += 1
        await self.pool.execute(self.BLOCK, reason)

    UNCLEAR = """
    UPDATE dispatch.plan SET
        unclear = least(unclear + 1, 1000000), unclear_why = $4, probe_until = '-infinity',
        pauses = CASE WHEN unclear + 1 >= $1 AND paused_until <= now() THEN least(pauses + 1, $5) ELSE pauses END,
        paused_until = CASE WHEN unclear + 1 >= $1 AND paused_until <= now()
            THEN now() + least($3, $2 * 2 ^ pauses) * interval '1 second' ELSE paused_until END
    RETURNING pauses
    """

    async def unclear(self, why: str) -> None:
        """One more offer of which nobody knows what came of it, or that could not be made."""
        self.troubled = True
        pauses = UNCLEAR_IN_A_ROW, FIRST_PAUSE_SECONDS, LONGEST_PAUSE_SECONDS
        in_a_row = await self.pool.fetchval(self.UNCLEAR, *pauses, why, MOST_DOUBLINGS)
        if in_a_row > self._pauses_in_a_row:
            self.pauses += 1
        self._pauses_in_a_row = in_a_row

    CLEAR = """
    UPDATE dispatch.plan SET unclear = 0, unclear_why = '', pauses = 0, paused_until = '-infinity',
        probe_until = '-infinity', slowdowns = 0
    WHERE unclear > 0 OR slowdowns > 0
    """

    async def clear(self) -> None:
        """Sinch gave a clear answer to an offer: what paused everything is over. Costs nothing while nothing did."""
        if self.troubled:
            self.troubled, self._pauses_in_a_row = False, 0
            await self.pool.execute(self.CLEAR)
