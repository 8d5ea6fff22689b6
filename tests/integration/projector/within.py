"""Projectors inside the test's own process, each in a world of its own."""

import asyncio
from typing import Any

import asyncpg

from infra.kafka.log import KafkaConnection, Scanner
from infra.process.settings import Settings
from infra.process.world import World
from services.projector.app import FOLDED, run
from tests.integration.projector.processes import folded
from tests.waiting import until


class Within:
    """Starts the projector's own `run`, and asks the tables."""

    def __init__(self, kafka: KafkaConnection, dsn: str) -> None:
        self.kafka = kafka
        self.dsn = dsn
        self._worlds: list[World] = []

    def start(self, replica: str = "0", build: int | None = None) -> asyncio.Task[None]:
        """A replica of the projector; its task ends with the error that ends it."""
        settings: dict[str, Any] = {
            "_env_file": None,
            "kafka_bootstrap_servers": self.kafka.bootstrap_servers,
            "kafka_topic_prefix": self.kafka.topic_prefix,
            "database_url": self.dsn,
            "replica": replica,
        }
        world = World()
        self._worlds.append(world)
        return world.tasks.spawn("projector", run(Settings(**settings), world, build))

    async def stop(self) -> None:
        """End all of them."""
        for world in self._worlds:
            await world.tasks.stop()
        self._worlds.clear()

    async def caught_up(self, build: int = 1) -> None:
        """Wait until everything in the log is folded."""

        async def check() -> bool:
            async with Scanner(self.kafka) as scanner:
                bounds = await scanner.bounds(await scanner.partitions(FOLDED))
            return await folded(self.dsn, build) == {p: end for p, (_, end) in bounds.items() if end}

        await until(check, f"build {build} caught up", within=30)

    async def fetch(self, sql: str, *arguments: object) -> list[asyncpg.Record]:
        """What a reader sees."""
        connection = await asyncpg.connect(self.dsn)
        try:
            return await connection.fetch(sql, *arguments)
        finally:
            await connection.close()

    async def until_fetched(self, sql: str, expected: list[tuple[object, ...]]) -> None:
        """Wait until a query gives these rows."""
        got: list[tuple[object, ...]] = []

        async def check() -> bool:
            got[:] = [tuple(row) for row in await self.fetch(sql)]
            return got == expected

        try:
            await until(check, "rows as expected", within=20)
        except AssertionError:
            assert got == expected
