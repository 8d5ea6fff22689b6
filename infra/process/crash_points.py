"""Dying at a named point of the code, for crash tests. Off unless `HELIOGRAPH_CRASH_AT` is set.

`post.after:3` ends the process by SIGKILL when it is at that point for the third time; `stop:post.after:3` freezes it
by SIGSTOP instead.
"""

import os
import signal
from collections import Counter
from collections.abc import Callable

from infra.process.world import nowhere

VARIABLE = "HELIOGRAPH_CRASH_AT"


def crash_points(specification: str | None) -> Callable[[str], None]:
    """What `World.at` does: nothing, or, for `name:n`, kill this process at the n-th time at that point."""
    if not specification:
        return nowhere
    number = signal.SIGSTOP if specification.startswith("stop:") else signal.SIGKILL
    name, _, times = specification.removeprefix("stop:").partition(":")
    wanted, seen = int(times or "1"), Counter[str]()

    def at(point: str) -> None:
        seen[point] += 1
        if point == name and seen[point] == wanted:
            os.kill(os.getpid(), number)

    return at
