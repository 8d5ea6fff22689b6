"""The projector as `heliograph run` keeps it: a process that is started again whenever it ends."""

import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

from infra.kafka.log import KafkaConnection
from infra.process.ports import free_port
from infra.process.supervisor import Program, Supervisor
from infra.process.world import World
from tests.integration.projector.comparing import assert_is_reference, assert_nothing_is_parked
from tests.integration.projector.processes import caught_up, environment, folded
from tests.integration.projector.traffic import Said
from tests.waiting import until

READY_SECONDS = 60.0


class Supervised:
    """One projector under a supervisor, and what it has said."""

    def __init__(self, kafka: KafkaConnection, dsn: str, folder: Path, world: World) -> None:
        self.kafka = kafka
        self.dsn = dsn
        self._output = folder / "projector.log"
        self._port = free_port()
        program = Program(
            "projector",
            (sys.executable, "-m", "services.cli", "projector"),
            self._output,
            environment(kafka, dsn, metrics_port=self._port),
            f"http://127.0.0.1:{self._port}/readyz",
        )
        self._started: list[int] = []
        self._supervisor = Supervisor(world, [program], lambda pids: self._started.extend(pids.values()))

    async def start(self) -> None:
        """Start it and wait until it is ready."""
        await self._supervisor.start(READY_SECONDS)

    async def stop(self) -> None:
        """As `run` does at its end."""
        await self._supervisor.stop(5.0)

    @property
    def starts(self) -> int:
        """How often it has been started."""
        return len(self._started)

    def said(self) -> str:
        """Everything that it has logged."""
        return self._output.read_text(errors="replace")

    async def folds(self, records: int, within: float = 60.0) -> None:
        """Wait until so many records in all are folded."""

        async def check() -> bool:
            return sum((await folded(self.dsn)).values()) >= records

        await until(check, f"{records} records folded; {self.said()[-1500:]}", within)

    async def starts_again(self, times: int = 1, within: float = 60.0) -> None:
        """Wait until it has ended and been started so many times more."""
        goal = self.starts + times
        await until(lambda: self.starts >= goal, f"started {goal} times", within)

    async def says(self, words: str, within: float = 60.0) -> None:
        """Wait until it says these words, not counting what it has said before."""
        already = self.said().count(words)
        await until(lambda: self.said().count(words) > already, f"{words}; {self.said()[-1500:]}", within)

    async def catches_up(self, within: float = 60.0) -> None:
        """Wait until everything in the log is folded."""
        await until(lambda: caught_up(self.kafka, self.dsn), f"everything folded; {self.said()[-1500:]}", within)


@asynccontextmanager
async def supervised(kafka: KafkaConnection, dsn: str, folder: Path, world: World) -> AsyncIterator[Supervised]:
    """A projector that runs and is kept running until the context is left."""
    projector = Supervised(kafka, dsn, folder, world)
    try:
        await projector.start()
        yield projector
    finally:
        await projector.stop()


async def ends_as_the_reference(projector: Supervised, said: Sequence[Said]) -> None:
    """Wait until everything is folded: nothing is lost, nothing is there twice, nothing is put aside."""
    await projector.catches_up()
    await assert_nothing_is_parked(projector.kafka)
    await assert_is_reference(projector.dsn, said)
