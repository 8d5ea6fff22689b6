"""Running the simulator on a port."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from infra.process.health import serving
from infra.process.world import World
from infra.sinch.simulator.app import PLAN, create_app
from infra.sinch.simulator.plan import Plan
from infra.sinch.simulator.settings import SimulatorSettings

_SHUTDOWN = 1.0  # seconds for requests under way; those that hang on purpose would hang for ever


@dataclass(frozen=True, slots=True)
class RunningSimulator:
    """A simulator that is up: its address without a trailing slash, and what is behind it."""

    url: str
    plan: Plan


@asynccontextmanager
async def serve_simulator(
    settings: SimulatorSettings | None = None,
    host: str = "127.0.0.1",
    port: int = 0,
    world: World | None = None,
) -> AsyncIterator[RunningSimulator]:
    """A simulator while the context lasts; port 0 takes a free one. Raises OSError when the port is taken."""
    app = create_app(settings, world)
    async with serving(app, host, port, shutdown_seconds=_SHUTDOWN) as bound:
        shown = f"[{host}]" if ":" in host else host
        yield RunningSimulator(f"http://{shown}:{bound}", app[PLAN])


async def run_simulator(settings: SimulatorSettings, host: str, port: int, world: World | None = None) -> None:
    """Serve until cancelled."""
    async with serve_simulator(settings, host, port, world):
        await asyncio.Event().wait()
