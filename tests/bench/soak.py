"""Benchmark `soak`: the gateway's memory through ten minutes of load, and while Kafka is frozen under load.

Not among "all": `make bench NAME=soak`, with SOAK_SECONDS for another length. Load as in `webhook`, every request
signed with a nonce of its own: a run of the load generator ends before its requests are through, and by the time they
come again the gateway has forgotten their signatures.
"""

import asyncio
import os
import signal
import sys
import tempfile
from collections.abc import Coroutine, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import cycle
from pathlib import Path
from statistics import median
from typing import Any

from services.webhook_gateway.replays import MOST
from tests.bench.gateway import CONNECTIONS, broker, gateway, reports
from tests.bench.generator import Load, load, write_requests
from tests.bench.harness import Row, other_cores, publish, row
from tests.memory import resident_mb

SECONDS = float(os.environ.get("SOAK_SECONDS", "600"))
FROZEN_SECONDS = min(60.0, SECONDS)
FILES = 6
REQUESTS = MOST * 3 // FILES
"""In each file: together half as many again as the gateway can remember."""
FIRST_RUN = 5
"""Seconds; the next are as long as the requests of one file last."""


@dataclass
class Seen:
    """What was answered, and the gateway's memory, second by second."""

    answered: int = 0
    failed: int = 0
    megabytes: list[float] = field(default_factory=list)

    def note(self, seen: Load) -> None:
        """One run of the load generator."""
        self.answered += max(0, seen.requests - seen.failed)  # those without an answer are failed as well
        self.failed += seen.failed

    @property
    def early(self) -> float:
        """The median of the third tenth: by then the memory of signatures is full."""
        tenth = max(1, len(self.megabytes) // 10)
        return median(self.megabytes[2 * tenth : 3 * tenth] or self.megabytes)

    @property
    def late(self) -> float:
        """The median of the last tenth."""
        return median(self.megabytes[-max(1, len(self.megabytes) // 10) :])


def main() -> None:
    """`make bench NAME=soak`."""
    sys.stdout.write(f"{publish('soak', asyncio.run(_measure()))}\n")


async def _measure() -> list[Row]:
    with tempfile.TemporaryDirectory(prefix="heliograph-bench-") as name:
        folder = Path(name)
        async with broker(folder) as (kafka, broker_pid):
            files = [folder / f"requests-{number}" for number in range(FILES)]
            for file in files:
                write_requests(file, reports(REQUESTS))
            turn = cycle(files)
            async with gateway(folder, kafka) as (port, pid):
                flowing = await _watched(pid, _load_for(port, turn, SECONDS))
                os.kill(broker_pid, signal.SIGSTOP)
                try:
                    frozen = await _watched(pid, _load_for(port, turn, FROZEN_SECONDS))
                finally:
                    os.kill(broker_pid, signal.SIGCONT)
                after = await _watched(pid, _load_for(port, turn, FROZEN_SECONDS / 4))
    return [
        row("memory at the end of the load", flowing.late, "MB", ("the same early on", flowing.early),
            target="flat, below 300 MB",
            notes=f"{SECONDS:g} s, {flowing.answered} callbacks appended, {flowing.failed} not 200; most {max(flowing.megabytes):.0f} MB"),
        row("memory with Kafka frozen under load, most", max(frozen.megabytes), "MB", target="below 300 MB",
            notes=f"{FROZEN_SECONDS:g} s, {frozen.answered} answered 200, {frozen.failed} answered 503 or not in time"),
        row("memory with Kafka back", after.late, "MB", ("before it was frozen", flowing.late), target="below 300 MB",
            notes=f"{after.answered} appended, {after.failed} not 200 (the first of them while it came back)"),
    ]  # fmt: skip


async def _watched(pid: int, loading: Coroutine[Any, Any, Seen]) -> Seen:
    """Memory once a second for as long as the load lasts."""
    task = asyncio.create_task(loading)
    memory: list[float] = []
    while not task.done():
        memory.append(resident_mb(pid))
        with suppress(TimeoutError):
            await asyncio.wait_for(asyncio.shield(task), 1.0)
    seen = await task
    seen.megabytes = memory
    return seen


async def _load_for(port: int, turn: Iterator[Path], seconds: float) -> Seen:
    loop, seen, some = asyncio.get_running_loop(), Seen(), FIRST_RUN
    end = loop.time() + seconds
    while (left := end - loop.time()) > 0:
        some = min(int(left) + 1, some)
        run = await load(port, next(turn), on=other_cores(), connections=CONNECTIONS, seconds=some)
        seen.note(run)
        some = max(FIRST_RUN, int(REQUESTS / max(run.requests, 1) * some * 0.8))
    return seen


if __name__ == "__main__":
    main()
