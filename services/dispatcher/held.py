"""Why nothing may go at this moment, as the plan's row says it. Pure, but for the statements that read and mend the row."""

from dataclasses import dataclass
from datetime import datetime, timedelta

import asyncpg
import structlog

from services.dispatcher import rate
from services.dispatcher.plan import LONGEST_PAUSE_SECONDS, UNCLEAR_IN_A_ROW
from services.dispatcher.rate import Pace, Rate

log = structlog.get_logger(__name__)

PACE = """
SELECT clock_timestamp() AS now, nullif(paid_until, '-infinity') AS paid_until, factor,
       nullif(slowed_at, '-infinity') AS slowed_at, nullif(slow_until, '-infinity') AS slow_until, blocked_reason,
       unclear, unclear_why, unclear > 0 OR slowdowns > 0 AS troubled,
       greatest(paused_until, probe_until, clock_timestamp()) AS held_until,
       (SELECT coalesce(min(caught_up_at), '-infinity') < clock_timestamp() - $1 * interval '1 second'
        FROM dispatch.readers) AS readers_behind
FROM dispatch.plan
"""

CORRECT = """
UPDATE dispatch.plan SET paid_until = least(paid_until, $1), slow_until = least(slow_until, $2),
    paused_until = least(paused_until, $3), probe_until = least(probe_until, $4)
"""


@dataclass(frozen=True, slots=True)
class Wait:
    """Seconds until it is worth asking again; `why` in words, "" where only the rate says so."""

    seconds: float
    why: str


def wait(state: asyncpg.Record, per: Rate) -> Wait | None:
    """Why nothing may go now; None when something may."""
    found, why = pace(state), finding_out(state)
    if state["blocked_reason"]:
        return Wait(1.0, f"blocked: {state['blocked_reason']}")
    if state["readers_behind"]:
        return Wait(0.2, "the readers of consent and attempts are behind")
    if why and state["held_until"] > state["now"]:
        return Wait((state["held_until"] - state["now"]).total_seconds(), why)
    seconds = rate.wait(found, per)
    if seconds <= 0:
        return None
    return Wait(seconds, why or ("slow: Sinch answers 429 or 503" if rate.slow_for(found, per) > 0 else ""))


def finding_out(state: asyncpg.Record) -> str:
    """Why only one offer at a time may go, "" when that is not so."""
    return f"unclear: {state['unclear_why']}" if state["unclear"] >= UNCLEAR_IN_A_ROW else ""


def correction(state: asyncpg.Record, per: Rate, probe: float) -> tuple[datetime, ...] | None:
    """What the row's moments may be at most, where one is later than any rate or clock of today can have written it.

    Waiting for such a moment to come could take years. `probe`: as in Pacing.
    """
    now, debt = state["now"], rate.corrected(pace(state), per)
    slow, pause, probing = (now + timedelta(seconds=s) for s in (per.longest_slow, LONGEST_PAUSE_SECONDS, probe))
    is_slow = state["slow_until"] is not None and state["slow_until"] > slow
    if debt is None and not is_slow and state["held_until"] <= max(pause, probing):
        return None
    log.warning("plan_corrected", why="a debt or a wait of another rate, or of a clock that was set back")
    return debt or state["paid_until"] or now, slow, pause, probing


def pace(row: asyncpg.Record) -> Pace:
    """What of the row the rate is drawn from."""
    return Pace(row["now"], row["paid_until"], row["factor"], row["slowed_at"], row["slow_until"])
