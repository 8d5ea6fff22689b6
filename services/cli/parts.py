"""Kafka and PostgreSQL for `heliograph run`: the given ones, or ones of our own that are kept running."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Protocol, TypeVar
from urllib.parse import urlsplit

import structlog

from infra.kafka.access.rights import OPERATOR, REPLAY
from infra.kafka.access.users import MECHANISM
from infra.kafka.connection import KafkaConnection, connection_from
from infra.kafka.embedded import EmbeddedKafka
from infra.postgres.embedded import EmbeddedPostgres
from infra.postgres.migrations import migrate
from infra.postgres.roles import SERVICES, dsn_of, make_roles
from infra.process.children import Killed
from infra.process.gone import is_gone
from infra.process.home import Home
from infra.process.settings import Settings
from infra.process.world import World

log = structlog.get_logger(__name__)

Result = TypeVar("Result")

KAFKA_USERS = ("http", "dispatcher", "projector", REPLAY, OPERATOR)
WATCH_SECONDS = 0.3
AGAIN_SECONDS = 2.0
SETTLED_SECONDS = 3.0  # after a server is back, what was lost with it has ended too
FIRST_TRIES = 10
KAFKA_STOP_SECONDS = 4.0  # of the ten that `run` has in all; a clean stop takes one


class Server(Protocol):
    """What both embedded servers have in common."""

    @property
    def pid(self) -> int | None:
        """Its process id while it runs."""
        ...

    async def start(self) -> str:
        """Start; gives its address."""
        ...

    async def stop(self) -> None:
        """Stop."""
        ...


class Parts:
    """Where Kafka and PostgreSQL are. Those of our own are started again on the same port when they end."""

    def __init__(self, settings: Settings, home: Home, world: World, changed: Callable[[], None]) -> None:
        self._settings = settings
        self._home = home.path
        self._world = world
        self._changed = changed
        self._servers: dict[str, Server] = {}
        self._keepers: list[asyncio.Task[None]] = []
        self._starting: set[str] = set()
        self._ends = 0  # how often one of ours has ended by itself
        self._back_at = world.clock.boot()
        self.kafka = settings.kafka_bootstrap_servers or ""
        self.postgres = settings.database_url.get_secret_value() if settings.database_url else ""
        self.own_kafka, self.own_postgres = not self.kafka, not self.postgres
        self._kafka_users = home.kept_passwords("kafka", KAFKA_USERS) if self.own_kafka else {}
        self._roles = home.kept_passwords("postgres", SERVICES) if self.own_postgres else {}

    @property
    def pids(self) -> dict[str, int]:
        """The process ids of our own servers."""
        return {name: pid for name, server in self._servers.items() if (pid := _pid(server)) is not None}

    @property
    def whole(self) -> bool:
        """True while every server of our own runs and takes connections, as far as is known."""
        pids = [_pid(server) for server in self._servers.values()]
        return not self._starting and all(pid is not None and not is_gone(pid) for pid in pids)

    @property
    def disturbed(self) -> bool:
        """True while a server of our own is away, and for a moment after: what ends now may have ended because of it."""
        return not self.whole or self._world.clock.boot() < self._back_at + SETTLED_SECONDS

    async def start(self) -> None:
        """Start what is not given, both at once."""
        await asyncio.gather(self._start_kafka(), self._start_postgres())

    @property
    def kafka_admin(self) -> KafkaConnection:
        """Kafka as whoever makes topics: our own's administrator, else who the settings say."""
        server = self._servers.get("kafka")
        return server.admin if isinstance(server, EmbeddedKafka) else connection_from(self._settings)

    def kafka_as(self, user: str) -> KafkaConnection:
        """Kafka as this user of ours; where a Kafka was given, as who the settings say."""
        if not self.own_kafka:
            return connection_from(self._settings)
        return KafkaConnection(
            self.kafka, self._settings.kafka_topic_prefix, "SASL_PLAINTEXT", MECHANISM, user, self._kafka_users[user]
        )

    def postgres_as(self, service: str) -> str:
        """The DSN of this service's role; where a database was given, the one of the settings."""
        return dsn_of(self.postgres, service, self._roles[service]) if self.own_postgres else self.postgres

    async def prepare_database(self) -> None:
        """Tables, and the roles of our own server. Twice does no harm."""
        await migrate(self.postgres)
        if self.own_postgres:
            await make_roles(self.postgres, self._roles)

    async def undisturbed(self, work: Callable[[], Awaitable[Result]]) -> Result:
        """What `work` gives. It is done again when a server of our own went away meanwhile, so twice must do no harm."""
        while True:
            while not self.whole:
                await self._world.clock.sleep(WATCH_SECONDS)
            ends = self._ends
            try:
                return await work()
            except Exception as error:
                await self._world.clock.sleep(2 * WATCH_SECONDS)  # by then its keeper has seen the end
                if self._ends == ends:
                    raise
                log.warning("done_again", error=str(error) or type(error).__name__)

    async def _start_kafka(self) -> None:
        if self.own_kafka:
            self.kafka = await self._first("kafka", lambda: self._own_kafka(self._settings.kafka_port))
            port = int(self.kafka.rpartition(":")[2])
            self._keep("kafka", lambda: self._own_kafka(port))

    def _own_kafka(self, port: int | None) -> EmbeddedKafka:
        prefix = self._settings.kafka_topic_prefix
        return EmbeddedKafka(self._home / "kafka", port, users=self._kafka_users, topic_prefix=prefix)

    async def _start_postgres(self) -> None:
        if self.own_postgres:
            self.postgres = await self._first(
                "postgres", lambda: EmbeddedPostgres(self._home, self._settings.postgres_port)
            )
            port = urlsplit(self.postgres).port
            self._keep("postgres", lambda: EmbeddedPostgres(self._home, port))

    async def _first(self, name: str, make: Callable[[], Server]) -> str:
        """The address of a server that is started for the first time, again when it is killed on its way up."""
        for _ in range(FIRST_TRIES - 1):
            try:
                return await self._start(name, make)
            except Killed as error:
                log.warning("server_killed", server=name, error=str(error))
                await self._servers[name].stop()
        return await self._start(name, make)

    async def _start(self, name: str, make: Callable[[], Server]) -> str:
        self._starting.add(name)
        self._servers[name] = server = make()
        address = await server.start()
        self._starting.discard(name)
        self._back_at = self._world.clock.boot()
        return address

    def _keep(self, name: str, make: Callable[[], Server]) -> None:
        self._keepers.append(self._world.tasks.spawn(f"keep {name}", self._keep_running(name, make)))

    async def _keep_running(self, name: str, make: Callable[[], Server]) -> None:
        """Start the server again whenever it has ended. Whatever keeps it from starting, it is tried again."""
        while True:
            await self._world.clock.sleep(WATCH_SECONDS)
            pid = _pid(self._servers[name])
            if name not in self._starting and pid is not None and not is_gone(pid):
                continue
            if name not in self._starting:
                self._ends += 1
                log.warning("server_ended", server=name)
            self._starting.add(name)
            try:
                await self._servers[name].stop()
                await self._start(name, make)
                self._changed()
            except Exception as error:  # noqa: BLE001  nothing may end what keeps the server
                log.error("server_not_started", server=name, error=str(error))
                await self._world.clock.sleep(AGAIN_SECONDS)

    async def stop(self) -> None:
        """Stop our own: Kafka, then PostgreSQL."""
        for keeper in self._keepers:
            keeper.cancel()
        for name, within in (("kafka", KAFKA_STOP_SECONDS), ("postgres", None)):
            if name in self._servers:
                await _at_most(self._servers[name].stop(), within)


def _pid(server: Server) -> int | None:
    try:
        return server.pid
    except RuntimeError:  # how Kafka says that it does not run
        return None


async def _at_most(stopping: Awaitable[None], within: float | None) -> None:
    try:
        await asyncio.wait_for(stopping, within)
    except TimeoutError:
        log.warning("server_not_stopped_in_time")  # it ends with us: the kernel sees to that
