"""The owner's session ended by the server, at every named point of the code: never twice, never left out, nothing open."""

import asyncio
import subprocess
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import timedelta

import pytest

from contracts import topics
from contracts.events import CampaignCancelled
from contracts.identity import Reference, derived_id
from infra.postgres.embedded import binary
from infra.postgres.pool import Pool
from infra.process.world import World, iso
from services.dispatcher.app import _pacing, run
from services.dispatcher.fencing.fence import Ends
from services.dispatcher.guard import Guard, Word
from services.dispatcher.ledger import OWNERS, Ledger, OwnerLost
from tests.chaos.scenario import POINTS
from tests.integration.dispatcher.parts import CAMPAIGN, FAST, NUMBERS, Parts, dispatching
from tests.waiting import until

TERMINATE = """
SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity
WHERE datname = current_database() AND application_name = 'heliograph dispatcher owner'
"""
OTHER = CAMPAIGN.replace("aa", "cc")
ABANDON = """
UPDATE dispatch.batches SET state = 'attempting', owner = 2000000000, claims = 1, attempted_at = now()
WHERE campaign_id = $1 AND chunk = 0 AND state = 'due' RETURNING true
"""
CHUNKS, CHUNK = 40, 5
MOST_ROUNDS = 15  # of campaigns, until chance has led through every point
HOSTILE = [
    {"kind": "cut_after", "share": 0.3}, {"kind": "error_before", "status": 500, "share": 0.2},
    {"kind": "hang_after", "seconds": 2, "share": 0.1},
]  # fmt: skip

LATE = {"dispatch": {"min": 0.0, "max": 5.0}}  # so that some doubts are proven by a report, some found on a list


def terminate_owner(database: str) -> None:
    """End the owner's session and wait for its end: from inside the code, which waits meanwhile."""
    subprocess.run([binary("psql"), database, "-qXAtc", TERMINATE], check=True, capture_output=True, timeout=30)


@asynccontextmanager
async def lives(these: Parts, at: Callable[[str], None]) -> AsyncIterator[list[BaseException]]:
    """A dispatcher that is started again whenever it ends; gives what ended it."""
    ends: list[BaseException] = []

    async def go() -> None:
        while True:
            world = World(at=at)
            main = world.tasks.spawn("dispatcher", run(these.settings(), world))
            try:
                ends.append(await world.tasks.wait_failed())
            finally:
                main.cancel()
                await asyncio.wait({main})
                await world.tasks.stop()

    keeper = asyncio.create_task(go())
    try:
        yield ends
    finally:
        keeper.cancel()
        await asyncio.wait({keeper})


def cancelled() -> CampaignCancelled:
    """Somebody cancels the other campaign, of which nothing was sent."""
    now, event_id = iso(World().clock.wall()), derived_id("cancelled")
    return CampaignCancelled(event_id=event_id, occurred_at=now, campaign_id=OTHER, actor="test", reason="")


@pytest.mark.parametrize("seed", [1, 2])
async def test_the_owners_session_ends_at_every_point(these: Parts, seed: int) -> None:
    """Each point is where one life loses its session; a hostile Sinch makes the doubts that some points need."""
    left, everybody = list(POINTS), list[str]()

    def at(point: str) -> None:
        if point in left:
            left.remove(point)
            terminate_owner(these.database)

    await these.rules(seed=seed, faults=HOSTILE, delays=LATE)
    await these.ask(["15559990001"], ["15559990002"], campaign=OTHER, send_at=iso(World().clock.wall() + timedelta(1)))
    async with lives(these, at) as ends:
        await until(lambda: these.ledger.fetchval(ABANDON, OTHER), "a sender that is gone left an attempt", within=30)
        await these.say(topics.CAMPAIGN_CONTROL, OTHER, cancelled())
        for more in range(MOST_ROUNDS):
            new = [str(15550000000 + len(everybody) + n) for n in range(CHUNKS * CHUNK)]
            everybody += new
            chunks = (new[n : n + CHUNK] for n in range(0, len(new), CHUNK))
            await these.ask(*chunks, campaign=CAMPAIGN[:-2] + f"{more:02d}")
            await these.settled(chunks=2 + len(everybody) // CHUNK)
            if not left:
                break
        await until(
            lambda: not left, "each point was where a life lost its session, the cancelled campaign's too", within=60
        )
    assert len(ends) >= len(POINTS) // 2
    assert await these.sent() == dict.fromkeys(everybody, 1)


async def test_a_lost_session_ends_the_process_at_once(these: Parts) -> None:
    """Also one that has nothing to send."""
    async with lives(these, lambda _: None) as ends:
        await until(lambda: _owners(these), "it lives")
        terminate_owner(these.database)
        await until(lambda: len(ends) == 1, "it has ended")
        await until(lambda: _owners(these), "it lives again")
    assert isinstance(ends[0], OwnerLost) or "connection" in str(ends[0])


async def _owners(these: Parts) -> bool:
    sql = "SELECT count(*) > 0 FROM pg_locks WHERE locktype = 'advisory' AND classid = $1"
    return bool(await these.ledger.fetchval(sql, OWNERS))


async def _no_ends() -> Ends:
    return {}


async def test_the_guard_lets_nothing_go_without_the_lock(these: Parts, pool: Pool) -> None:
    """Rows that still name the owner are not its own any more: others may look for them already."""
    await these.ask(NUMBERS[:3])
    async with dispatching(these, sinch_mps=0.001):
        await these.settled()
    reference = Reference(CAMPAIGN, 0, 1, "")
    ledger = await Ledger.open(
        pool, these.database, _pacing(these.settings(**FAST)), lambda: 77, _no_ends, clock=World().clock
    )
    await these.ledger.execute(
        "UPDATE dispatch.batches SET state = 'attempting', owner = $1, proof = NULL", ledger.owner
    )
    guard = Guard(pool, ledger.owner, World())
    assert await guard.of([reference]) == {reference: Word.GO}
    terminate_owner(these.database)
    assert await guard.of([reference]) == {reference: Word.NOT_OURS}
    with pytest.raises(OwnerLost):
        await ledger.run()
