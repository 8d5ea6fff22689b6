"""Pools of connections to PostgreSQL, one a process."""

from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

import asyncpg
import orjson

if TYPE_CHECKING:  # generic for the type checker only
    Pool: TypeAlias = asyncpg.Pool[asyncpg.Record]
    Connection: TypeAlias = asyncpg.Connection[asyncpg.Record] | asyncpg.pool.PoolConnectionProxy[asyncpg.Record]
    Acquired: TypeAlias = asyncpg.pool.PoolAcquireContext[asyncpg.Record]
else:
    Pool = asyncpg.Pool
    Connection = asyncpg.Connection
    Acquired = asyncpg.pool.PoolAcquireContext

CONNECT_TIMEOUT_SECONDS = 10.0
COMMAND_TIMEOUT_SECONDS = 60.0  # a statement that takes longer is a defect; COPY of a full batch takes under a second

SERVER_SETTINGS = {
    "timezone": "UTC",
    "idle_in_transaction_session_timeout": "60s",  # a frozen process gives its row locks back
    "tcp_keepalives_idle": "10",  # a server that lost its client by a cut cable frees its advisory locks in half a minute
    "tcp_keepalives_interval": "5",
    "tcp_keepalives_count": "4",
    "jit": "off",
}


class Patience(NamedTuple):
    """How many seconds whoever is asked by somebody who waits may spend on a lock, a statement, a free connection.

    What takes longer is given up: asyncpg.LockNotAvailableError, asyncpg.QueryCanceledError, TimeoutError.
    """

    lock: float
    statement: float
    connection: float

    @property
    def settings(self) -> dict[str, str]:
        """The first two as the server takes them."""
        return {"lock_timeout": f"{self.lock * 1000:.0f}", "statement_timeout": f"{self.statement * 1000:.0f}"}


UNANSWERED_SECONDS = 2.0  # after `Patience.statement`: the server itself no longer answers


class _ImpatientPool(Pool):
    """A pool in whose queue nobody waits without end: not for a connection, nor to give it back to a frozen server."""

    longest = CONNECT_TIMEOUT_SECONDS

    def acquire(self, *, timeout: float | None = None) -> Acquired:
        return super().acquire(timeout=self.longest if timeout is None else timeout)


async def create_pool(
    dsn: str, name: str, *, min_size: int = 1, max_size: int = 10, patience: Patience | None = None
) -> Pool:
    """A pool whose connections show as `heliograph <name>` in pg_stat_activity and read and write jsonb as values.

    Fails at once (OSError, asyncpg.PostgresError) when the server cannot be reached. A connection to a server that takes
    no changes any more is not used a second time: the next one may lead to its successor.
    """
    more = {} if patience is None else patience.settings
    pool = (Pool if patience is None else _ImpatientPool)(
        dsn,
        min_size=min_size,
        max_size=max_size,
        max_queries=50_000,
        max_inactive_connection_lifetime=300.0,
        loop=None,
        connection_class=asyncpg.Connection,
        record_class=asyncpg.Record,
        timeout=CONNECT_TIMEOUT_SECONDS,
        command_timeout=COMMAND_TIMEOUT_SECONDS if patience is None else patience.statement + UNANSWERED_SECONDS,
        server_settings={**SERVER_SETTINGS, **more, "application_name": f"heliograph {name}"},
        init=_prepare,
        reset=_reset,
    )
    if isinstance(pool, _ImpatientPool) and patience is not None:
        pool.longest = patience.connection
    await pool
    return pool


async def _reset(connection: Connection) -> None:
    """What is done when a connection is given back: as asyncpg does it, and then none is kept that is read-only.

    The server says it by itself (GUC_REPORT since PostgreSQL 14) with the answer to the statement before.
    """
    await connection.execute(connection.get_reset_query())
    if is_read_only(connection):
        connection.terminate()


def is_read_only(connection: Connection) -> bool:
    """True for a standby, and for a server or a session that begins its transactions as read-only."""
    settings = connection.get_settings()
    return "on" in (getattr(settings, name, "off") for name in ("in_hot_standby", "default_transaction_read_only"))


async def _prepare(connection: Connection) -> None:
    await connection.set_type_codec(
        "jsonb", schema="pg_catalog", encoder=_encode_jsonb, decoder=_decode_jsonb, format="binary"
    )


def _encode_jsonb(value: Any) -> bytes:
    return b"\x01" + orjson.dumps(value)  # jsonb's binary form: a version byte, then the text


def _decode_jsonb(data: bytes) -> Any:
    return orjson.loads(data[1:])
