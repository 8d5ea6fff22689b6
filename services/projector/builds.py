"""Builds of the read model: the tables live in a schema each, and the views of schema `live` show one of them.

A projection has a version. Code of another version cannot fill a build: it makes a new one beside it.
"""

from typing import NamedTuple

import asyncpg

from infra.postgres.pool import Connection
from infra.postgres.roles import grant_rights

VERSION = 3
"""Of this code's tables and of what it writes into them. Raise it with every change to either (docs/projections.md)."""

CURRENT = "SELECT build FROM live.builds WHERE is_current"
VERSION_OF = "SELECT version FROM live.builds WHERE build = $1"
LIST = "SELECT build, version, is_current FROM live.builds ORDER BY build"
PREVIOUS = """
SELECT build FROM live.builds WHERE NOT is_current AND shown_at IS NOT NULL ORDER BY shown_at DESC LIMIT 1
"""
FOLDED = "SELECT coalesce(sum(next_offset), 0)::bigint FROM build_{0}.projector_offsets"
LOCK = 0x4255494C44  # "BUILD": one at a time creates, swaps or drops
SWAP_LOCK_MS = 100  # below deadlock_timeout: the swap gives way to readers, never the other way round


class BuildRefused(Exception):  # noqa: N818 - named by what it says
    """What was asked cannot be done with that build; the text says what can."""


class Build(NamedTuple):
    """One build as `live.builds` has it."""

    number: int
    version: int
    is_current: bool


async def listed(connection: Connection) -> list[Build]:
    """All builds, the oldest first."""
    return [Build(row["build"], row["version"], row["is_current"]) for row in await connection.fetch(LIST)]


async def checked(connection: Connection, build: int | None) -> int:
    """The build that is to be filled: the given one, or the current one. BuildRefused when this code cannot."""
    number = await known(connection, build)
    version = await connection.fetchval(VERSION_OF, number)
    if version != VERSION:
        raise BuildRefused(
            f"build {number} is of projection version {version}, this program of version {VERSION}. Let the program of "
            f"version {version} go on filling it, run `heliograph rebuild start` with this one, look at `heliograph "
            f"rebuild diff`, then `heliograph rebuild swap`."
        )
    return number


async def known(connection: Connection, build: int | None) -> int:
    """The given build, or the current one, of whatever version. BuildRefused when there is none."""
    number = build if build is not None else await connection.fetchval(CURRENT)
    if await connection.fetchval(VERSION_OF, number) is None:
        raise BuildRefused(f"there is no build {number}: `heliograph rebuild status` lists the builds")
    return int(number)


async def create(connection: Connection) -> int:
    """A new, empty build of this code's version."""
    async with connection.transaction():
        await connection.execute("SELECT pg_advisory_xact_lock($1)", LOCK)
        number = int(await connection.fetchval("SELECT coalesce(max(build), 0) + 1 FROM live.builds"))
        await connection.execute("SELECT live.create_build($1, $2)", number, VERSION)
        await grant_rights(connection)
        return number


async def swap(connection: Connection, number: int) -> bool:
    """Show build `number` from now on, in one transaction. False: readers held the views; try again."""
    try:
        async with connection.transaction():
            await connection.execute("SELECT pg_advisory_xact_lock($1)", LOCK)
            await connection.execute(f"SET LOCAL lock_timeout = {SWAP_LOCK_MS}")
            await connection.execute("SELECT live.swap_to($1)", number)
            await grant_rights(connection)  # a view that was made anew has none
    except (asyncpg.LockNotAvailableError, asyncpg.DeadlockDetectedError):
        return False
    return True


async def previous(connection: Connection) -> int:
    """The build that was current before this one. BuildRefused when there is none."""
    number = await connection.fetchval(PREVIOUS)
    if number is None:
        raise BuildRefused("there is no earlier build to go back to")
    return int(number)


async def folded(connection: Connection, number: int) -> int:
    """How many records are folded into the build."""
    return int(await connection.fetchval(FOLDED.format(int(number))))


async def drop(connection: Connection, number: int) -> None:
    """Remove a build that is not the current one, with all its tables."""
    async with connection.transaction():
        await connection.execute("SELECT pg_advisory_xact_lock($1)", LOCK)
        if await connection.fetchval(VERSION_OF, number) is None:
            raise BuildRefused(f"there is no build {number}")
        if await connection.fetchval(CURRENT) == number:
            raise BuildRefused(f"build {number} is what readers see: swap to another one first")
        await connection.execute(f"DROP SCHEMA build_{int(number)} CASCADE")
        await connection.execute("DELETE FROM live.builds WHERE build = $1", number)
