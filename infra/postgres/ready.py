"""Readiness of PostgreSQL: it answers, and takes changes."""

import asyncpg

from infra.postgres.trouble import READ_ONLY
from infra.process.health import CHECK_SECONDS, Check, NotReady

TRY = "UPDATE heliograph.tried SET tried_at = clock_timestamp()"
WHY = "SELECT pg_is_in_recovery()"


def postgres_check(dsn: str) -> Check:
    """Ready when PostgreSQL takes a write on a connection of its own: a full pool must not look like a dead server.

    Every refusal shows only in a write: that of a standby, of a primary that was fenced
    (`default_transaction_read_only`), of a role without rights, of a full disk, of synchronous replicas that are away.
    """

    async def check() -> None:
        connection = None
        try:
            connection = await asyncpg.connect(dsn, timeout=CHECK_SECONDS, command_timeout=CHECK_SECONDS)
            await connection.execute(TRY)
        except READ_ONLY as error:
            standby = connection is not None and await connection.fetchval(WHY)
            raise NotReady("read-only: a standby" if standby else "read-only") from error
        finally:
            if connection is not None:
                await connection.close(timeout=CHECK_SECONDS)

    return check
