"""Under `heliograph run`: a projector of its own for every build beside the current one, from its creation to its drop."""

import contextlib
from collections.abc import Mapping

import asyncpg
import structlog

from infra.postgres.trouble import FAILURES
from infra.process.children import Child, start_child
from infra.process.home import Home
from infra.process.world import World
from services.cli.fleet import COMMAND
from services.projector import builds

log = structlog.get_logger(__name__)

LOOK_SECONDS = 1.0
STOP_SECONDS = 3.0


async def keep_builds(
    dsn: str, environment: Mapping[str, str], home: Home, world: World, filled: int | None = None
) -> None:
    """Keep a projector running for every build that the service `projector` may not be filling (`filled`: it is). For ever.

    After a swap the former build is one of these, and is kept up to date until it is dropped.
    """
    children: dict[int, Child] = {}
    while True:
        await world.clock.sleep(LOOK_SECONDS)
        wanted = await _wanted(dsn, children) - {filled}
        for number in wanted:
            if number not in children or not children[number].running:
                try:
                    children[number] = await start_child(
                        [*COMMAND, "projector", "--build", str(number)],
                        name=f"projector of build {number}",
                        env=environment,
                        output=home.log_file(f"projector-build-{number}"),
                    )
                except OSError as error:  # no process or no file is to be had at this moment: at the next look
                    log.error("builder_not_started", build=number, error=str(error))
        for number in children.keys() - wanted:
            with contextlib.suppress(TimeoutError):  # it ends with us
                await children.pop(number).stop(STOP_SECONDS)


async def _wanted(dsn: str, children: Mapping[int, Child]) -> set[int]:
    """All builds that are not current, and those that became current meanwhile; what runs while the database is away."""
    try:
        connection = await asyncpg.connect(dsn, timeout=5)
        try:
            known = await builds.listed(connection)
        finally:
            await connection.close(timeout=5)
    except FAILURES as error:
        log.warning("builds_unknown", error=str(error))
        return set(children)
    return {b.number for b in known if b.version == builds.VERSION and (not b.is_current or b.number in children)}
