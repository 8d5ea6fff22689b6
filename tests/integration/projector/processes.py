"""Real projector processes for tests: `python -m services.cli projector`, killed and started at will."""

import os
import sys
from pathlib import Path

import asyncpg

from infra.kafka.log import KafkaConnection, Partition, Scanner
from infra.process.children import Child, start_child
from services.projector.app import FOLDED

ROOT = Path(__file__).parents[3]


class Projectors:
    """Projector processes on one log and one database; their output goes to files in `logs`."""

    def __init__(self, kafka: KafkaConnection, dsn: str, logs: Path) -> None:
        self._kafka = kafka
        self._dsn = dsn
        self._logs = logs
        self.running: dict[str, Child] = {}

    async def start(self, replica: str, build: int | None = None) -> Child:
        """Start (again) the replica of that name."""
        more = [] if build is None else ["--build", str(build)]
        name = replica if build is None else f"{replica} of {build}"
        self.running[name] = await start_child(
            [sys.executable, "-m", "services.cli", "projector", *more],
            name=name,
            env=environment(self._kafka, self._dsn, replica),
            cwd=ROOT,
            output=self._logs / f"{name}.log",
        )
        return self.running[name]

    async def kill(self, name: str) -> None:
        """`kill -9`."""
        child = self.running.pop(name)
        child.kill()
        await child.wait()

    async def stop(self) -> None:
        """End all of them."""
        for child in self.running.values():
            child.kill()
            await child.wait()
        self.running.clear()

    def said(self) -> str:
        """What they logged, for a failure's message."""
        return "\n".join(f"{path.name}: {path.read_text()[-1500:]}" for path in self._logs.glob("*.log"))

    async def caught_up(self, build: int = 1) -> bool:
        """Whether everything in the log is folded into that build."""
        return await caught_up(self._kafka, self._dsn, build)


def environment(kafka: KafkaConnection, dsn: str, replica: str = "0", metrics_port: int = 0) -> dict[str, str]:
    """What a projector process, or an operator's command, is told."""
    return {
        **os.environ,
        "KAFKA_BOOTSTRAP_SERVERS": kafka.bootstrap_servers,
        "KAFKA_TOPIC_PREFIX": kafka.topic_prefix,
        "DATABASE_URL": dsn,
        "REPLICA": replica,
        "METRICS_PORT": str(metrics_port),
        "LOG_FORMAT": "json",
    }


async def caught_up(kafka: KafkaConnection, dsn: str, build: int = 1) -> bool:
    """Whether everything in the log is folded into a build."""
    async with Scanner(kafka) as scanner:
        bounds = await scanner.bounds(await scanner.partitions(FOLDED))
    return await folded(dsn, build) == {p: end for p, (_, end) in bounds.items() if end}


async def folded(dsn: str, build: int = 1) -> dict[Partition, int]:
    """The offsets that a build has reached, where it has reached any."""
    connection = await asyncpg.connect(dsn)
    try:
        rows = await connection.fetch(f"SELECT topic, partition, next_offset FROM build_{build}.projector_offsets")
    finally:
        await connection.close()
    return {Partition(row[0], row[1]): row[2] for row in rows if row[2]}
