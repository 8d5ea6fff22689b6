"""What every service process does around its own work: settings, logging, event loop, signals, exit codes."""

import asyncio
import gc
import os
import signal
import sys
from collections.abc import Awaitable, Callable, Collection

import structlog
import typer
import uvloop

from infra.postgres.sessions import NoSession, require_sessions
from infra.process.access import NoKey
from infra.process.crash_points import VARIABLE, crash_points
from infra.process.logs import configure_logging
from infra.process.memory import keep_freed_memory
from infra.process.settings import Settings, load_settings
from infra.process.settings_errors import SettingsError
from infra.process.world import World
from infra.terminal.echo import echo

log = structlog.get_logger(__name__)

Work = Callable[[Settings, World], Awaitable[None]]
STOP_SECONDS = 4.0  # `run` gives a service 5 before it kills it
SETTINGS_WRONG, FAILED = 2, 1
SERVERS = ("KAFKA_BOOTSTRAP_SERVERS", "DATABASE_URL")


def checked_settings(needs: Collection[str] = ()) -> Settings:
    """The settings, or all that is wrong with them on stderr and exit code 2."""
    try:
        return load_settings(needs)
    except SettingsError as error:
        echo(str(error), err=True)
        raise typer.Exit(SETTINGS_WRONG) from None


def serve(name: str, work: Work, needs: Collection[str] = SERVERS) -> None:
    """Run `work` as the process `name` until SIGTERM or SIGINT: exit code 0 then, 1 when it or a task of its fails.

    Exit code 2, as for any wrong setting, when a pooler stands before PostgreSQL that does not keep sessions, or an API
    that can be reached from outside has no key.
    """
    settings = checked_settings(needs)
    configure_logging(
        level=settings.log_level, form=settings.log_format, service=name, secrets=settings.secret_values()
    )
    gc.collect()
    keep_freed_memory()
    gc.freeze()  # what was imported lives as long as the process: never look at it again
    sys.exit(uvloop.run(_until_stopped(name, work, settings, needs)))


async def _until_stopped(name: str, work: Work, settings: Settings, needs: Collection[str]) -> int:
    world = World(at=crash_points(os.environ.get(VARIABLE)))
    stopped = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stopped.set)
    log.info("service_started", name=name, replica=settings.replica)
    main = world.tasks.spawn(name, _work(work, settings, world, needs))
    stop, failed = (
        world.tasks.spawn(*pair) for pair in (("stop", stopped.wait()), ("fail", world.tasks.wait_failed()))
    )
    await asyncio.wait({main, stop, failed}, return_when=asyncio.FIRST_COMPLETED)
    main.cancel()
    await asyncio.wait({main}, timeout=STOP_SECONDS)
    await world.tasks.stop(within=0.5)
    log.info("service_stopped", name=name, asked=stopped.is_set())
    if stopped.is_set():
        return 0
    why = await world.tasks.wait_failed() if world.tasks.any_failed else None
    return SETTINGS_WRONG if isinstance(why, NoSession | NoKey) else FAILED


async def _work(work: Work, settings: Settings, world: World, needs: Collection[str]) -> None:
    """The work, once a database that it needs is known to be what it rests on."""
    if "DATABASE_URL" in needs and settings.database_url is not None:
        await require_sessions(settings.database_url.get_secret_value())
    await work(settings, world)
