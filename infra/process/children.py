"""Child processes that end with us, also when we are killed with -9."""

import asyncio
import os
import signal
import sys
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from subprocess import DEVNULL

import structlog

log = structlog.get_logger(__name__)

SHIM = Path(__file__).with_name("die_with_parent.py")
KILLED_WITHIN_SECONDS = 5.0  # after SIGKILL only the kernel's own work is left


class Killed(Exception):  # noqa: N818  named by what it says
    """A program was ended by a signal that is not ours (`kill -9`, or the kernel when memory is short): start it again."""


class Child:
    """One running program of ours."""

    def __init__(self, process: asyncio.subprocess.Process, name: str, stop_signal: signal.Signals) -> None:
        self._process = process
        self._stop_signal = stop_signal
        self.name = name

    @property
    def pid(self) -> int:
        """The program's process id (the shim before it became the program: same id)."""
        return self._process.pid

    @property
    def running(self) -> bool:
        """True until the program's end has been seen."""
        return self._process.returncode is None

    @property
    def killed(self) -> bool:
        """True when a signal has ended it."""
        return (self._process.returncode or 0) < 0

    async def wait(self) -> int:
        """Wait for the end; gives the exit code, or minus the signal that ended it."""
        return await self._process.wait()

    def send_signal(self, number: signal.Signals) -> None:
        """Send a signal; nothing happens when the program has ended."""
        if self.running:
            try:
                self._process.send_signal(number)
            except ProcessLookupError:
                log.debug("child_already_gone", child=self.name)

    async def stop(self, within: float = 5.0) -> int:
        """Ask the program to end, kill it and its process group after `within` seconds. Gives the exit code."""
        self.send_signal(self._stop_signal)
        try:
            return await asyncio.wait_for(self._process.wait(), within)
        except TimeoutError:
            log.warning("child_killed", child=self.name, pid=self.pid, after_seconds=within)
        self.kill()
        return await asyncio.wait_for(self._process.wait(), KILLED_WITHIN_SECONDS)

    def kill(self) -> None:
        """SIGKILL to the program and everything in its process group."""
        if self.running:
            try:
                os.killpg(self.pid, signal.SIGKILL)  # its own session, so its pid is its group
            except ProcessLookupError:
                self.send_signal(signal.SIGKILL)


async def start_child(
    argv: Sequence[str | Path],
    *,
    name: str,
    env: Mapping[str, str] | None = None,
    cwd: Path | None = None,
    output: Path | None = None,
    stop_signal: signal.Signals = signal.SIGTERM,
    death_signal: signal.Signals = signal.SIGKILL,
) -> Child:
    """Start `argv` in a session of its own (so a Ctrl-C reaches only us) that the kernel ends when we end.

    `env` is the whole environment, ours if None; `output` is appended to, ours if None. `stop_signal` is what `stop`
    sends, `death_signal` what the kernel sends when this process is gone. To be called from the main thread, because
    the kernel takes the end of the thread that started a child for the end of its parent.
    """
    if threading.current_thread() is not threading.main_thread():
        raise RuntimeError(f"{name} would end with this thread; start children from the main thread")
    shim = (sys.executable, "-I", "-S", str(SHIM), str(os.getpid()), str(int(death_signal)))
    sink = None if output is None else os.open(output, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        process = await asyncio.create_subprocess_exec(
            *shim, *map(str, argv), env=env, cwd=cwd, stdin=DEVNULL, stdout=sink, stderr=sink, start_new_session=True
        )
    finally:
        if sink is not None:
            os.close(sink)
    return Child(process, name, stop_signal)
