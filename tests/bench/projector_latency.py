"""From the acknowledged append to the commit that shows it, at a steady rate."""

import asyncio
import gc
import statistics
import time
from collections import defaultdict, deque
from typing import NamedTuple

import asyncpg

from contracts import topics
from infra.kafka.log import Appender
from tests.bench.projector_place import Place, fill, log_of
from tests.integration.projector.traffic import Said
from tests.waiting import until

RATE = 2_000  # reports a second
SECONDS = 10
WARM_SECONDS = 30  # before, told apart: a broker that just started compiles meanwhile what it does for single records
CAMPAIGN = 1
WARMING = RATE * WARM_SECONDS
"""So many reports do not count."""


class Latency(NamedTuple):
    """Milliseconds; `warming`: the median of the reports that do not count."""

    p50: float
    p99: float
    warming: float


class Waits:
    """How long each report waited: from its acknowledgement until its offset was seen in the tables."""

    def __init__(self) -> None:
        self.warming: list[float] = []
        self.counted: list[float] = []
        self._open: dict[int, deque[tuple[int, float, int]]] = defaultdict(deque)

    def acknowledged(self, number: int, partition: int, offset: int) -> None:
        """The log has the report with this number."""
        self._open[partition].append((offset, time.perf_counter(), number))

    def shown(self, partition: int, next_offset: int) -> None:
        """The tables have this partition up to there."""
        now, waiting = time.perf_counter(), self._open[partition]
        while waiting and waiting[0][0] < next_offset:
            _, since, number = waiting.popleft()
            (self.warming if number < WARMING else self.counted).append(1000 * (now - since))


async def latency(place: Place, appender: Appender, build: int) -> Latency:
    """At 2,000 reports a second, of messages that are new.

    This process measures: nothing of it may stand still meanwhile, so its collector does not run.
    """
    asked, told = log_of(CAMPAIGN, RATE * (WARM_SECONDS + SECONDS))
    await fill(appender, asked)
    child, waits = await place.projector(9, build), Waits()
    watcher = await asyncpg.connect(place.dsn)
    try:
        await place.until_folded(build, await place.end())
        await place.settled()
        gc.collect()
        gc.disable()
        async with asyncio.TaskGroup() as group:
            watching = group.create_task(_watch(watcher, build, waits))
            await _pour(group, appender, told, waits)
            await until(lambda: len(waits.warming) + len(waits.counted) == len(told), "all of them seen")
            watching.cancel()
    finally:
        gc.enable()
        await watcher.close()
        child.kill()
        await child.wait()
    p99 = statistics.quantiles(waits.counted, n=100)[98]
    return Latency(statistics.median(waits.counted), p99, statistics.median(waits.warming))


async def _watch(watcher: asyncpg.Connection, build: int, waits: Waits) -> None:
    shown = await watcher.prepare(
        f"SELECT partition, next_offset FROM build_{build}.projector_offsets WHERE topic = '{topics.DELIVERY_REPORTS}'"
    )
    while True:
        for partition, offset in await shown.fetch():
            waits.shown(partition, offset)
        await asyncio.sleep(0.001)


async def _pour(group: asyncio.TaskGroup, appender: Appender, told: list[Said], waits: Waits) -> None:
    """One report after another, each when its time has come, whether or not those before are acknowledged."""

    async def one(number: int, said: Said) -> None:
        at = await appender.append(said.entry)
        waits.acknowledged(number, at.partition, at.offset)

    begin = time.perf_counter()
    for number, said in enumerate(told):
        if (early := begin + number / RATE - time.perf_counter()) > 0:
            await asyncio.sleep(early)
        group.create_task(one(number, said))
