"""Counters that time alone makes grow: each stands at what was once its limit, and everything goes on."""

from collections.abc import Awaitable, Callable

from contracts.events import SendAttempted
from contracts.identity import Reference
from infra.postgres.pool import create_pool
from services.dispatcher.doubts import Doubts
from tests.integration.dispatcher.parts import CAMPAIGN, NUMBERS, Parts, dispatching
from tests.waiting import until

SMALLINT = 32_767
"""A night of claims, one a second: where `claims` ended."""
LATER = "2099-01-01T00:00:00.000Z"
ALSO_WAITING = CAMPAIGN[:-2] + "bb"


async def test_a_row_that_was_claimed_a_night_long_is_claimed_again(these: Parts) -> None:
    """Sinch could not be reached for ten hours: the row goes as if it were the first time, and so do the others."""
    await these.ask(NUMBERS[:2], send_at=LATER)
    await these.ask(NUMBERS[2:4], campaign=ALSO_WAITING, send_at=LATER)
    async with dispatching(these):
        await until(_all_in(these, 2), "both chunks are in the ledger", within=30.0)
        await these.ledger.execute("UPDATE dispatch.batches SET claims = $1 WHERE campaign_id = $2", SMALLINT, CAMPAIGN)
        await these.ledger.execute("UPDATE dispatch.batches SET due_at = now(), rank_at = now()")
        await these.settled(chunks=2)
    assert await these.sent() == dict.fromkeys(NUMBERS[:4], 1)
    assert SMALLINT + 1 in {event.claim for event in await these.events(SendAttempted)}


async def test_a_chunk_that_was_offered_often_is_offered_again(these: Parts) -> None:
    """Looks and attempts at their limit: one more look finds nothing, and the next attempt goes, whatever its number."""
    await these.ask(NUMBERS[:2], send_at=LATER)
    async with dispatching(these):
        await until(_all_in(these, 1), "the chunk is in the ledger", within=30.0)
    await these.ledger.execute("UPDATE dispatch.chunks SET attempts = $1", SMALLINT)
    await these.ledger.execute(
        "UPDATE dispatch.batches SET state = 'in_doubt', attempt = $1, looks = $1::integer, claims = $1::integer,"
        " follows = $1, next_look_at = now(), attempted_at = now()", SMALLINT,
    )  # fmt: skip
    offer = Reference(CAMPAIGN, 0, SMALLINT)
    pool = await create_pool(these.database, "test")
    await Doubts(pool).look_again(offer, 0.0, absent=True)
    await pool.close()
    async with dispatching(these):
        await these.settled()
    assert await these.sent() == dict.fromkeys(NUMBERS[:2], 1)
    rows = await these.ledger.fetch("SELECT attempt, state, looks FROM dispatch.batches ORDER BY attempt")
    assert [tuple(row) for row in rows] == [(SMALLINT, "absent", SMALLINT + 1), (SMALLINT + 1, "accepted", 0)]


def _all_in(these: Parts, rows: int) -> Callable[[], Awaitable[bool]]:
    async def are_in() -> bool:
        return bool(await these.ledger.fetchval("SELECT count(*) = $1 FROM dispatch.batches", rows))

    return are_in
