"""The machine on a database of its own, whose clock can be set."""

import asyncio
from urllib.parse import urlsplit

import asyncpg
from hypothesis import HealthCheck, Phase, seed, settings
from hypothesis.stateful import run_state_machine_as_test

from tests.machine.clock import install
from tests.machine.machine import machine
from tests.places import own_database


def play_examples(  # noqa: PLR0917 - as the command line has them
    loop: asyncio.AbstractEventLoop, dsn: str, template: str, examples: int, steps: int, seed: int
) -> None:
    """Play so many; the first that does not end well fails, and hypothesis shows its rules."""
    place = own_database(dsn, template)
    own = loop.run_until_complete(place.__aenter__())
    try:
        loop.run_until_complete(_prepare(own))
        how = settings(
            max_examples=examples, stateful_step_count=steps, deadline=None, database=None, derandomize=False,
            phases=[Phase.generate], suppress_health_check=list(HealthCheck), print_blob=False,
        )  # fmt: skip
        _seeded(machine(loop, own), seed, how)
    finally:
        loop.run_until_complete(place.__aexit__(None, None, None))


def _seeded(kind: type, number: int, how: settings) -> None:
    run_state_machine_as_test(seed(number)(kind), settings=how)


async def _prepare(dsn: str) -> None:
    connection = await asyncpg.connect(dsn)
    await install(connection, urlsplit(dsn).path.lstrip("/"))
    await connection.close()
