"""The plan's rate: GCRA with debt, shared by all replicas through one row of PostgreSQL.

Pure; whoever draws holds the row's lock.

`paid_until` is the moment at which the rate has paid for everything sent so far. A chunk may go as soon as the past is
paid, whatever its own size, and puts the plan into debt by it: so a chunk of 1,000 goes through a plan of 30 a
second, and the plan is never more than one chunk ahead of its rate. Nor is it ever deeper in debt than by the largest
chunk at today's rate: what stands there beyond that comes from another rate, or from a clock that was set back.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

CATCH_UP = timedelta(milliseconds=50)
"""What was not sent because we were late by less than this is made up for; a longer idle time is not saved up."""
RECOVERY_PER_SECOND = 0.02
"""Of the full rate, after a 429 or 503 halved it: back at full speed within 50 s at most."""
LEAST_FACTOR = 0.05
LONGEST = timedelta(days=365)
"""Of a debt. A rate of one message in a year is none."""


@dataclass(frozen=True, slots=True)
class Pace:
    """The plan's row, and PostgreSQL's clock."""

    now: datetime
    paid_until: datetime | None
    factor: float
    slowed_at: datetime | None
    slow_until: datetime | None


@dataclass(frozen=True, slots=True)
class Rate:
    """`per_second` in the unit of costs; `largest` is what the largest chunk costs; `longest_slow` in seconds."""

    per_second: float
    largest: float
    longest_slow: float


def factor_now(pace: Pace) -> float:
    """How much of the rate is used at this moment."""
    if pace.slowed_at is None:
        return 1.0
    since = max(0.0, (pace.now - pace.slowed_at).total_seconds())
    return min(1.0, max(LEAST_FACTOR, pace.factor) + since * RECOVERY_PER_SECOND)


def paid_by(cost: float, pace: Pace, rate: Rate) -> float:
    """Seconds of the rate, as it is now, that pay for this cost."""
    return min(cost / (rate.per_second * factor_now(pace)), LONGEST.total_seconds())


def draw(pace: Pace, rate: Rate, costs: Sequence[float]) -> tuple[int, datetime]:
    """How many of these, in their order, may go now, and until when the plan is then paid."""
    paid = _start(pace, rate)
    for count, cost in enumerate(costs):
        if paid > pace.now:
            return count, paid
        paid += timedelta(seconds=paid_by(cost, pace, rate))
    return len(costs), paid


def wait(pace: Pace, rate: Rate) -> float:
    """Seconds until something may go."""
    return max(0.0, (_start(pace, rate) - pace.now).total_seconds(), slow_for(pace, rate))


def slow_for(pace: Pace, rate: Rate) -> float:
    """Seconds for which Sinch's word keeps everybody waiting."""
    until = (pace.slow_until or pace.now) - pace.now
    return min(max(0.0, until.total_seconds()), rate.longest_slow)


def corrected(pace: Pace, rate: Rate) -> datetime | None:
    """What `paid_until` must be instead, where it is a deeper debt than today's rate can have made."""
    deepest = pace.now + timedelta(seconds=paid_by(rate.largest, pace, rate))
    return deepest if pace.paid_until is not None and pace.paid_until > deepest else None


def _start(pace: Pace, rate: Rate) -> datetime:
    if pace.paid_until is None or pace.paid_until < pace.now - CATCH_UP:
        return pace.now
    return corrected(pace, rate) or pace.paid_until
