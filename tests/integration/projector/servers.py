"""Servers that may be harmed, and how: ended cleanly or by kill -9, on a port that stays."""

import os
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from infra.kafka.embedded import EmbeddedKafka
from infra.postgres.embedded import EmbeddedPostgres
from infra.process.ports import free_port


async def end(server: EmbeddedKafka | EmbeddedPostgres, how: str) -> None:
    """End it: `stopped` in order, or `killed` with -9."""
    if how == "killed" and server.pid is not None:
        os.kill(server.pid, signal.SIGKILL)
    await server.stop()


@asynccontextmanager
async def running_postgres(home: Path) -> AsyncIterator[tuple[EmbeddedPostgres, str]]:
    """A server on a fixed port, and the DSN of its administrator."""
    server = EmbeddedPostgres(home, free_port(), durable=False)
    dsn = await server.start()
    try:
        yield server, dsn
    finally:
        await server.stop()
