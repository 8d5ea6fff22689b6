"""A streaming replica is promoted while the primary is gone: of two hosts in the address, the one that takes changes is meant."""

from collections.abc import AsyncIterator
from urllib.parse import urlsplit

import pytest

from infra.postgres.pool import create_pool
from infra.postgres.ready import postgres_check
from infra.postgres.trouble import passes
from infra.process.health import NotReady
from tests.integration.postgres.replicas import Pair, primary_and_standby
from tests.places import administer
from tests.waiting import until

pytestmark = pytest.mark.faults

WRITE = "UPDATE heliograph.tried SET tried_at = now()"


@pytest.fixture
async def servers(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Pair]:
    """A primary that may be harmed, and a replica which streams from it."""
    async with primary_and_standby(tmp_path_factory) as pair:
        yield pair


async def test_the_promoted_standby_is_used(servers: Pair) -> None:
    """Whichever host is named first: refused in words while it is a standby, written to as soon as it is promoted."""
    primary, second = servers.primary, servers.second
    with pytest.raises(NotReady, match="read-only: a standby"):
        await postgres_check(second)()
    both, port = servers.both(), urlsplit(second).port
    await postgres_check(both)()
    async with await create_pool(both, "test") as pool:
        assert await pool.execute(WRITE) == "UPDATE 1"
        await primary.stop()
        with pytest.raises(Exception) as refused:  # noqa: PT011 - of many kinds, all of which pass
            await pool.execute(WRITE)
        assert passes(refused.value)
        await administer(second, "SELECT pg_promote()")
        await until(lambda: _written(pool.execute), "written on the promoted one", within=30)
        assert await pool.fetchval("SELECT inet_server_port()") == port
    await postgres_check(both)()


async def _written(execute: object) -> bool:
    assert callable(execute)
    try:
        await execute(WRITE)
    except Exception as error:  # noqa: BLE001 - the same
        assert passes(error)  # noqa: PT017 - it may come several times
        return False
    return True
