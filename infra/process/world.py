"""The world a service is given: time, ids, chance and tasks, and nothing it takes for itself (DESIGN §10)."""

import asyncio
import random
import time
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Protocol
from uuid import UUID

import structlog
import uuid_utils.compat

log = structlog.get_logger(__name__)


class Clock(Protocol):
    """Three clocks that must not be confused. The database's `now()` is a fourth; it arrives as a value in a row."""

    def wall(self) -> datetime:
        """The calendar's time, UTC. May jump; for people and for records, never for deadlines."""
        ...

    def unix(self) -> float:
        """The same in seconds since 1970, at a tenth of the cost."""
        ...

    def boot(self) -> float:
        """Seconds since boot, also counted while the machine sleeps (CLOCK_BOOTTIME). For deadlines."""
        ...

    async def sleep(self, seconds: float) -> None:
        """Wait for that many seconds."""
        ...


class SystemClock:
    """The machine's own clocks."""

    def wall(self) -> datetime:
        """The calendar's time, UTC."""
        return datetime.now(UTC)

    def unix(self) -> float:
        """The calendar's time in seconds since 1970."""
        return time.time()

    def boot(self) -> float:
        """Seconds since boot, sleep included; CLOCK_MONOTONIC would stand still while the machine is suspended."""
        return time.clock_gettime(time.CLOCK_BOOTTIME)

    async def sleep(self, seconds: float) -> None:
        """Wait for that many seconds."""
        await asyncio.sleep(seconds)


class Ids(Protocol):
    """Where new identities come from."""

    def uuid7(self) -> UUID:
        """A new UUIDv7: sorts by its time of birth."""
        ...


class SystemIds:
    """Identities from the operating system's randomness."""

    def uuid7(self) -> UUID:
        """A new UUIDv7: sorts by its time of birth."""
        return uuid_utils.compat.uuid7()


class Tasks:
    """The background tasks of one process: named, watched and ended together.

    A task of ours runs until it is told to stop; one that ends by an exception takes the process down, because a
    service that has lost a loop must be restarted, not look alive.
    """

    def __init__(self) -> None:
        self._tasks: set[asyncio.Task[Any]] = set()
        self.failed: asyncio.Future[BaseException] | None = None

    def spawn(self, name: str, coroutine: Coroutine[Any, Any, Any]) -> asyncio.Task[Any]:
        """Start `coroutine` as a task called `name`. Its failure resolves `wait_failed`."""
        task = asyncio.get_running_loop().create_task(coroutine, name=name)
        self._tasks.add(task)
        task.add_done_callback(self._done)
        return task

    @asynccontextmanager
    async def running(self, name: str, coroutine: Coroutine[Any, Any, Any]) -> AsyncIterator[asyncio.Task[Any]]:
        """A task for as long as the context lasts: at its end it is cancelled and waited for."""
        task = self.spawn(name, coroutine)
        try:
            yield task
        finally:
            task.cancel()
            await asyncio.wait({task})

    def _done(self, task: asyncio.Task[Any]) -> None:
        self._tasks.discard(task)
        if task.cancelled() or (error := task.exception()) is None:
            return
        log.error("task_failed", task=task.get_name(), exc_info=error)
        failed = self._failed()
        if not failed.done():
            failed.set_result(error)

    def _failed(self) -> asyncio.Future[BaseException]:
        if self.failed is None:
            self.failed = asyncio.get_running_loop().create_future()
        return self.failed

    @property
    def any_failed(self) -> bool:
        """Whether a task has ended by an error."""
        return self.failed is not None and self.failed.done()

    async def wait_failed(self) -> BaseException:
        """Wait until a task has failed, and give its error."""
        return await asyncio.shield(self._failed())

    async def stop(self, within: float = 5.0) -> None:
        """Cancel all tasks and wait for them, at most `within` seconds."""
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks, timeout=within)


def nowhere(_point: str) -> None:
    """What is done at a named point of the code: nothing, except in crash tests."""


@dataclass(frozen=True, slots=True)
class World:
    """Time, ids, chance and tasks, as one value that is passed down.

    `at` is told where the code is, by name, before and after each commit, append and POST: a crash test dies there.
    """

    clock: Clock = field(default_factory=SystemClock)
    ids: Ids = field(default_factory=SystemIds)
    chance: random.Random = field(default_factory=random.Random)
    tasks: Tasks = field(default_factory=Tasks)
    at: Callable[[str], None] = nowhere


def iso(moment: datetime) -> str:
    """A moment as every event and every table of ours writes it: `2026-03-01T12:00:00.000Z`, UTC, milliseconds."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.") + f"{moment.microsecond // 1000:03d}Z"
