"""Child processes: they start, stop, and end with their parent whatever happens to it."""

import asyncio
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from infra.process.children import start_child
from infra.process.gone import is_gone, wait_gone
from tests.waiting import until

SLEEPER = [sys.executable, "-c", "import time; time.sleep(600)"]
DEAF = [
    sys.executable,
    "-c",
    "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('deaf', flush=True); time.sleep(600)",
]
PARENT = """
import asyncio, sys
from pathlib import Path
from infra.process.children import start_child
async def main():
    child = await start_child([sys.executable, "-c", "import time; time.sleep(600)"], name="sleeper", output=Path("/dev/null"))
    print(child.pid, flush=True)
    await child.wait()
asyncio.run(main())
"""


async def test_stop_ends_the_child() -> None:
    """`stop` ends a child with SIGTERM and gives its exit code."""
    child = await start_child(SLEEPER, name="sleeper")
    assert await child.stop(within=5) == -signal.SIGTERM
    assert is_gone(child.pid)


async def test_running_until_it_ends() -> None:
    """A child is running until its end was seen."""
    child = await start_child(SLEEPER, name="sleeper")
    before = child.running
    await child.stop(within=5)
    assert (before, child.running) == (True, False)


async def test_stop_kills_a_deaf_child(tmp_path: Path) -> None:
    """A child that ignores SIGTERM is killed after the time it was given."""
    output = tmp_path / "out"
    child = await start_child(DEAF, name="deaf", output=output)
    await until(lambda: b"deaf" in output.read_bytes(), "the child has begun to ignore SIGTERM")
    assert await child.stop(within=0.2) == -signal.SIGKILL


async def test_exit_code_output_environment_and_directory(tmp_path: Path) -> None:
    """A child has the environment, the directory and the output file it was given, and its exit code is seen."""
    program = "import os, sys; print(os.environ['WORD'], os.getcwd()); sys.exit(3)"
    output = tmp_path / "out"
    child = await start_child(
        [sys.executable, "-c", program], name="printer", env={"WORD": "hello"}, cwd=tmp_path, output=output
    )
    assert await child.wait() == 3
    assert output.read_text() == f"hello {tmp_path}\n"


async def test_output_is_appended(tmp_path: Path) -> None:
    """A restarted child writes behind what the first one wrote."""
    output = tmp_path / "out"
    for word in ("one", "two"):
        await (await start_child(["echo", word], name="echo", output=output)).wait()
    assert output.read_text() == "one\ntwo\n"


async def test_unknown_program_says_so(tmp_path: Path) -> None:
    """A program that does not exist ends with a sentence and exit code 1."""
    output = tmp_path / "out"
    child = await start_child(["/no/such/program"], name="nothing", output=output)
    assert await child.wait() == 1
    assert output.read_text() == "cannot start /no/such/program: No such file or directory\n"


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
async def test_child_ends_with_its_parent(number: signal.Signals) -> None:
    """A child is gone when its parent was killed, with -9 too."""
    parent = await asyncio.create_subprocess_exec(sys.executable, "-c", PARENT, stdout=subprocess.PIPE)
    assert parent.stdout is not None
    pid = int(await asyncio.wait_for(parent.stdout.readline(), 10))
    assert not is_gone(pid)
    parent.send_signal(number)
    await parent.wait()
    assert await wait_gone(pid, within=5)


async def test_shim_refuses_a_parent_that_is_gone() -> None:
    """A child whose parent ended before it could ask for the signal does not run its program."""
    shim = Path(start_child.__code__.co_filename).with_name("die_with_parent.py")
    process = await asyncio.create_subprocess_exec(
        sys.executable, shim, "1", "9", "echo", "started", stdout=subprocess.PIPE
    )
    output, _ = await process.communicate()
    assert (process.returncode, output) == (1, b"")


async def test_only_the_main_thread_starts_children() -> None:
    """A child started from another thread would end with that thread, so it is refused."""
    refusal: list[Exception] = []

    def start() -> None:
        try:
            asyncio.run(start_child(SLEEPER, name="sleeper"))
        except RuntimeError as error:
            refusal.append(error)

    thread = threading.Thread(target=start)
    thread.start()
    thread.join()
    assert "main thread" in str(refusal[0])


def test_a_zombie_is_gone() -> None:
    """A process that has ended and was not reaped counts as gone."""
    pid = os.posix_spawn("/bin/true", ["true"], {})
    os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)
    assert is_gone(pid)
    os.waitpid(pid, 0)


def test_a_running_process_is_not_gone() -> None:
    """The process that asks is there."""
    assert not is_gone(os.getpid())
