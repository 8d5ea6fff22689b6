"""Under `heliograph run`: tables that an earlier program made. A build of our version is filled beside them, and shown when it has caught up."""

from collections.abc import Callable
from dataclasses import replace

import structlog

from infra.kafka.connection import KafkaConnection
from infra.kafka.log import LogError
from infra.postgres.pool import Connection, connect
from infra.postgres.trouble import FAILURES
from infra.process.supervisor import Program
from infra.process.world import World
from services.cli.rebuild import ends
from services.projector import builds
from services.projector.builds import VERSION

log = structlog.get_logger(__name__)

LOOK_SECONDS = 0.5
AWAY: tuple[type[Exception], ...] = (*FAILURES, LogError)
NEAR_ENOUGH = 1_000
"""Records behind the log: less than what comes in a second."""


async def build_to_fill(dsn: str) -> int | None:
    """The build that the projector has to fill because the current one is of an earlier version; None: the current one.

    One that an earlier run began is gone on with. Raises BuildRefused where the tables are of a later version.
    """
    connection = await connect(dsn, "run")
    try:
        known = await builds.listed(connection)
        current = next(build for build in known if build.is_current)
        if current.version >= VERSION:
            await builds.checked(connection, current.number)
            return None
        begun = [build.number for build in known if build.version == VERSION]
        return begun[-1] if begun else await builds.create(connection)
    finally:
        await connection.close(timeout=5.0)


def filling(programs: tuple[Program, ...], build: int | None) -> tuple[Program, ...]:
    """The programs, of which the projector fills `build`; None: the current one."""
    if build is None:
        return programs
    return tuple(
        replace(program, argv=(*program.argv, "--build", str(build), "--instead"))
        if program.name == "projector"
        else program
        for program in programs
    )


async def show_when_caught_up(
    dsn: str, kafka: Callable[[], KafkaConnection], build: int, world: World, say: Callable[[str], None]
) -> None:
    """Show `build` to readers as soon as it has caught up with the log. Servers that are away are waited for."""
    while True:
        await world.clock.sleep(LOOK_SECONDS)
        try:
            connection = await connect(dsn, "run")
            try:
                behind = await ends(kafka()) - await builds.folded(connection, build)
                if behind <= NEAR_ENOUGH and await _shown(connection, build):
                    say(f"The tables of this version (build {build}) have caught up, and are shown from now on.")
                    return
            finally:
                await connection.close(timeout=5.0)
        except AWAY as error:
            log.warning("build_not_shown_yet", build=build, error=str(error))


async def _shown(connection: Connection, build: int) -> bool:
    """Whether it is shown now; an operator's own swap meanwhile will do as well."""
    current = next(known for known in await builds.listed(connection) if known.is_current)
    return current.version == VERSION or await builds.swap(connection, build)
