"""Several processes of one service behind one port (SO_REUSEPORT): the kernel shares connections out among them."""

import asyncio
import os
import sys
from collections.abc import Callable

import structlog

from infra.process.children import start_child
from infra.process.settings import Settings
from infra.process.world import World
from services.cli.service import STOP_SECONDS, Work

log = structlog.get_logger(__name__)

AGAIN_SECONDS = (0.2, 5.0)  # the wait before one that ended is started again: at first, and at most
STEADY_SECONDS = 10.0  # one that lived so long has recovered


def replicas(command: str, count: int, port: Callable[[Settings], int]) -> Work:
    """Keeps `count` processes of `heliograph <command>` running; they end with this one, however it ends.

    Each is a replica of its own name (`0-1`, `0-2` …). With METRICS_PORT set, replica n has its health and metrics on
    METRICS_PORT + n, because the shared port answers from whichever process the connection fell to.
    """

    async def work(settings: Settings, world: World) -> None:
        assert port(settings) != 0, "processes that share a port must know it"
        keepers = [
            world.tasks.spawn(f"replica {number}", _keep(command, number, settings, world))
            for number in range(1, count + 1)
        ]
        await asyncio.gather(*keepers)

    return work


async def _keep(command: str, number: int, settings: Settings, world: World) -> None:
    name = f"{settings.replica}-{number}"
    environment = {**os.environ, "REPLICA": name}
    if settings.metrics_port:
        environment["METRICS_PORT"] = str(settings.metrics_port + number)
    wait = AGAIN_SECONDS[0]
    while True:
        born = world.clock.boot()
        child = await start_child(
            (sys.executable, "-m", "services.cli", command, "--reuse-port"), name=name, env=environment
        )
        try:
            code = await child.wait()
        except asyncio.CancelledError:
            await child.stop(within=STOP_SECONDS)
            raise
        wait = AGAIN_SECONDS[0] if world.clock.boot() - born > STEADY_SECONDS else min(wait * 2, AGAIN_SECONDS[1])
        log.error("replica_ended", name=name, exit_code=code, again_in_seconds=wait)
        await world.clock.sleep(wait)
