"""Bench of the projector: reports from the log into the tables, steady and from zero, latency, diff, swap, memory.

1,000,000 reports, three a message, shuffled (`BENCH_REPORTS` for another number). The projectors are the real
processes; Kafka and PostgreSQL are the embedded ones, durable as always.
"""

import asyncio
import time
from contextlib import AsyncExitStack
from functools import partial
from io import BytesIO

import asyncpg
import uvloop

from contracts import topics
from infra.kafka.log import Appender
from infra.process.world import World
from services.projector import builds
from services.projector.diff import compare
from tests.bench.connect import beside, connect_sink
from tests.bench.decoding import decode_only
from tests.bench.harness import Row, publish, row
from tests.bench.projector_latency import WARM_SECONDS, latency
from tests.bench.projector_place import BATCH, Place, fill, log_of, opened
from tests.integration.projector.traffic import FIRST_NUMBER
from tests.waiting import until

NOTES = "nothing pinned: broker, database and projectors share all cores; history table included; log in one broker"


async def _copy_only(place: Place, rows: int) -> float:
    """Rows a second of COPY into a keyed table as wide as `messages`."""
    await place.connection.execute("CREATE SCHEMA IF NOT EXISTS yardstick; DROP TABLE IF EXISTS yardstick.t")
    await place.connection.execute("CREATE TABLE yardstick.t (LIKE build_1.messages INCLUDING ALL)")
    line = "01930000-0000-7000-8000-000000000000\t{}\t2026-03-01T12:00:00.000Z\t0\t0\t1\t0\t0\t10\t1\tt\tf\tf\t\tdelivered\tDelivered\t01B\n"
    began = time.monotonic()
    for at in range(0, rows, BATCH):
        text = "".join([line.format(FIRST_NUMBER + n) for n in range(at, min(at + BATCH, rows))])
        await place.connection.copy_to_table("t", schema_name="yardstick", source=BytesIO(text.encode()), format="text")
    seconds = time.monotonic() - began
    await place.connection.execute("DROP SCHEMA yardstick CASCADE")
    return rows / seconds


async def _swaps(place: Place, build: int) -> tuple[int, float]:
    """Swaps to and fro under a reader that polls every millisecond: errors, and its longest wait in milliseconds."""
    reader, errors, longest = await asyncpg.connect(place.dsn), 0, 0.0
    stop = asyncio.Event()

    async def poll() -> None:
        nonlocal errors, longest
        while not stop.is_set():
            began = time.monotonic()
            try:
                await reader.fetchrow("SELECT requested, counts FROM live.campaigns LIMIT 1")
            except asyncpg.PostgresError:
                errors += 1
            longest = max(longest, 1000 * (time.monotonic() - began))
            await asyncio.sleep(0.001)

    task = asyncio.get_running_loop().create_task(poll())
    for number in (build, 1, build, 1):
        await until(partial(builds.swap, place.connection, number), f"swapped to {number}")
        await asyncio.sleep(0.25)
    stop.set()
    await task
    await reader.close()
    return errors, longest


async def measure() -> list[Row]:
    """Everything, in one run."""
    async with AsyncExitStack() as stack:
        place, world = await opened(stack), World()
        appender = Appender(place.kafka, world, name="bench")
        await appender.start()
        stack.push_async_callback(appender.stop)
        asked, told = log_of(0)
        await fill(appender, asked)
        second = await builds.create(place.connection)
        for build in (1, second):
            child = await place.projector(0, build)
            await place.until_folded(build, len(asked))
            child.kill()
            await child.wait()
        await fill(appender, told)
        sunk = await connect_sink(place.kafka, place.dsn)
        decoding, copying = await decode_only(place.kafka), await _copy_only(place, len(told))
        one, memory = await place.rate(1, 1, len(told), topics.DELIVERY_REPORTS)
        two, more = await place.rate(second, 2, len(told), topics.DELIVERY_REPORTS)
        third = await builds.create(place.connection)
        rebuilt, most = await place.rate(third, 2, await place.end())
        began = time.monotonic()
        found = await compare(place.connection, place.kafka, 1, third)
        diff_seconds = time.monotonic() - began
        errors, longest = await _swaps(place, third)
        seen = await latency(place, appender, 1)
    yard = ("a consumer that only decodes, records/s", decoding)
    return [
        row("steady state, one process", one, "records/s", yard, target="100,000", notes=NOTES),
        row("steady state, two processes", two, "records/s", yard, target="180,000", notes=NOTES),
        row("steady state, one process, against COPY", one, "records/s", ("COPY of as many rows, rows/s", copying)),
        beside(two, sunk),
        row("rebuild from zero, two processes", rebuilt, "records/s", yard, target="300,000", notes=NOTES),
        row("acknowledged to visible at 2,000/s, p50", seen.p50, "ms", target="below 20",
            notes=f"in the {WARM_SECONDS} s before, which do not count: {seen.warming:.1f} ms"),
        row("acknowledged to visible at 2,000/s, p99", seen.p99, "ms", target="below 100"),
        row(f"diff of two builds of {len(told) // 3:,} messages", diff_seconds, "s", target="10 s for 1,000,000",
            notes=f"equal: {found.equal}, differing {found.differing}, moving {found.moving}"),
        row("errors of a reader polling through four swaps", errors, "errors", target="0",
            notes=f"its longest read took {longest:.0f} ms"),
        row("memory of a projector, most", max(memory, more, most), "MB", target="300, not growing with the table"),
    ]  # fmt: skip


def main() -> None:
    """`python -m tests.bench projector`."""
    publish("projector", uvloop.run(measure()))
