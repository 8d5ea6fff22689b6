"""What stands still, since when, why, and what to do about it: asked by `heliograph status`, /readyz and a metric."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

import msgspec
import structlog

from infra.postgres.pool import Connection, connect
from infra.postgres.trouble import FAILURES
from infra.process.masking import mask_loose
from infra.process.metrics import STANDING_STILL
from infra.process.world import World, iso

log = structlog.get_logger(__name__)

WORKERS: Mapping[str, str] = {"dispatcher": "nothing is sent", "projector": "statuses do not move"}
"""The services without which something stands still, and what that is."""
REASONS = ("ends_again_and_again", "not_running", "waiting", "blocked", "slowed")
SILENT = timedelta(seconds=30)
FAILING_ENDS = 3  # in a row; a process that is killed once is no news
WAITS_LONG = timedelta(seconds=10)
SLOWED_LONG = timedelta(seconds=10)
FORGOTTEN = timedelta(days=1)  # a replica that was replaced by one of another name
LOOK_SECONDS = 5.0
PATIENCE_SECONDS = 2.0


class Still(msgspec.Struct, frozen=True):
    """One thing that stands still. `since` is a moment, or null where nobody saw it begin.

    `last_words` of a process are for operators: they may name hosts and tables.
    """

    service: str
    reason: str
    since: str | None
    why: str
    do: str
    last_words: str = ""


SERVICES = "SELECT *, clock_timestamp() AS now FROM heliograph.services ORDER BY service, replica"
PLAN = "SELECT blocked_reason, blocked_at, slow_until, clock_timestamp() AS now FROM dispatch.plan"


async def standing_still(connection: Connection) -> list[Still]:
    """Everything that stands still, as the database knows it."""
    services = [dict(row) for row in await connection.fetch(SERVICES)]
    plan = await connection.fetchrow(PLAN)
    return [*of_services(services), *(of_plan(dict(plan)) if plan else ())]


def of_services(rows: Sequence[Mapping[str, Any]]) -> Iterable[Still]:
    """What the workers' own rows say."""
    for service, effect in WORKERS.items():
        known = [row for row in rows if row["service"] == service and row["now"] - row["seen_at"] < FORGOTTEN]
        for row in known:
            if row["ends"] >= FAILING_ENDS:
                yield _failing(service, row)
        alive = [row for row in known if row["now"] - row["seen_at"] <= SILENT]
        if not alive:
            last = max((row["seen_at"] for row in known), default=None)
            yield Still(
                service, "not_running", last and iso(last), f"No {service} runs, so {effect}.",
                "Start it; if it should run, its log says why it does not.", _words(known),
            )  # fmt: skip
        waiting = [row for row in alive if _waits(row)]
        if waiting and len(waiting) == len(alive):
            first = min(waiting, key=lambda row: row["waits_since"])
            why = f"The {service} waits: {mask_loose(first['waits_for'])}."
            yield Still(
                service, "waiting", iso(first["waits_since"]), why, "It goes on by itself; if not, see its log."
            )


def _waits(row: Mapping[str, Any]) -> bool:
    """True for what lasts; what Sinch does to the plan is told from the plan itself."""
    long = row["waits_since"] is not None and row["now"] - row["waits_since"] > WAITS_LONG
    return long and not row["waits_for"].startswith(("blocked", "slow:"))


def _failing(service: str, row: Mapping[str, Any]) -> Still:
    since, times = row["failing_since"], row["ends"]
    why = f"The {service} of replica {row['replica']} ended {times} times in a row, so {WORKERS[service]}."
    do = (
        "`heliograph status` has its last words, its log says more: mend what they name. It is started again by itself."
    )
    return Still(service, "ends_again_and_again", since and iso(since), why, do, row["last_words"])


def _words(rows: Sequence[Mapping[str, Any]]) -> str:
    return next((row["last_words"] for row in rows if row["last_words"]), "")


def of_plan(plan: Mapping[str, Any]) -> Iterable[Still]:
    """What the dispatcher's ledger says of the service plan."""
    if plan["blocked_reason"]:
        why = f"Sinch takes nothing: {mask_loose(plan['blocked_reason'])}"
        yield Still(
            "dispatcher", "blocked", iso(plan["blocked_at"]), why, "Settle it at Sinch, then `heliograph resume`."
        )
    slow: datetime = plan["slow_until"]
    if slow.replace(tzinfo=plan["now"].tzinfo) > plan["now"] + SLOWED_LONG:
        why = f"Sinch asked for a pause until {iso(slow)}."
        yield Still(
            "dispatcher", "slowed", None, why, "It goes on by itself then, or at once with `heliograph resume`."
        )


class Standing:
    """The last look, kept fresh: for answers that must not wait for the database."""

    def __init__(self, dsn: str) -> None:
        self._dsn = dsn
        self.now: list[Still] = []

    async def run(self, world: World) -> None:
        """Look for ever. While the database is away the last look stands; /readyz says that it is away."""
        while True:
            try:
                self.now = await self._look()
            except FAILURES as error:
                log.warning("standing_unknown", error=str(error) or type(error).__name__)
            else:
                self._measure()
            await world.clock.sleep(LOOK_SECONDS)

    async def _look(self) -> list[Still]:
        connection = await connect(
            self._dsn, "standing", connect_timeout=PATIENCE_SECONDS, command_timeout=PATIENCE_SECONDS
        )
        try:
            return await standing_still(connection)
        finally:
            await connection.close(timeout=PATIENCE_SECONDS)

    def _measure(self) -> None:
        stands = {(still.service, still.reason) for still in self.now}
        for service in WORKERS:
            for reason in REASONS:
                STANDING_STILL.labels(service, reason).set((service, reason) in stands)

    def as_notes(self) -> list[dict[str, Any]]:
        """For the body of /readyz, which anybody may read: without last words."""
        return [
            {name: getattr(still, name) for name in ("service", "reason", "since", "why", "do")} for still in self.now
        ]
