"""A real PgBouncer (Debian's package `pgbouncer`; `.ci/packages` installs it) before a test's PostgreSQL."""

import os
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from urllib.parse import urlsplit

import asyncpg
import pytest

from infra.postgres.rootless import hand_over, unprivileged
from infra.process.children import start_child
from infra.process.ports import free_port
from tests.waiting import until

PROGRAM = shutil.which("pgbouncer") or (
    "/usr/sbin/pgbouncer" if os.access("/usr/sbin/pgbouncer", os.X_OK) else None
)  # where an ordinary user's PATH does not lead
needs_pgbouncer = pytest.mark.skipif(
    PROGRAM is None, reason="pgbouncer is not installed: `apt-get install pgbouncer`, as .ci/packages does"
)

CONFIGURATION = """
[databases]
* = host={host} port={port}
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = {listen}
unix_socket_dir =
auth_type = plain
auth_file = {users}
pool_mode = {mode}
{more}
"""


@asynccontextmanager
async def pgbouncer(dsn: str, home: Path, mode: str, *more: str) -> AsyncIterator[str]:
    """The DSN that leads through a pooler in this mode to the same database, as it comes from the package."""
    assert PROGRAM is not None
    parts, listen = urlsplit(dsn), free_port()
    place = home / f"pgbouncer-{listen}"
    place.mkdir()
    users, configuration = place / "users.txt", place / "pgbouncer.ini"
    users.write_text(f'"{parts.username}" "{parts.password}"\n')
    values = {"host": parts.hostname, "port": parts.port, "listen": listen, "users": users, "mode": mode}
    configuration.write_text(CONFIGURATION.format(**values, more="\n".join(more)))
    hand_over(place)
    child = await start_child(
        unprivileged([PROGRAM, str(configuration)], "INT"), name="pgbouncer", cwd=place, output=home / "pgbouncer.log"
    )
    through = parts._replace(netloc=f"{parts.username}:{parts.password}@127.0.0.1:{listen}").geturl()

    async def answers() -> bool:
        try:
            await (await asyncpg.connect(through, statement_cache_size=0)).close()
        except OSError:
            assert child.running, (home / "pgbouncer.log").read_text()
            return False
        return True

    try:
        await until(answers, "PgBouncer answers")
        yield through
    finally:
        await child.stop(5.0)
