"""A streaming replica is promoted while the primary is gone: of two hosts in the address, the one that takes changes is meant."""

import shutil
from collections.abc import AsyncIterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from infra.postgres.embedded import EmbeddedPostgres, binary
from infra.postgres.migrations import migrate
from infra.postgres.pool import create_pool
from infra.postgres.ready import postgres_check
from infra.postgres.rootless import hand_over, unprivileged
from infra.postgres.trouble import passes
from infra.process.children import start_child
from infra.process.health import NotReady
from infra.process.ports import free_port
from infra.process.settings import Settings
from tests.places import administer
from tests.waiting import until

pytestmark = pytest.mark.faults

WRITE = "UPDATE heliograph.tried SET tried_at = now()"


@pytest.fixture
async def servers(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[tuple[EmbeddedPostgres, str, str]]:
    """A migrated primary that may be harmed, its DSN, and that of a replica which streams from it."""
    homes = [Path(tmp_path_factory.mktemp(name)) for name in ("primary", "standby")]
    primary, standby = (EmbeddedPostgres(home, free_port(), durable=False) for home in homes)
    first = await primary.start()
    await migrate(first)
    await _replica(first, homes[0], homes[1])
    second = await standby.start()
    yield primary, first, second
    await standby.stop()
    await primary.stop()


async def _replica(dsn: str, of: Path, home: Path) -> None:
    """A base backup with what makes it a standby, in the place of an embedded server's data."""
    data = home / "postgres" / "data"
    data.mkdir(parents=True, mode=0o700)
    hand_over(data)
    shutil.copy(of / "postgres" / "password", home / "postgres" / "password")
    argv = [
        str(binary("pg_basebackup")),
        "--dbname",
        dsn,
        "--pgdata",
        str(data),
        "--write-recovery-conf",
        "--checkpoint=fast",
    ]
    child = await start_child(unprivileged(argv, "KILL"), name="pg_basebackup", cwd=data, output=home / "backup.log")
    assert await child.wait() == 0, (home / "backup.log").read_text()


async def test_the_promoted_standby_is_used(servers: tuple[EmbeddedPostgres, str, str]) -> None:
    """Whichever host is named first: refused in words while it is a standby, written to as soon as it is promoted."""
    primary, first, second = servers
    with pytest.raises(NotReady, match="read-only: a standby"):
        await postgres_check(second)()
    one, two = urlsplit(first), urlsplit(second)
    places = f"{two.hostname}:{two.port},{one.hostname}:{one.port}"
    values = {
        "_env_file": None,
        "database_url": one._replace(netloc=f"{one.username}:{one.password}@{places}").geturl(),
    }
    given = Settings.model_validate(values).database_url
    assert given is not None
    both = given.get_secret_value()
    await postgres_check(both)()
    async with await create_pool(both, "test") as pool:
        assert await pool.execute(WRITE) == "UPDATE 1"
        await primary.stop()
        with pytest.raises(Exception) as refused:  # noqa: PT011 - of many kinds, all of which pass
            await pool.execute(WRITE)
        assert passes(refused.value)
        await administer(second, "SELECT pg_promote()")
        await until(lambda: _written(pool.execute), "written on the promoted one", within=30)
        assert await pool.fetchval("SELECT inet_server_port()") == two.port
    await postgres_check(both)()


async def _written(execute: object) -> bool:
    assert callable(execute)
    try:
        await execute(WRITE)
    except Exception as error:  # noqa: BLE001 - the same
        assert passes(error)  # noqa: PT017 - it may come several times
        return False
    return True
