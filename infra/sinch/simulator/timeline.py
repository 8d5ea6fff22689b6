"""The simulator's time: it passes by itself, and it can be moved on, with everything due happening on the way."""

import asyncio
import heapq
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from itertools import count

import structlog

from infra.process.world import World

log = structlog.get_logger(__name__)

_AT_ONCE = 200  # actions between two breaths of the event loop

Action = Callable[[], None]


class Timeline:
    """A clock with an agenda. Times are Unix seconds."""

    def __init__(self, world: World) -> None:
        self._clock = world.clock
        self._offset = self._clock.wall().timestamp() - self._clock.boot()
        self._agenda: list[tuple[float, int, Action]] = []
        self._order = count()
        self._changed = asyncio.Event()

    def now(self) -> float:
        """The simulated moment."""
        return self._clock.boot() + self._offset

    def moment(self) -> datetime:
        """The simulated moment as a datetime."""
        return datetime.fromtimestamp(self.now(), UTC)

    def at(self, when: float, action: Action) -> None:
        """Do this then (or at once, if then is past). Actions of the same moment keep their order."""
        heapq.heappush(self._agenda, (when, next(self._order), action))
        if self._agenda[0][0] == when:
            self._changed.set()

    def clear(self) -> None:
        """Forget everything that was to happen, and return to the present."""
        self._agenda.clear()
        self._offset = self._clock.wall().timestamp() - self._clock.boot()
        self._changed.set()

    @property
    def waiting(self) -> int:
        """How many actions are still to come."""
        return len(self._agenda)

    async def run(self) -> None:
        """Let time pass; until cancelled."""
        while True:
            self._changed.clear()
            await self._fire_due()
            delay = self._agenda[0][0] - self.now() if self._agenda else None
            if delay is not None and delay <= 0:
                continue
            try:
                async with asyncio.timeout(delay):
                    await self._changed.wait()
            except TimeoutError:
                continue

    async def advance(self, seconds: float, settled: Callable[[], Awaitable[None]]) -> None:
        """Move on by so many seconds, from one due action to the next; `settled` is awaited after each moment."""
        end = self.now() + seconds
        await settled()
        while self._agenda and self._agenda[0][0] <= end:
            self._jump(self._agenda[0][0])
            await self._fire_due()
            await settled()
        self._jump(end)
        self._changed.set()

    def _jump(self, when: float) -> None:
        """Make it `when`, if that is still to come."""
        self._offset += max(0.0, when - self.now())

    async def _fire_due(self) -> None:
        fired = 0
        while self._agenda and self._agenda[0][0] <= self.now():
            _, _, action = heapq.heappop(self._agenda)
            try:
                action()
            except Exception:
                log.exception("simulated_action_failed")
            fired += 1
            if fired % _AT_ONCE == 0:
                await asyncio.sleep(0)
