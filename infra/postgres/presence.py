"""What a worker says of itself in the database: that it lives, what it waits for, and its last words.

A row a replica in `heliograph.services`. Killed processes have no last words: their next start notes the end.
"""

from collections.abc import Callable

import asyncpg
import structlog

from infra.postgres.pool import Connection
from infra.postgres.trouble import FAILURES
from infra.process.world import World

log = structlog.get_logger(__name__)

BEAT_SECONDS = 5.0
STEADY_SECONDS = 120.0  # one that lived so long has recovered from what ended it
PATIENCE_SECONDS = 2.0  # of each write: a service must be able to end while the database is away
MOST_WORDS = 500  # characters
WITHOUT_A_WORD = "ended without a word: killed, or short of memory"


class Presence:
    """The row of one replica of `service`. No method fails: what cannot be said is logged."""

    def __init__(self, dsn: str, service: str, replica: str) -> None:
        self._dsn = dsn
        self._names = (service, replica)

    async def run(self, world: World, waits_for: Callable[[], str]) -> None:
        """Say every few seconds that we live, and what we wait for ('': nothing). Begin again where our row is gone."""
        while True:
            await world.clock.sleep(BEAT_SECONDS)
            if not await self.lives(waits_for()):
                await self.begins()

    BEGINS = """
    INSERT INTO heliograph.services AS s (service, replica, started_at, seen_at, running)
    VALUES ($1, $2, now(), now(), true)
    ON CONFLICT (service, replica) DO UPDATE SET
        started_at = now(), seen_at = now(), running = true, waits_since = NULL, waits_for = '',
        ends = s.ends + s.running::integer,
        failing_since = CASE WHEN s.running THEN coalesce(s.failing_since, s.seen_at) ELSE s.failing_since END,
        last_words = CASE WHEN s.running THEN $3 ELSE s.last_words END
    RETURNING true
    """
    LIVES = """
    UPDATE heliograph.services SET
        seen_at = now(), waits_for = $4,
        waits_since = CASE WHEN $4 = '' THEN NULL WHEN waits_for = $4 THEN waits_since ELSE now() END,
        ends = CASE WHEN steady THEN 0 ELSE ends END,
        failing_since = CASE WHEN steady THEN NULL ELSE failing_since END,
        last_words = CASE WHEN steady THEN '' ELSE last_words END
    WHERE service = $1 AND replica = $2 RETURNING true
    """.replace("steady", "now() - started_at > $3 * interval '1 second'")
    ENDS = """
    UPDATE heliograph.services SET
        running = false, seen_at = now(), ends = ends + 1, failing_since = coalesce(failing_since, now()), last_words = $3
    WHERE service = $1 AND replica = $2 RETURNING true
    """
    STOPS = "DELETE FROM heliograph.services WHERE service = $1 AND replica = $2 RETURNING true"

    async def begins(self) -> bool:
        """We have started. True when it is written."""
        return await self._say(self.BEGINS, WITHOUT_A_WORD)

    async def lives(self, waits_for: str = "") -> bool:
        """We live, and wait for this. False when it could not be written down."""
        return await self._say(self.LIVES, STEADY_SECONDS, waits_for[:MOST_WORDS])

    async def ends(self, words: str) -> None:
        """We end because we cannot go on."""
        await self._say(self.ENDS, words[:MOST_WORDS])

    async def stops(self) -> None:
        """We were asked to end."""
        await self._say(self.STOPS)

    async def _say(self, statement: str, *more: object) -> bool:
        try:
            connection: Connection = await asyncpg.connect(
                self._dsn, timeout=PATIENCE_SECONDS, command_timeout=PATIENCE_SECONDS
            )
            try:
                return bool(await connection.fetchval(statement, *self._names, *more))
            finally:
                await connection.close(timeout=PATIENCE_SECONDS)
        except FAILURES as error:
            log.warning("presence_not_written", error=str(error) or type(error).__name__)
            return False
