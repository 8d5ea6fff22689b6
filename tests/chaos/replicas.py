"""Dispatchers as real processes, through their lives and deaths."""

import asyncio
import os
import sys
from collections.abc import Mapping
from pathlib import Path

from infra.process.children import Child, start_child
from tests.chaos.scenario import Scenario

KILLED = -9


class Replica:
    """One dispatcher. `died` counts the deaths that were meant, `ended` has the exit codes of those that were not."""

    def __init__(
        self, number: int, environment: Mapping[str, str], deaths: tuple[str | float, ...], output: Path
    ) -> None:
        self._environment = {**environment, "REPLICA": str(number)}
        self._deaths = list(deaths)
        self._output = output
        self._child: Child | None = None
        self._starting = asyncio.Lock()
        self._may_live = asyncio.Event()
        self._may_live.set()
        self.died = 0
        self.ended: list[int] = []

    async def live(self) -> None:
        """Live and die as the scenario says, then live until cancelled."""
        while True:
            await self._may_live.wait()
            async with self._starting:
                if not self._may_live.is_set():
                    continue
                death = self._deaths.pop(0) if self._deaths else None
                child = self._child = await self._start(death)
            if isinstance(death, float):
                try:
                    await asyncio.wait_for(child.wait(), death)
                except TimeoutError:
                    child.kill()
            if (code := await child.wait()) == KILLED:
                self.died += 1
            elif self._may_live.is_set():
                self.ended.append(code)

    async def kill(self) -> None:
        """Dead, until it may live again."""
        self._may_live.clear()
        async with self._starting:
            if self._child is not None:
                self._child.kill()
                await self._child.wait()

    def revive(self) -> None:
        """It may live again."""
        self._may_live.set()

    async def end(self) -> None:
        """Stop it as an operator does, for good."""
        self._may_live.clear()
        async with self._starting:
            if self._child is not None and self._child.running:
                await self._child.stop(within=6.0)

    async def _start(self, death: str | float | None) -> Child:
        environment = dict(os.environ) | self._environment
        if isinstance(death, str):
            environment["HELIOGRAPH_CRASH_AT"] = death
        argv = [sys.executable, "-m", "services.cli", "dispatcher"]
        return await start_child(argv, name="dispatcher", env=environment, output=self._output)


def replicas(scenario: Scenario, environment: Mapping[str, str], home: Path) -> list[Replica]:
    """The scenario's dispatchers, not yet alive."""
    return [
        Replica(n, environment, deaths, home / f"dispatcher-{scenario.seed}-{n}.log")
        for n, deaths in enumerate(scenario.deaths)
    ]
