"""Deadlines for many futures by one timer: an `asyncio.timeout` for each append would cost as much as the append."""

import asyncio
from collections.abc import Callable
from typing import Any

TICK_SECONDS = 0.05  # a deadline is kept to within this


class Deadlines:
    """Fails every watched future whose time is up, with the error that `late()` makes."""

    def __init__(self, late: Callable[[], Exception], tick: float = TICK_SECONDS) -> None:
        self._late = late
        self._tick = tick
        self._due: dict[asyncio.Future[Any], float] = {}
        self._timer: asyncio.TimerHandle | None = None
        self._loop = asyncio.get_running_loop()
        self.now = self._loop.time  # bound once: asked for every append

    def watch(self, future: asyncio.Future[Any], at: float) -> None:
        """Fail `future` at `at` (the loop's time) unless it is done by then."""
        self._due[future] = at
        if self._timer is None:
            self._timer = self._loop.call_later(self._tick, self._sweep)

    def forget(self, future: asyncio.Future[Any]) -> None:
        """Stop watching; harmless for a future not watched."""
        self._due.pop(future, None)

    def close(self) -> None:
        """Fail everything still watched."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._fail(list(self._due))

    def _sweep(self) -> None:
        now = self.now()
        self._fail([future for future, at in self._due.items() if at <= now])
        self._timer = self._loop.call_later(self._tick, self._sweep) if self._due else None

    def _fail(self, futures: list[asyncio.Future[Any]]) -> None:
        for future in futures:
            del self._due[future]
            if not future.done():
                future.set_exception(self._late())
