"""Parts of `heliograph run` killed while it starts and shows its demo: everything is up again, and the demo ends well.

`make chaos NAME=starts` kills each part at each second of its life, one start for each: 90 of them, a quarter of an hour.
`python -m tests.e2e.starts --part http --second 3` is one of them.
"""

import argparse
import asyncio
import os
import shutil
import signal
import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import aiohttp

from infra.process.children import Child, start_child
from infra.process.gone import is_gone
from infra.process.home import Home, RunInfo
from infra.process.ports import free_port
from tests.waiting import until

PARTS = {
    "postgres": b"bin/postgres\0",
    "kafka": b"kafka.Kafka\0",
    "simulator": b"services.cli\0simulate",
    "http": b"services.cli\0http",
    "dispatcher": b"services.cli\0dispatcher",
    "projector": b"services.cli\0projector",
}
"""What is in the command line of each."""
WELL = "Every message has its final status."
DEMO = "A demo campaign"
UP_SECONDS = 150.0
DEMO_SECONDS = 240.0
SECONDS_OF_A_START = 15  # the life of a part from its birth to the end of the demo


@dataclass(frozen=True)
class Starting:
    """One `heliograph run`, with its demo, from its first moment."""

    home: Home
    child: Child
    output: Path

    @property
    def said(self) -> str:
        """What it has printed."""
        return self.output.read_text(errors="replace") if self.output.exists() else ""

    @property
    def info(self) -> RunInfo | None:
        """What run.json says."""
        return self.home.read_run()

    def pid_of(self, part: str) -> int | None:
        """The process of a part, also before run.json is there."""
        for pid in _children(self.child.pid):
            try:
                command = Path(f"/proc/{pid}/cmdline").read_bytes()
            except OSError:
                continue
            if PARTS[part] in command and b"die_with_parent" not in command:
                return pid
        return None

    async def born(self, part: str) -> int:
        """Wait for a part's process."""
        await self._until(lambda: self.pid_of(part) is not None, f"{part} runs", UP_SECONDS)
        pid = self.pid_of(part)
        return pid if pid is not None else await self.born(part)

    async def kill(self, part: str) -> None:
        """`kill -9` of a part as soon as it runs."""
        os.kill(await self.born(part), signal.SIGKILL)

    async def says(self, words: str, within: float = UP_SECONDS) -> None:
        """Wait until it has printed `words`."""
        await self._until(lambda: words in self.said, words, within)

    async def ends_well(self) -> None:
        """The demo has ended as it should, and everything runs and answers."""
        await self.says(WELL, DEMO_SECONDS)
        await self._until(self._everything_runs, "everything runs", UP_SECONDS)

        async def ready() -> bool:
            assert self.info is not None
            return await _answers(f"{self.info.api}/readyz")

        await until(ready, "the API is ready", UP_SECONDS)

    def _everything_runs(self) -> bool:
        pids = self.info.processes if self.info is not None and self.info.ready else {}
        return pids.keys() == PARTS.keys() and not any(map(is_gone, pids.values()))

    async def _until(self, check: Callable[[], bool], what: str, within: float) -> None:
        await until(lambda: check() or not self.child.running, what, within)
        assert self.child.running, f"`heliograph run` has ended before: {what}\n{self.said}"


async def start(home: Path) -> Starting:
    """Start one in `home`."""
    output = home.with_suffix(".output")
    ports = {"PORT": str(free_port()), "SIMULATOR_PORT": str(free_port())}
    child = await start_child(
        [sys.executable, "-m", "services.cli", "run"],
        name="run",
        env={**os.environ, **ports, "HELIOGRAPH_HOME": str(home)},
        output=output,
    )
    return Starting(Home(home), child, output)


async def _answers(address: str) -> bool:
    async with aiohttp.ClientSession() as session:
        try:
            async with session.get(address) as response:
                return response.status == 200
        except aiohttp.ClientError:
            return False


def _children(pid: int) -> Sequence[int]:
    try:
        return [int(word) for word in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    except OSError:
        return []


async def killed_once(part: str, second: int, home: Path) -> str | None:
    """One start in which `part` is killed in that second of its life: None, or what went wrong."""
    one = await start(home)
    try:
        await one.born(part)
        await asyncio.sleep(second)
        await one.kill(part)
        await one.ends_well()
    except AssertionError as error:
        return str(error)
    finally:
        await one.child.stop(15.0)
    return None


async def run(parts: Sequence[str] = tuple(PARTS), seconds: Sequence[int] = range(SECONDS_OF_A_START)) -> int:
    """A start for each part and second: 0 when all came to a good end, else 1."""
    wrong = 0
    with tempfile.TemporaryDirectory() as scratch:
        for part in parts:
            for second in seconds:
                home = Path(scratch) / f"{part}-{second}"
                error = await killed_once(part, second, home)
                print(f"{part:>10} killed in second {second:2}: {error or 'up again, the demo ended well'}", flush=True)
                wrong += error is not None
                shutil.rmtree(home, ignore_errors=True)
    print(f"{wrong} of {len(parts) * len(seconds)} starts did not come to a good end")
    return 1 if wrong else 0


def main() -> None:
    """Kill every part at every second, or those that are named."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--part", choices=PARTS, action="append")
    parser.add_argument("--second", type=int, action="append")
    given = parser.parse_args()
    sys.exit(asyncio.run(run(given.part or tuple(PARTS), given.second or range(SECONDS_OF_A_START))))


if __name__ == "__main__":
    main()
