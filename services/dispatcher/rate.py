"""The plan's rate: GCRA with debt, shared by all replicas through one row of PostgreSQL.

Pure; whoever draws holds the row's lock.

`paid_until` is the moment at which the rate has paid for everything sent so far. A chunk may go as soon as the past is
paid, whatever its own size, and puts the plan into debt by it: so a chunk of 1,000 goes through a plan of 30 a
second, and the plan is never more than one chunk ahead of its rate.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

CATCH_UP = timedelta(milliseconds=50)
"""What was not sent because we were late by less than this is made up for; a longer idle time is not saved up."""
RECOVERY_PER_SECOND = 0.02
"""Of the full rate, after a 429 or 503 halved it: back at full speed within 50 s at most."""
LEAST_FACTOR = 0.05


@dataclass(frozen=True, slots=True)
class Pace:
    """The plan's row, and PostgreSQL's clock."""

    now: datetime
    paid_until: datetime | None
    factor: float
    slowed_at: datetime | None
    slow_until: datetime | None


def factor_now(pace: Pace) -> float:
    """How much of the rate is used at this moment."""
    if pace.slowed_at is None:
        return 1.0
    return min(1.0, pace.factor + (pace.now - pace.slowed_at).total_seconds() * RECOVERY_PER_SECOND)


def draw(pace: Pace, rate: float, costs: Sequence[float]) -> tuple[int, datetime]:
    """How many of these, in their order, may go now, and until when the plan is then paid. `rate` per second."""
    usable = rate * factor_now(pace)
    paid = _start(pace)
    for count, cost in enumerate(costs):
        if paid > pace.now:
            return count, paid
        paid += timedelta(seconds=cost / usable)
    return len(costs), paid


def wait(pace: Pace) -> float:
    """Seconds until something may go."""
    until = max(_start(pace), pace.slow_until or pace.now)
    return max(0.0, (until - pace.now).total_seconds())


def _start(pace: Pace) -> datetime:
    if pace.paid_until is None or pace.paid_until < pace.now - CATCH_UP:
        return pace.now
    return pace.paid_until
