"""A primary and a replica that streams from it, each a server of its own."""

import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from infra.postgres.embedded import EmbeddedPostgres, binary
from infra.postgres.migrations import migrate
from infra.postgres.rootless import hand_over, unprivileged
from infra.process.children import start_child
from infra.process.ports import free_port
from infra.process.settings import Settings


@dataclass(frozen=True)
class Pair:
    """The primary, its DSN, and that of the standby."""

    primary: EmbeddedPostgres
    first: str
    second: str

    def both(self) -> str:
        """A DSN that names both, the standby first; the one that takes changes is meant."""
        one, two = urlsplit(self.first), urlsplit(self.second)
        places = f"{two.hostname}:{two.port},{one.hostname}:{one.port}"
        url = one._replace(netloc=f"{one.username}:{one.password}@{places}").geturl()
        given = Settings.model_validate({"_env_file": None, "database_url": url}).database_url
        assert given is not None
        return given.get_secret_value()


@asynccontextmanager
async def primary_and_standby(places: pytest.TempPathFactory) -> AsyncIterator[Pair]:
    """A migrated primary that may be harmed, and its replica."""
    homes = [Path(places.mktemp(name)) for name in ("primary", "standby")]
    primary, standby = (EmbeddedPostgres(home, free_port(), durable=False) for home in homes)
    first = await primary.start()
    await migrate(first)
    await _replica(first, homes[0], homes[1])
    second = await standby.start()
    yield Pair(primary, first, second)
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
