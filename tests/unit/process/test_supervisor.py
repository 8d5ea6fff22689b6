"""The supervisor, with programs that do next to nothing."""

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from infra.process.gone import is_gone, wait_gone
from infra.process.ports import free_port
from infra.process.supervisor import Program, ProgramFailed, Supervisor
from infra.process.world import World
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
