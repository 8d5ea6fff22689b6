"""PostgreSQL as it fails in practice: the client hears 503 and when to ask again, and nothing else."""

import asyncio
import time
from collections.abc import AsyncIterator
from typing import Any

import asyncpg
import pytest
from structlog.testing import capture_logs

from infra.postgres.pool import Connection
from infra.process.world import SystemIds, World
from services.campaign.app import PATIENCE
from tests.integration.campaign.conftest import ADA, HELLO, SEND, Client, Logged, Start
from tests.integration.campaign.relay import Relay
from tests.integration.campaign.test_refusals import check_problem
from tests.waiting import until

LOOKS = ("/api/campaigns", f"/api/campaigns/{SystemIds().uuid7()}", "/api/opt-outs/+15551231234")
TERMINATE = """
SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()
"""
UNPUBLISHED = """
INSERT INTO campaign.campaigns (campaign_id, body, actor, recipients, duplicates, chunk_recipients, created_at, options)
VALUES (gen_random_uuid(), 'x', 'x', 1, 0, '{1}', now(), '{}')
"""
AWAY = {"event": "database_away", "log_level": "warning", "service": "campaign"}
BUSY_SECONDS = 5.0  # what a loaded machine adds to what is promised


@pytest.fixture
async def other(database: str) -> AsyncIterator[Connection]:
    """Somebody else's session."""
    connection = await asyncpg.connect(database)
    yield connection
    await connection.close()


async def _unavailable(answer: Any, words: str) -> None:
    problem = await check_problem(answer, 503, "unavailable")
    assert words in problem["detail"]
    assert int(answer.headers["Retry-After"]) > 0


async def _comes_back_read_only(other: Connection, database: str, *, read_only: bool) -> None:
    """A failover as clients see it: every connection is cut, and the server that takes new ones is like this."""
    name = database.rpartition("/")[2]
    await other.execute("SET default_transaction_read_only = off")
    await other.execute(f"ALTER DATABASE {name} SET default_transaction_read_only = {'on' if read_only else 'off'}")
    await other.execute(TERMINATE)


async def _ready(client: Client) -> tuple[int, str]:
    answer = await client.get("/readyz")
    return answer.status, (await answer.json())["checks"]["postgres"]


async def test_a_database_that_takes_no_changes(
    database: str, other: Connection, client: Client, logged: Logged, world: World
) -> None:
    """Sending is 503 and /readyz says why; looks go on; when it takes changes again, so do we, without a restart."""
    sent = await client.post(SEND, json=HELLO)
    assert sent.status == 202
    await _comes_back_read_only(other, database, read_only=True)
    await until(lambda: _is(client, (503, "read-only")), "not ready")
    for _ in range(5):
        await _unavailable(await client.post(SEND, json=HELLO), "takes no changes")
        look = await client.get((await sent.json())["status_url"])
        assert look.status == 200
    await _comes_back_read_only(other, database, read_only=False)
    await until(lambda: _is(client, (200, "ok")), "ready")
    assert (await client.post(SEND, json=HELLO)).status == 202
    assert len(await logged()) == 2
    assert not world.tasks.any_failed


async def test_the_finisher_lives_through_it(database: str, other: Connection, client: Client, world: World) -> None:
    """What waits to be published waits until the database takes changes; the process does not end for it."""
    assert (await client.get("/healthz")).status == 200
    await _comes_back_read_only(other, database, read_only=True)
    with capture_logs() as logs:
        await other.execute(UNPUBLISHED)
        await until(lambda: {"error": "ReadOnlySQLTransactionError", **AWAY} in logs, "the finisher has tried")
    await _comes_back_read_only(other, database, read_only=False)
    await until(
        lambda: other.fetchval("SELECT bool_and(published_at IS NOT NULL) FROM campaign.campaigns"), "published"
    )
    assert not world.tasks.any_failed


async def _is(client: Client, state: tuple[int, str]) -> bool:
    return await _ready(client) == state


async def test_sessions_opened_while_it_was_read_only_are_not_kept(
    database: str, other: Connection, client: Client
) -> None:
    """A session keeps the default that it began with; one of the pool's would refuse for ever."""
    await _comes_back_read_only(other, database, read_only=True)
    answers = await asyncio.gather(*(client.post(SEND, json=HELLO) for _ in range(20)))
    assert {answer.status for answer in answers} == {503}
    await other.execute(f"ALTER DATABASE {database.rpartition('/')[2]} SET default_transaction_read_only = off")
    answers = await asyncio.gather(*(client.post(SEND, json=HELLO) for _ in range(20)))
    assert {answer.status for answer in answers} == {202}


@pytest.mark.parametrize("table", ["campaign.campaigns", "live.recipients"])
async def test_locked_tables_hold_nobody_up(table: str, other: Connection, client: Client) -> None:
    """Somebody runs VACUUM FULL or ALTER: thirty looks at once are all answered in the time that is promised."""
    path = {"campaign.campaigns": "/api/campaigns", "live.recipients": "/api/opt-outs/+15551231234"}[table]
    async with other.transaction():
        await other.execute(f"LOCK {table} IN ACCESS EXCLUSIVE MODE")
        began = time.monotonic()
        answers = await asyncio.gather(*(client.get(path) for _ in range(30)))
        assert time.monotonic() - began < PATIENCE.lock + PATIENCE.connection + BUSY_SECONDS
    for answer in answers:
        await _unavailable(answer, "in time")
    assert (await client.get(path)).status == 200


async def test_a_campaign_that_waited_for_a_lock_is_not_perhaps_recorded(other: Connection, client: Client) -> None:
    """Who waited in vain for a lock is told that nothing was changed, and so it is."""
    async with other.transaction():
        await other.execute("LOCK campaign.people IN ACCESS EXCLUSIVE MODE")
        named = HELLO | {"recipients": [{"phone": ADA, "first_name": "Ada"}]}
        await _unavailable(await client.post(SEND, json=named), "Nothing was changed")
    assert await other.fetchval("SELECT count(*) FROM campaign.campaigns") == 0


async def test_a_server_that_stands_still(database: str, start: Start) -> None:
    """Nothing comes back from it, and thirty looks at once are answered all the same."""
    relay = Relay(database)
    await relay.open()
    client = await start(database_url=relay.dsn)
    assert (await client.get("/api/campaigns")).status == 200
    relay.freeze()
    began = time.monotonic()
    answers = await asyncio.gather(*(client.get(path) for path in LOOKS * 10))
    took = time.monotonic() - began
    for answer in answers:
        await _unavailable(answer, "in time")
    relay.thaw()
    await until(lambda: _answers(client), "looks are answered again")
    await relay.close()
    assert took < PATIENCE.connection + PATIENCE.statement + 2 + PATIENCE.connection + BUSY_SECONDS


async def _answers(client: Client) -> bool:
    return (await client.get("/api/campaigns")).status == 200


async def test_sessions_that_are_terminated_cost_a_few_503s(other: Connection, client: Client, world: World) -> None:
    """An administrator ends every session, at whatever moment of a look: it is 200 or 503, and soon 200 again."""
    for _ in range(10):
        looks = asyncio.gather(*(client.get(path) for path in LOOKS * 5))
        await other.execute(TERMINATE)
        assert {answer.status for answer in await looks} <= {200, 404, 503}
    await until(lambda: _answers(client), "looks are answered")
    assert (await client.post(SEND, json=HELLO)).status == 202
    assert not world.tasks.any_failed


async def test_a_commit_whose_answer_is_lost_is_perhaps_there(
    database: str, start: Start, other: Connection, logged: Logged
) -> None:
    """Only then the client is told so; with its key it posts again, and one campaign is sent."""
    relay = Relay(database)
    await relay.open()
    client, key = await start(database_url=relay.dsn), {"Idempotency-Key": "k"}
    relay.last_words = b"COMMIT"
    problem = await check_problem(await client.post(SEND, json=HELLO, headers=key), 503, "perhaps_recorded")
    relay.last_words = None
    assert await other.fetchval("SELECT campaign_id::text FROM campaign.campaigns") == problem["campaign_id"]

    async def sent() -> bool:
        return (await client.post(SEND, json=HELLO, headers=key)).status == 202

    await until(sent, "the same key gets 202")
    assert len(await logged()) == 1
    await relay.close()
