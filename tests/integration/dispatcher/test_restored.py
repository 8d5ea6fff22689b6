"""A log and a ledger of different days."""

import asyncio

import pytest

from contracts import topics
from infra.kafka.log import LogRewritten
from infra.process.world import World
from services.dispatcher.app import run
from tests.integration.dispatcher.parts import CAMPAIGN, NUMBERS, Parts, dispatching
from tests.places import made_anew


async def test_a_restored_ledger_finds_the_attempts_in_the_log(these: Parts) -> None:
    """A backup from before the sends: what the log knows as attempted is in doubt, looked up, and never sent again."""
    await these.ask(NUMBERS[:3], NUMBERS[3:5])
    async with dispatching(these):
        await these.settled(chunks=2)
    await these.ledger.execute(
        "UPDATE dispatch.batches SET state = 'due', claims = 0, batch_id = NULL, next_look_at = NULL"
    )
    await these.ledger.execute("UPDATE dispatch.offsets SET next_offset = 0 WHERE topic = 'dispatches'")
    await these.ledger.execute("UPDATE dispatch.readers SET caught_up_at = now() - interval '1 day'")
    async with dispatching(these):
        await these.settled(chunks=2)
    assert await these.sent() == dict.fromkeys(NUMBERS[:5], 1)
    assert await these.ledger.fetchval("SELECT count(*) FROM dispatch.batches WHERE state = 'accepted'") == 2


async def test_a_log_from_elsewhere_is_refused(these: Parts) -> None:
    """As many records, but others: some would be skipped, and their campaigns never sent. It says so and sends nothing."""
    await these.ask(NUMBERS[:2])
    async with dispatching(these):
        await these.settled()
    await made_anew(these.kafka, topics.CAMPAIGN_REQUESTS)
    for number in range(12):
        await these.ask(NUMBERS[2:4], campaign=f"{CAMPAIGN[:-2]}{number:02}")
    async with asyncio.timeout(30.0):
        with pytest.raises(LogRewritten, match=r"another record at offset 0 .* a database that is not ahead of it"):
            await run(these.settings(), World())
    assert await these.sent() == dict.fromkeys(NUMBERS[:2], 1)
