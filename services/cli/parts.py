"""Kafka and PostgreSQL for `heliograph run`: the given ones, or ones of our own that are kept running."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Protocol
from urllib.parse import urlsplit

import structlog

from infra.kafka.embedded import EmbeddedKafka
from infra.postgres.embedded import EmbeddedPostgres
from infra.process.gone import is_gone
from infra.process.settings import Settings
from infra.process.world import World

log = structlog.get_logger(__name__)

WATCH_SECONDS = 0.3
AGAIN_SECONDS = 2.0
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

    def __init__(self, settings: Settings, home: Path, world: World, changed: Callable[[], None]) -> None:
        self._settings = settings
        self._home = home
        self._world = world
        self._changed = changed
        self._servers: dict[str, Server] = {}
        self._keepers: list[asyncio.Task[None]] = []
        self.kafka = settings.kafka_bootstrap_servers or ""
        self.postgres = settings.database_url.get_secret_value() if settings.database_url else ""
        self.own_kafka, self.own_postgres = not self.kafka, not self.postgres

    @property
    def pids(self) -> dict[str, int]:
        """The process ids of our own servers."""
        return {name: pid for name, server in self._servers.items() if (pid := _pid(server)) is not None}

    async def start(self) -> None:
        """Start what is not given, both at once."""
        await asyncio.gather(self._start_kafka(), self._start_postgres())

    async def _start_kafka(self) -> None:
        if self.own_kafka:
            self._servers["kafka"] = server = EmbeddedKafka(self._home / "kafka", self._settings.kafka_port)
            self.kafka = await server.start()
            port = int(self.kafka.rpartition(":")[2])
            self._keep("kafka", lambda: EmbeddedKafka(self._home / "kafka", port))

    async def _start_postgres(self) -> None:
        if self.own_postgres:
            self._servers["postgres"] = server = EmbeddedPostgres(self._home, self._settings.postgres_port)
            self.postgres = await server.start()
            port = urlsplit(self.postgres).port
            self._keep("postgres", lambda: EmbeddedPostgres(self._home, port))

    def _keep(self, name: str, make: Callable[[], Server]) -> None:
        self._keepers.append(self._world.tasks.spawn(f"keep {name}", self._keep_running(name, make)))

    async def _keep_running(self, name: str, make: Callable[[], Server]) -> None:
        while True:
            await self._world.clock.sleep(WATCH_SECONDS)
            pid = _pid(self._servers[name])
            if pid is not None and not is_gone(pid):
                continue
            log.warning("server_ended", server=name)
            await self._servers[name].stop()
            self._servers[name] = make()
            try:
                await self._servers[name].start()
            except Exception as error:  # noqa: BLE001  whatever kept it from starting, it is tried again
                log.error("server_not_started", server=name, error=str(error))
                await self._world.clock.sleep(AGAIN_SECONDS)
            self._changed()

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
