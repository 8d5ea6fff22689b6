"""The plan's queue: batches leave in the order they came, no faster than the plan allows, counted in recipients."""

from collections import deque
from collections.abc import Callable

from infra.sinch.simulator.store import StoredBatch
from infra.sinch.simulator.timeline import Timeline

_TICK = 0.05  # seconds between two looks at a queue that is not empty
_BURST = 1.0  # seconds' worth of messages that an idle queue lets through at once

# Sends the next `n` messages of a batch on their way.
Dispatch = Callable[[StoredBatch, int], None]


class PlanQueue:
    """First in, first out. Without a rate everything leaves at once."""

    def __init__(self, timeline: Timeline, rate: float | None, dispatch: Dispatch) -> None:
        self._timeline = timeline
        self._rate = rate
        self._dispatch = dispatch
        self._waiting: deque[StoredBatch] = deque()
        self._allowed = 0.0
        self._counted = timeline.now()
        self._ticking = False

    def put(self, batch: StoredBatch) -> None:
        """Queue a batch."""
        self._waiting.append(batch)
        if not self._ticking:
            self._pump()

    def clear(self) -> None:
        """Forget what waits; the agenda has been cleared too."""
        self._waiting.clear()
        self._allowed, self._counted, self._ticking = 0.0, self._timeline.now(), False

    def remove(self, batch: StoredBatch) -> None:
        """Take a batch out, if it waits."""
        if batch in self._waiting:
            self._waiting.remove(batch)

    def __len__(self) -> int:
        return sum(len(batch.to) - batch.dispatched for batch in self._waiting)

    def _pump(self) -> None:
        self._ticking = False
        self._count()
        while self._waiting:
            batch = self._waiting[0]
            left = len(batch.to) - batch.dispatched
            many = left if self._rate is None else min(left, int(self._allowed))
            if many:
                self._allowed -= many
                self._dispatch(batch, many)
            if many < left:
                break
            self._waiting.popleft()
        if self._waiting:
            self._ticking = True
            self._timeline.at(self._timeline.now() + _TICK, self._pump)

    def _count(self) -> None:
        """Add what the time since the last look allows."""
        now = self._timeline.now()
        if self._rate is not None:
            most = max(1.0, self._rate * _BURST)
            self._allowed = min(most, self._allowed + self._rate * (now - self._counted))
        self._counted = now
