"""What a worker says of itself in the database: that it lives, what it waits for, and its last words.

A row a replica in `heliograph.services`. Killed processes have no last words: their next start notes the end.
"""

from collections.abc import Callable
from typing import Any

import structlog

from infra.postgres.pool import Connection, connect
from infra.postgres.trouble import FAILURES
from infra.process.world import World

log = structlog.get_logger(__name__)

BEAT_SECONDS = 5.0
STEADY_SECONDS = 120.0  # one that lived so long has recovered from what ended it
PATIENCE_SECONDS = 2.0  # of each write: a service must be able to end while the database is away
LOCKED_SECONDS = 3.0  # that a statement waits for a table before it is said: what others lock for a moment is no news
LOCKED = "a table that another session of the database has locked"
MOST_WORDS = 500  # characters
WITHOUT_A_WORD = "ended without a word: killed, or short of memory"


class Presence:
    """The row of one replica of `service`. No method fails: what cannot be said is logged."""

    def __init__(self, dsn: str, service: str, replica: str) -> None:
        self._dsn = dsn
        self._names = (service, replica)
        self._locked = False

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
        seen_at = now(), waits_for = w.words,
        waits_since = CASE WHEN w.words = '' THEN NULL WHEN waits_for = w.words THEN waits_since ELSE now() END,
        ends = CASE WHEN steady THEN 0 ELSE ends END,
        failing_since = CASE WHEN steady THEN NULL ELSE failing_since END,
        last_words = CASE WHEN steady THEN '' ELSE last_words END
    FROM (SELECT CASE WHEN $4 = '' AND EXISTS (
        SELECT FROM pg_stat_activity a WHERE a.datname = current_database() AND a.wait_event_type = 'Lock'
            AND a.application_name LIKE 'heliograph ' || $1 || '%' AND a.wait_event = 'relation'
            AND clock_timestamp() - a.query_start > $5 * interval '1 second'
        ) THEN $6 ELSE $4 END AS words) w
    WHERE service = $1 AND replica = $2 RETURNING w.words
    """.replace("steady", "now() - started_at > $3 * interval '1 second'")
    ENDS = """
    UPDATE heliograph.services SET
        running = false, seen_at = now(), ends = ends + 1, failing_since = coalesce(failing_since, now()), last_words = $3
    WHERE service = $1 AND replica = $2 RETURNING true
    """
    STOPS = "DELETE FROM heliograph.services WHERE service = $1 AND replica = $2 RETURNING true"

    async def begins(self) -> bool:
        """We have started. True when it is written."""
        return bool(await self._say(self.BEGINS, WITHOUT_A_WORD))

    async def lives(self, waits_for: str = "") -> bool:
        """We live, and wait for this, or for a table that somebody locks. False when it could not be written down."""
        words = await self._say(self.LIVES, STEADY_SECONDS, waits_for[:MOST_WORDS], LOCKED_SECONDS, LOCKED)
        if words == LOCKED and not self._locked:
            log.warning("tables_locked", service=self._names[0], do="pg_blocking_pids tells who has them")
        self._locked = words == LOCKED
        return words is not None

    async def ends(self, words: str) -> None:
        """We end because we cannot go on."""
        await self._say(self.ENDS, words[:MOST_WORDS])

    async def stops(self) -> None:
        """We were asked to end."""
        await self._say(self.STOPS)

    async def _say(self, statement: str, *more: object) -> Any:
        """What the statement returns; None when it was not written, or met no row."""
        try:
            connection: Connection = await connect(
                self._dsn, "presence", connect_timeout=PATIENCE_SECONDS, command_timeout=PATIENCE_SECONDS
            )
            try:
                return await connection.fetchval(statement, *self._names, *more)
            finally:
                await connection.close(timeout=PATIENCE_SECONDS)
        except FAILURES as error:
            log.warning("presence_not_written", error=str(error) or type(error).__name__)
            return None
