"""Connections to PostgreSQL, alone or in pools; the same ones directly and through a pooler in session mode."""

from collections.abc import Mapping
from functools import partial
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
"""Set by a statement: what a connection asks for while it is made, PgBouncer refuses (`unsupported startup parameter`)."""


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
        server_settings=_named(name),
        init=partial(_prepare, more=more),
        reset=_reset,
    )
    if isinstance(pool, _ImpatientPool) and patience is not None:
        pool.longest = patience.connection
    await pool
    return pool


async def connect(
    dsn: str,
    name: str,
    more: Mapping[str, str] | None = None,
    *,
    connect_timeout: float = CONNECT_TIMEOUT_SECONDS,
    command_timeout: float = COMMAND_TIMEOUT_SECONDS,
    statement_cache_size: int = 100,
) -> "asyncpg.Connection[asyncpg.Record]":
    """A connection alone, with `more` settings of the server. Fails as `create_pool` does."""
    connection = await asyncpg.connect(
        dsn,
        timeout=connect_timeout,
        command_timeout=command_timeout,
        server_settings=_named(name),
        statement_cache_size=statement_cache_size,
    )
    try:
        await _set(connection, more or {})
    except BaseException:
        connection.terminate()
        raise
    return connection


def _named(name: str) -> dict[str, str]:
    return {"application_name": f"heliograph {name}"}


async def _set(connection: Connection, more: Mapping[str, str]) -> None:
    settings = {**SERVER_SETTINGS, **more}
    await connection.execute("; ".join(f"SET {name} = '{value}'" for name, value in settings.items()))


async def _reset(connection: Connection) -> None:
    """Keep no connection that is read-only.

    The server says it by itself (GUC_REPORT since PostgreSQL 14) with the answer to a statement. Nothing else is to be
    done: what we do on a connection of a pool ends with its transaction, so asyncpg's RESET ALL, which would undo `_set`,
    has nothing to reset.
    """
    if is_read_only(connection):
        connection.terminate()


def is_read_only(connection: Connection) -> bool:
    """True for a standby, and for a server or a session that begins its transactions as read-only."""
    settings = connection.get_settings()
    return "on" in (getattr(settings, name, "off") for name in ("in_hot_standby", "default_transaction_read_only"))


async def _prepare(connection: Connection, more: Mapping[str, str]) -> None:
    await _set(connection, more)
    await connection.set_type_codec(
        "jsonb", schema="pg_catalog", encoder=_encode_jsonb, decoder=_decode_jsonb, format="binary"
    )


def _encode_jsonb(value: Any) -> bytes:
    return b"\x01" + orjson.dumps(value)  # jsonb's binary form: a version byte, then the text


def _decode_jsonb(data: bytes) -> Any:
    return orjson.loads(data[1:])
