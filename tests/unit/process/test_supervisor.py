"""The supervisor, with programs that do next to nothing."""

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from pathlib import Path
from unittest.mock import patch

import pytest

from infra.process.gone import is_gone, wait_gone
from infra.process.ports import free_port
from infra.process.supervisor import Program, ProgramFailed, Supervisor
from infra.process.world import SystemClock, World
from tests.waiting import until

SLEEP = "import time; time.sleep(600)"
DEAF = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('deaf', flush=True); time.sleep(600)"
SERVE = "import http.server as h, sys; h.HTTPServer(('127.0.0.1', int(sys.argv[1])), h.SimpleHTTPRequestHandler).serve_forever()"

SUPERVISING = """
import asyncio, sys
from pathlib import Path
from infra.process.supervisor import Program, Supervisor
from infra.process.world import World
async def main():
    output = Path(sys.argv[1])
    sleep = (sys.executable, "-c", "import time; time.sleep(600)")
    supervisor = Supervisor(World(), [Program(name, sleep, output) for name in "abc"])
    await supervisor.start(within=10)
    print(*supervisor.pids.values(), flush=True)
    await asyncio.sleep(600)
asyncio.run(main())
"""

Make = Callable[..., Supervisor]


@pytest.fixture
async def make(world: World, tmp_path: Path) -> AsyncIterator[Make]:
    """Makes supervisors of Python programs, each given as name and text, and stops them after the test."""
    made: list[Supervisor] = []

    def make(*programs: tuple[str, str], ready_url: str | None = None, arguments: tuple[str, ...] = ()) -> Supervisor:
        supervisor = Supervisor(
            world,
            [Program(name, (sys.executable, "-c", text, *arguments), tmp_path / name, ready_url=ready_url)
             for name, text in programs],
        )  # fmt: skip
        made.append(supervisor)
        return supervisor

    yield make
    for supervisor in made:
        await supervisor.stop(within=1)


async def test_all_programs_run(make: Make) -> None:
    """After `start` every program has a process."""
    supervisor = make(("a", SLEEP), ("b", SLEEP))
    await supervisor.start(within=10)
    assert [is_gone(pid) for pid in supervisor.pids.values()] == [False, False]


async def test_killed_program_is_started_again(make: Make) -> None:
    """A program killed with -9 comes back under another process id, and the others stay."""
    supervisor = make(("a", SLEEP), ("b", SLEEP))
    await supervisor.start(within=10)
    before = supervisor.pids
    os.kill(before["a"], signal.SIGKILL)
    await until(lambda: supervisor.pids.get("a", before["a"]) != before["a"], "a runs again")
    assert supervisor.pids["b"] == before["b"]


async def test_change_of_processes_is_told(world: World, tmp_path: Path) -> None:
    """Whoever writes down the process ids hears of every new one."""
    told: list[dict[str, int]] = []
    program = Program("a", (sys.executable, "-c", SLEEP), tmp_path / "a")
    supervisor = Supervisor(world, [program], lambda pids: told.append(dict(pids)))
    await supervisor.start(within=10)
    os.kill(supervisor.pids["a"], signal.SIGKILL)
    await until(lambda: len(told) == 2, "the second process is told")
    assert told[1] == supervisor.pids
    await supervisor.stop(within=1)


async def test_start_waits_until_programs_answer(make: Make) -> None:
    """A program with an address is ready when that answers."""
    port = free_port()
    supervisor = make(("a", SERVE), ready_url=f"http://127.0.0.1:{port}/", arguments=(str(port),))
    await supervisor.start(within=10)
    _, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.close()


async def test_program_that_never_answers_is_not_waited_for_for_ever(make: Make) -> None:
    """A program that runs and never answers makes `start` fail in the time it was given."""
    supervisor = make(("a", SLEEP), ready_url=f"http://127.0.0.1:{free_port()}/")
    with pytest.raises(TimeoutError):
        await supervisor.start(within=0.5)


async def test_program_that_will_not_start_is_shown(make: Make) -> None:
    """A program that ends three times before it was ready fails the start with its own last words."""
    supervisor = make(("a", "import sys; sys.exit('no such thing')"), ready_url="http://127.0.0.1:1/")
    with pytest.raises(ProgramFailed, match=r"a ended with exit code 1:(\nno such thing){3}"):
        await supervisor.start(within=10)


async def test_wrong_settings_are_not_tried_again(make: Make) -> None:
    """Exit code 2 means wrong settings: the start fails at the first try."""
    supervisor = make(("a", "import sys; print('PORT=x'); sys.exit(2)"), ready_url="http://127.0.0.1:1/")
    with pytest.raises(ProgramFailed, match=r"a ended with exit code 2:\nPORT=x$"):
        await supervisor.start(within=10)


async def test_stop_ends_deaf_programs_in_time(make: Make, tmp_path: Path) -> None:
    """`stop` kills what ignores SIGTERM, all at once and not one after another."""
    supervisor = make(("a", DEAF), ("b", DEAF), ("c", SLEEP))
    await supervisor.start(within=10)
    pids = supervisor.pids.values()
    await until(lambda: all((tmp_path / name).read_text() == "deaf\n" for name in "ab"), "both are deaf")
    async with asyncio.timeout(1.5):
        await supervisor.stop(within=1)
    assert all(is_gone(pid) for pid in pids)


async def test_nothing_stays_behind_after_kill_9(tmp_path: Path) -> None:
    """When the supervisor itself is killed with -9, all its programs end."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", SUPERVISING, tmp_path / "output", stdout=subprocess.PIPE
    )
    assert process.stdout is not None
    pids = [int(word) for word in (await asyncio.wait_for(process.stdout.readline(), 20)).split()]
    assert len(pids) == 3
    process.kill()
    await process.wait()
    assert [await wait_gone(pid, within=5) for pid in pids] == [True, True, True]


async def test_program_that_fails_for_hours_is_still_started_again(world: World, tmp_path: Path) -> None:
    """1,100 ends in a row, three hours of one every ten seconds: the keeper lives and starts it once more (FAULTS B5)."""
    clock = _Hurried()
    output = tmp_path / "a"
    program = Program("a", ("/nonexistent/program",), output)
    supervisor = Supervisor(replace(world, clock=clock), [program])
    supervisor._ready.add("a")  # it has been ready once; starting 1,100 real programs would take minutes
    keeper = world.tasks.spawn("keep", supervisor._keep(program))
    with patch("infra.process.supervisor.start_child", side_effect=OSError("no process to be had")):
        await until(lambda: len(clock.waits) > 1_100 or keeper.done(), "it has failed 1,100 times", within=60)
    assert not keeper.done()
    assert (clock.waits[0], max(clock.waits)) == (0.1, 10.0)
    await supervisor.stop(within=1)
    keeper.cancel()


class _Hurried(SystemClock):
    """A clock on which no wait takes any time; each is noted."""

    def __init__(self) -> None:
        self.waits: list[float] = []

    async def sleep(self, seconds: float) -> None:
        """Note the wait."""
        self.waits.append(seconds)
        await asyncio.sleep(0)


async def test_program_that_is_killed_on_its_way_up_is_started_again(make: Make) -> None:
    """A kill from outside says nothing about a program: it may come more often than a program may fail by itself."""
    port = free_port()
    slow = f"import os, time; time.sleep(0.5); {SERVE}"
    supervisor = make(("a", slow), ready_url=f"http://127.0.0.1:{port}/", arguments=(str(port),))
    starting = asyncio.ensure_future(supervisor.start(within=60))
    killed: set[int] = set()
    while len(killed) < 5:
        await until(lambda: supervisor.pids.get("a", 0) not in {0, *killed}, "it runs", within=15)
        pid = supervisor.pids["a"]
        killed.add(pid)
        os.kill(pid, signal.SIGKILL)
    await starting
    assert not is_gone(supervisor.pids["a"])


async def test_end_that_somebody_else_brought_about_is_not_counted(world: World, tmp_path: Path) -> None:
    """While the servers it needs are away, a program may end as often as it likes before it is ready."""
    program = Program(
        "a", (sys.executable, "-c", "import sys; sys.exit(1)"), tmp_path / "a", ready_url="http://127.0.0.1:1/"
    )
    away = [True]
    supervisor = Supervisor(world, [program], disturbed=lambda: away[0])
    starting = asyncio.ensure_future(supervisor.start(within=60))
    pids: set[int] = set()

    def many_lives() -> bool:
        pids.update(supervisor.pids.values())
        return len(pids) > 4

    await until(many_lives, "five lives", within=30)
    assert not starting.done()
    away[0] = False
    with pytest.raises(ProgramFailed):
        await starting
    await supervisor.stop(within=1)
