"""Log lines that a flood may cause: the first at once, then at most one a second, with the number of those left out."""

from collections.abc import Callable
from typing import Any

from infra.process.world import Clock

EVERY_SECONDS = 1.0


class Sparing:
    """Hands lines to `write` (a bound logger's method), one a second for each event name."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._next: dict[str, float] = {}
        self._left_out: dict[str, int] = {}

    def __call__(self, write: Callable[..., Any], event: str, **keys: Any) -> None:
        """Write the line, or count it; event names are our own and few."""
        now = self._clock.boot()
        if now < self._next.get(event, 0.0):
            self._left_out[event] = self._left_out.get(event, 0) + 1
            return
        self._next[event] = now + EVERY_SECONDS
        left_out = self._left_out.pop(event, 0)
        write(event, **keys, **({"more_like_it": left_out} if left_out else {}))
