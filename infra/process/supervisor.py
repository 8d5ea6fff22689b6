"""Keeps programs running: starts them, waits until they are ready, starts one that ends again, stops them together."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import aiohttp
import structlog

from infra.process.backoff import growing
from infra.process.children import Child, start_child
from infra.process.world import World

log = structlog.get_logger(__name__)

FIRST_DELAY_SECONDS = 0.1
LAST_DELAY_SECONDS = 10.0
STEADY_SECONDS = 10.0  # a program that lived that long has recovered: its next end counts as the first
TRIES_BEFORE_READY = 3
SETTINGS_WRONG = 2  # a program's exit code for settings that another try would find wrong again
NOT_STARTED = 127  # as a shell says it
POLL_SECONDS = 0.1
POLL_TIMEOUT_SECONDS = 3.0
TAIL_LINES = 6
SERVER_ERROR = 500


@dataclass(frozen=True, slots=True)
class Program:
    """One program to keep running. Without `ready_url` it is ready as soon as it runs."""

    name: str
    argv: tuple[str | Path, ...]
    output: Path
    env: Mapping[str, str] | None = None
    ready_url: str | None = None


class ProgramFailed(Exception):  # noqa: N818  named by what it says
    """A program would not start; the text has its exit code and its last lines."""

    def __init__(self, program: Program, code: int) -> None:
        said = program.output.read_text(errors="replace") if program.output.exists() else ""
        lines = said.splitlines()[-TAIL_LINES:]
        super().__init__(f"{program.name} ended with exit code {code}:\n" + "\n".join(lines))


class Supervisor:
    """A set of programs. `changed` is called with their process ids whenever these have changed.

    `disturbed` is asked when a program ends before it was ready: true while what it needs is away for a moment, so that
    its end says nothing about the program itself.
    """

    def __init__(
        self,
        world: World,
        programs: Sequence[Program],
        changed: Callable[[Mapping[str, int]], None] = lambda _: None,
        *,
        disturbed: Callable[[], bool] = lambda: False,
    ) -> None:
        self._world = world
        self._programs = programs
        self._changed = changed
        self._disturbed = disturbed
        self._children: dict[str, Child] = {}
        self._keepers: list[asyncio.Task[None]] = []
        self._ready: set[str] = set()
        self._failed: dict[str, ProgramFailed] = {}

    @property
    def pids(self) -> dict[str, int]:
        """The process id of each running program."""
        return {name: child.pid for name, child in self._children.items() if child.running}

    async def start(self, within: float) -> None:
        """Start all and wait until all are ready. ProgramFailed: one will not; TimeoutError: `within` seconds passed."""
        self._keepers = [self._world.tasks.spawn(f"keep {one.name}", self._keep(one)) for one in self._programs]
        timeout = aiohttp.ClientTimeout(total=POLL_TIMEOUT_SECONDS)
        try:
            async with asyncio.timeout(within), aiohttp.ClientSession(timeout=timeout) as session:
                await self._until_all_ready(session)
        except TimeoutError:
            late = ", ".join(program.name for program in self._programs if program.name not in self._ready)
            raise TimeoutError(f"not ready within {within:g} s: {late}; its log says more") from None

    async def _until_all_ready(self, session: aiohttp.ClientSession) -> None:
        failed: ProgramFailed | None = None
        try:
            async with asyncio.TaskGroup() as group:
                for program in self._programs:
                    group.create_task(self._until_ready(session, program))
        except* ProgramFailed as failures:
            failed = _first(failures)
        if failed is not None:
            raise failed  # outside of `except*`, where Python before 3.11.4 would put it into a group again

    async def stop(self, within: float) -> None:
        """Stop all at once; what still runs after `within` seconds is killed."""
        for keeper in self._keepers:
            keeper.cancel()
        await asyncio.gather(*self._keepers, return_exceptions=True)
        await asyncio.gather(*(child.stop(within) for child in self._children.values()))

    async def _keep(self, program: Program) -> None:
        """Runs `program` again whenever it ends, and never ends by itself once the program has been ready."""
        failures = own = 0  # in a row; those that nobody else brought about
        while True:
            born = self._world.clock.boot()
            code = await self._run_once(program)
            failures = 1 if self._world.clock.boot() - born > STEADY_SECONDS else failures + 1
            own = 0 if code < 0 or self._disturbed() else own + 1
            log.warning("program_ended", program=program.name, exit_code=code, failures=failures)
            if program.name not in self._ready and (code == SETTINGS_WRONG or own >= TRIES_BEFORE_READY):
                self._failed[program.name] = ProgramFailed(program, code)
                return
            await self._world.clock.sleep(growing(failures, FIRST_DELAY_SECONDS, LAST_DELAY_SECONDS))

    async def _run_once(self, program: Program) -> int:
        """The exit code of one life of `program`, or minus the signal that ended it."""
        try:
            child = await start_child(program.argv, name=program.name, env=program.env, output=program.output)
        except OSError as error:  # no process, no memory, no file is to be had at this moment
            log.error("program_not_started", program=program.name, error=str(error))
            return NOT_STARTED
        self._children[program.name] = child
        self._tell()
        return await child.wait()

    def _tell(self) -> None:
        try:
            self._changed(self.pids)
        except OSError as error:  # a full disk, say: what was started goes on
            log.error("change_not_told", error=str(error))

    async def _until_ready(self, session: aiohttp.ClientSession, program: Program) -> None:
        while not await self._is_ready(session, program):
            if program.name in self._failed:
                raise self._failed[program.name]
            await self._world.clock.sleep(POLL_SECONDS)
        self._ready.add(program.name)

    async def _is_ready(self, session: aiohttp.ClientSession, program: Program) -> bool:
        child = self._children.get(program.name)
        if child is None or not child.running:
            return False
        if program.ready_url is None:
            return True
        try:
            async with session.get(program.ready_url) as response:
                return response.status < SERVER_ERROR
        except (aiohttp.ClientError, TimeoutError):
            return False


def _first(group: BaseExceptionGroup[ProgramFailed]) -> ProgramFailed:
    """The first failure, however deep it lies."""
    found = group.exceptions[0]
    return _first(found) if isinstance(found, BaseExceptionGroup) else found
