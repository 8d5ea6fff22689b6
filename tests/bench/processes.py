"""The processes of a benchmark: programs pinned to cores, and how much memory and time they took."""

import asyncio
import os
import sys
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp

from infra.process.children import Child, start_child

ROOT = Path(__file__).parents[2]


@asynccontextmanager
async def pinned(
    argv: Sequence[str], on: Sequence[int], *, output: Path, env: Mapping[str, str] | None = None
) -> AsyncIterator[Child]:
    """A program of ours on these cores while the context lasts; ends with us however we end."""
    cores = ",".join(map(str, on))
    child = await start_child(
        [sys.executable, "-m", "tests.bench.pinned", cores, *argv],
        name=argv[-1],
        env={**os.environ, **(env or {})},
        cwd=ROOT,
        output=output,
    )
    try:
        yield child
    finally:
        await child.stop()


def pin_all(pid: int, on: Sequence[int]) -> None:
    """Hold every thread of a running process to these cores."""
    for thread in Path(f"/proc/{pid}/task").iterdir():
        os.sched_setaffinity(int(thread.name), set(on))


async def until_answers(url: str, within: float = 30.0) -> None:
    """Wait until GET `url` answers at all. Raises TimeoutError."""
    async with asyncio.timeout(within), aiohttp.ClientSession() as session:
        while True:
            try:
                async with session.get(url):
                    return
            except aiohttp.ClientError:
                await asyncio.sleep(0.05)


def cpu_seconds(pid: int) -> float:
    """Processor time that the process and its children have taken, in user and kernel mode."""
    return sum(_ticks(one) for one in (pid, *_children(pid))) / os.sysconf("SC_CLK_TCK")


def _ticks(pid: int) -> int:
    fields = Path(f"/proc/{pid}/stat").read_bytes().rpartition(b")")[2].split()
    return int(fields[11]) + int(fields[12])


def _children(pid: int) -> list[int]:
    return [
        int(child) for task in Path(f"/proc/{pid}/task").iterdir() for child in (task / "children").read_text().split()
    ]
