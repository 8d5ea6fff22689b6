"""Records that wait for their acknowledgement: a future and a timer for each would cost as much as appending it."""

import asyncio
import math
from collections.abc import Callable
from typing import Any

import msgspec

from infra.kafka.errors import LogError
from infra.kafka.records import Entry, Position

TICK_SECONDS = 0.05  # a deadline is kept to within this

Told = Callable[[Position | LogError], None]
"""Hears once where the record stands, or why it does not. Never raises."""


class One(msgspec.Struct, frozen=True, gc=False):
    """A record in a batch."""

    entry: Entry
    number: int
    """Which of the batch it is, from 0."""
    told: Told
    size: int
    """Bytes."""
    deadline: float
    """The loop's time."""


GiveUp = Callable[[asyncio.Future[Any], list[One], list[One]], None]
"""Hears of each batch with late ones: its acknowledgement, those, and the rest of it, which waits on."""


class Waiting:
    """Records by the acknowledgement of their batch; one timer gives up those whose time is up, for all of them."""

    def __init__(self, give_up: GiveUp, tick: float = TICK_SECONDS) -> None:
        self._give_up = give_up
        self._tick = tick
        self._batches: dict[asyncio.Future[Any], list[One]] = {}
        self._timer: asyncio.TimerHandle | None = None
        self._loop = asyncio.get_running_loop()
        self.now = self._loop.time  # bound once: asked for every append

    def add(self, acknowledgement: asyncio.Future[Any], one: One) -> bool:
        """Wait for one more; gives whether it is the first of its batch."""
        ones = self._batches.get(acknowledgement)
        if ones is not None:
            ones.append(one)
            return False
        self._batches[acknowledgement] = [one]
        if self._timer is None:
            self._timer = self._loop.call_later(self._tick, self._sweep)
        return True

    def take(self, acknowledgement: asyncio.Future[Any]) -> list[One]:
        """A batch has come to its end: what still waits in it, in order."""
        return self._batches.pop(acknowledgement, [])

    def close(self) -> None:
        """Give up all that still waits."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._give_up_until(math.inf)

    def _sweep(self) -> None:
        self._give_up_until(self.now())
        self._timer = self._loop.call_later(self._tick, self._sweep) if self._batches else None

    def _give_up_until(self, now: float) -> None:
        for acknowledgement, ones in list(self._batches.items()):
            if any(one.deadline <= now for one in ones):
                late = [one for one in ones if one.deadline <= now]
                ones[:] = [one for one in ones if one.deadline > now]
                self._give_up(acknowledgement, late, list(ones))
