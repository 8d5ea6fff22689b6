"""Many runs, some at once, each with topics and a database of its own."""

import asyncio
from collections.abc import Callable, Iterable
from pathlib import Path

from tests.chaos.judge import Verdict
from tests.chaos.run import run
from tests.chaos.scenario import scenario
from tests.places import own_database, own_topics

AT_ONCE = 5
"""Runs mostly wait: for looks to come due, for timeouts, for processes to start."""


async def run_many(
    seeds: Iterable[int], bootstrap: str, dsn: str, template: str, home: Path, *, tell: Callable[[Verdict], None]
) -> list[Verdict]:
    """The verdicts of these seeds; `tell` hears each as it comes."""
    slots = asyncio.Semaphore(AT_ONCE)

    async def one(seed: int) -> Verdict:
        async with slots, own_topics(bootstrap) as kafka, own_database(dsn, template) as database:
            verdict = await run(scenario(seed), kafka, database, home)
        tell(verdict)
        return verdict

    return list(await asyncio.gather(*(one(seed) for seed in seeds)))
