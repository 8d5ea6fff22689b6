"""What of a pooler is refused at the start, and what works through one that keeps sessions."""

import asyncio
import sys
from pathlib import Path

import asyncpg
import pytest

from infra.kafka.connection import KafkaConnection
from infra.postgres.migrations import migrate
from infra.postgres.pool import create_pool
from infra.postgres.sessions import NoSession, require_sessions
from infra.process.ports import free_port
from infra.process.world import World
from tests.integration.dispatcher.parts import NUMBERS, dispatching, parts
from tests.integration.postgres.bouncers import needs_pgbouncer, pgbouncer

WRONG = 2
ENVIRONMENT = {
    "KAFKA_BOOTSTRAP_SERVERS": f"127.0.0.1:{free_port()}", "PRIVACY_KEY": "k" * 16, "WEBHOOK_TOKEN": "t" * 16,
    "API_KEYS": "sixteen-or-more-letters", "SINCH_SERVICE_PLAN_ID": "plan", "SINCH_API_TOKEN": "t" * 16, "LOG_FORMAT": "console",
}  # fmt: skip


async def test_a_direct_connection_is_a_session(database: str) -> None:
    """And the trial leaves nothing behind."""
    await asyncio.gather(*(require_sessions(database) for _ in range(5)))
    connection = await asyncpg.connect(database)
    assert await connection.fetchval("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'") == 0
    await connection.close()


@needs_pgbouncer
@pytest.mark.parametrize("mode", ["transaction", "statement"])
async def test_a_pooler_that_breaks_sessions_is_refused(database: str, tmp_path: Path, mode: str) -> None:
    """In words that say what to do; also when it has servers to spare and is busy with others."""
    async with pgbouncer(database, tmp_path, mode, "min_pool_size = 5") as through:
        busy = [asyncio.create_task(_busy(through)) for _ in range(3)]
        for _ in range(5):
            with pytest.raises(
                NoSession, match=f"pooler in [a-z ]*{mode}[a-z ]*mode: give it a direct connection or a pool in sess"
            ):
                await require_sessions(through)
        for task in busy:
            task.cancel()
        await asyncio.gather(*busy, return_exceptions=True)


async def _busy(dsn: str) -> None:
    connection = await asyncpg.connect(dsn, statement_cache_size=0)
    while True:
        await connection.execute("SELECT 1")


@needs_pgbouncer
async def test_a_pooler_that_does_not_clean_up_is_refused(database: str, tmp_path: Path) -> None:
    """In session mode without its reset query a lock outlives its client."""
    async with pgbouncer(database, tmp_path, "session", "server_reset_query =") as through:
        with pytest.raises(NoSession, match="keeps locks of clients that are gone"):
            await require_sessions(through)


@needs_pgbouncer
async def test_a_pooler_in_session_mode_is_taken(empty_database: str, tmp_path: Path) -> None:
    """As it comes from the package, without a word in its settings: migrations run, and our settings are in force."""
    async with pgbouncer(empty_database, tmp_path, "session") as through:
        await require_sessions(through)
        assert await migrate(through)
        async with await create_pool(through, "test") as pool:
            for _ in range(3):
                assert await pool.fetchval("SHOW idle_in_transaction_session_timeout") == "1min"
                assert await pool.fetchval("SHOW timezone") == "UTC"


@needs_pgbouncer
async def test_the_dispatcher_sends_through_a_pooler_in_session_mode(
    kafka: KafkaConnection, database: str, world: World, tmp_path: Path
) -> None:
    """Everybody gets one message; its owner's lock is held where the others look for it."""
    async with (
        pgbouncer(database, tmp_path, "session", "default_pool_size = 50") as through,
        parts(kafka, database, world) as these,
        dispatching(these, database_url=through),
    ):
        await these.ask(NUMBERS[:5], NUMBERS[5:])
        await these.settled(2)
        assert await these.sent() == dict.fromkeys(NUMBERS, 1)


@needs_pgbouncer
@pytest.mark.parametrize("service", ["dispatcher", "projector", "campaign", "http", "migrate"])
async def test_every_service_refuses_to_start_behind_the_wrong_pooler(
    database: str, tmp_path: Path, service: str
) -> None:
    """Exit code 2: starting it again would not help."""
    async with pgbouncer(database, tmp_path, "transaction") as through:
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "services.cli", service, env=ENVIRONMENT | {"DATABASE_URL": through},
            stderr=asyncio.subprocess.STDOUT, stdout=asyncio.subprocess.PIPE,
        )  # fmt: skip
        said, _ = await asyncio.wait_for(process.communicate(), 60)
    assert process.returncode == WRONG, said.decode()
    assert b"pooler in transaction or statement mode" in said
