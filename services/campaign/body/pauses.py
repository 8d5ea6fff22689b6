"""Long work in slices, so that others on the same event loop are not held up."""

from infra.process.world import Clock

LONGEST = 0.005  # seconds


class Pauses:
    """Gives the event loop away when it was held for some milliseconds."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._since = clock.boot()

    async def when_due(self) -> None:
        """Let the others run, if it is their turn."""
        if self._clock.boot() - self._since >= LONGEST:
            await self._clock.sleep(0)
            self._since = self._clock.boot()
