"""The server is asked whether a connection is a session: what we hold there is ours, stays ours, and ends with us.

A pooler that lends connections for a transaction (PgBouncer's pool_mode=transaction, Supavisor's port 6543) breaks that:
two clients hold one advisory lock at once, and it outlives them. The dispatcher's owners live by such a lock, a
migration is alone by one, the projector stages rows in a temporary table, and asyncpg prepares statements.
"""

import asyncio

import asyncpg

from infra.postgres.pool import CONNECT_TIMEOUT_SECONDS, Connection, connect

TRIALS = 0x54524941
"""The class of the advisory locks that are tried; any number that nobody else uses."""
ROUNDS = 5
"""A pooler with many servers may lend the same one twice by chance."""
LOOKS = 100  # until a lock whose client has gone must be free
LOOK_SECONDS = 0.05

REMEDY = (
    "give it a direct connection or a pool in session mode (PgBouncer: pool_mode=session with "
    "server_reset_query=DISCARD ALL)."
)

PID = "SELECT pg_backend_pid()"
LOCK = "SELECT pg_try_advisory_lock($1, $2)"
TRY = "SELECT pg_try_advisory_xact_lock($1, $2)"


class NoSession(Exception):  # noqa: N818  named by what it says
    """DATABASE_URL leads through a pooler that breaks sessions; the text says what to do."""


async def require_sessions(dsn: str) -> None:
    """Come back when connections are sessions. Raises NoSession, and whatever says that the server is away."""
    first, second = await _connect(dsn), await _connect(dsn)
    try:
        pid = await first.fetchval(PID)
        if not (await first.fetchval(LOCK, TRIALS, pid) and await _holds(first, second, pid)):
            raise NoSession(f"DATABASE_URL leads through a pooler in transaction or statement mode: {REMEDY}")
        await first.close(timeout=CONNECT_TIMEOUT_SECONDS)
        if not await _is_gone(second, pid):
            raise NoSession(f"DATABASE_URL leads through a pooler that keeps locks of clients that are gone: {REMEDY}")
    except asyncpg.PostgresConnectionError as error:
        if "statement pooling" not in str(error):
            raise
        raise NoSession(f"DATABASE_URL leads through a pooler in statement mode: {REMEDY}") from error
    finally:
        first.terminate()
        second.terminate()


async def _connect(dsn: str) -> Connection:
    return await connect(dsn, "session check", statement_cache_size=0)  # kept statements would be the first to break


async def _holds(first: Connection, second: Connection, pid: int) -> bool:
    """The lock stays with its session, also while another has a transaction, and with it what a pooler would lend it."""
    for _ in range(ROUNDS):
        async with second.transaction():
            if await second.fetchval(TRY, TRIALS, pid) or await first.fetchval(PID) != pid:
                return False
    return True


async def _is_gone(second: Connection, pid: int) -> bool:
    for _ in range(LOOKS):
        if await second.fetchval(TRY, TRIALS, pid):
            return True
        await asyncio.sleep(LOOK_SECONDS)
    return False
