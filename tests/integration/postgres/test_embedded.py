"""The embedded PostgreSQL: a real server that keeps its data and ends with its parent."""

import asyncio
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import asyncpg
import pytest

from infra.postgres.embedded import EmbeddedPostgres
from infra.postgres.rootless import unprivileged
from infra.process.gone import wait_gone
from infra.process.ports import PortTaken, free_port

PARENT = """
import asyncio, sys
from pathlib import Path
from infra.postgres.embedded import EmbeddedPostgres
async def main():
    server = EmbeddedPostgres(Path(sys.argv[1]))
    dsn = await server.start()
    print(server.pid, dsn, flush=True)
    await server.wait()
asyncio.run(main())
"""


async def _value(dsn: str, sql: str) -> object:
    connection = await asyncpg.connect(dsn)
    try:
        value: object = await connection.fetchval(sql)
    finally:
        await connection.close()
    return value


async def _run(dsn: str, sql: str) -> None:
    connection = await asyncpg.connect(dsn)
    try:
        await connection.execute(sql)
    finally:
        await connection.close()


async def test_data_survives_a_clean_stop(tmp_path: Path) -> None:
    """A second run in the same home finds what the first one wrote."""
    server = EmbeddedPostgres(tmp_path)
    await _run(await server.start(), "create table kept as select 42 as answer")
    await server.stop()
    dsn = await server.start()
    assert await _value(dsn, "select answer from kept") == 42
    await server.stop()


async def test_data_survives_kill_9(tmp_path: Path) -> None:
    """A committed row is there after the server was killed with -9."""
    server = EmbeddedPostgres(tmp_path)
    await _run(await server.start(), "create table kept as select 42 as answer")
    assert server.pid is not None
    os.kill(server.pid, signal.SIGKILL)
    await server.wait()
    dsn = await server.start()
    assert await _value(dsn, "select answer from kept") == 42
    await server.stop()


async def test_stop_ends_the_server_though_clients_are_connected(tmp_path: Path) -> None:
    """`stop` does not wait for clients to leave."""
    server = EmbeddedPostgres(tmp_path)
    connection = await asyncpg.connect(await server.start())
    pid = server.pid
    assert pid is not None
    await server.stop()
    assert await wait_gone(pid, within=0.5)
    connection.terminate()


async def test_server_ends_with_its_killed_parent_and_starts_again(tmp_path: Path) -> None:
    """After kill -9 of the parent the server ends by itself, and the next start takes its data over at once."""
    parent = await asyncio.create_subprocess_exec(
        sys.executable, "-c", PARENT, str(tmp_path), stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    )
    assert parent.stdout is not None
    lines = [await asyncio.wait_for(parent.stdout.readline(), 30)]
    while b"postgresql://" not in lines[-1]:  # log lines come first
        lines.append(await asyncio.wait_for(parent.stdout.readline(), 30))
    pid = int(lines[-1].split()[0])
    parent.kill()
    await parent.wait()
    server = EmbeddedPostgres(tmp_path)
    dsn = await server.start()
    assert await wait_gone(pid, within=0.1)
    assert await _value(dsn, "select 1") == 1
    await server.stop()


@pytest.fixture
def zombie() -> Iterator[int]:
    """A process of PostgreSQL's own user that has ended and is not reaped."""
    argv = unprivileged(["/bin/true"], "KILL")
    pid = os.posix_spawn(argv[0], argv, {})
    os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)
    yield pid
    os.waitpid(pid, 0)


async def test_lock_of_a_zombie_does_not_stop_a_start(tmp_path: Path, zombie: int) -> None:
    """A lock that names a process which has ended but was never reaped is taken over."""
    server = EmbeddedPostgres(tmp_path)
    await server.start()
    await server.stop()
    data = tmp_path / "postgres" / "data"
    (data / "postmaster.pid").write_text(f"{zombie}\n{data}\n0\n0\n\n\n  0 0\n")
    assert await _value(await server.start(), "select 1") == 1
    await server.stop()


async def test_taken_port_is_named(tmp_path: Path) -> None:
    """A set port that another program holds is refused with its number."""
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        with pytest.raises(PortTaken, match=f"port {port} for PostgreSQL is taken"):
            await EmbeddedPostgres(tmp_path, port).start()


async def test_set_port_is_used(tmp_path: Path) -> None:
    """The server listens on the port that was asked for."""
    port = free_port()
    server = EmbeddedPostgres(tmp_path, port)
    assert f"@127.0.0.1:{port}/" in await server.start()
    await server.stop()


async def test_directories_and_password_stay_private(tmp_path: Path) -> None:
    """The home stays closed to other users and so does the password."""
    home = tmp_path / "home"
    home.mkdir(mode=0o700)
    server = EmbeddedPostgres(home)
    await server.start()
    await server.stop()
    modes = [
        oct((home / name).stat().st_mode & 0o777) for name in ("", "postgres", "postgres/data", "postgres/password")
    ]
    assert modes == ["0o700", "0o700", "0o700", "0o600"]


async def test_wrong_password_is_refused(postgres_dsn: str) -> None:
    """Loopback alone opens nothing: every user of a machine can reach it."""
    with pytest.raises(asyncpg.InvalidPasswordError):
        await asyncpg.connect(postgres_dsn, password="wrong")


async def test_everything_is_durable(tmp_path: Path) -> None:
    """No setting trades a committed row for speed, unless a test asks for it."""
    server = EmbeddedPostgres(tmp_path)
    dsn = await server.start()
    try:
        for name in ("fsync", "synchronous_commit", "full_page_writes"):
            assert await _value(dsn, f"show {name}") == "on", name
    finally:
        await server.stop()
