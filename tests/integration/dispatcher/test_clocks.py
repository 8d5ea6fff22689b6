"""Clocks that do not agree: what Sinch's list is believed to say then."""

from datetime import datetime, timedelta

import pytest

from infra.kafka.connection import KafkaConnection
from infra.process.metrics import REGISTRY
from infra.process.world import SystemClock, World
from tests.integration.dispatcher.parts import NUMBERS, dispatching, parts
from tests.waiting import until


class Shifted(SystemClock):
    """A clock that is ahead by so many seconds."""

    def __init__(self, ahead: float) -> None:
        self._ahead = timedelta(seconds=ahead)

    def wall(self) -> datetime:
        """The wrong time."""
        return super().wall() + self._ahead


@pytest.mark.parametrize("ahead", [-600.0, -3000.0, 3000.0])
async def test_a_batch_is_found_though_sinchs_clock_is_another(
    kafka: KafkaConnection, database: str, world: World, ahead: float
) -> None:
    """The 201 was lost. To the database's clock the batch was made before it was offered: it is found, not sent again."""
    async with parts(kafka, database, world, sinchs=World(clock=Shifted(ahead))) as these:
        await these.rules(faults=[{"kind": "cut_after", "times": 1}], callbacks={"drop": 1.0})
        await these.ask(NUMBERS[:3])
        async with dispatching(these):
            await these.settled()
        assert await these.sent() == dict.fromkeys(NUMBERS[:3], 1)
        assert await these.ledger.fetchval("SELECT state FROM dispatch.batches") == "accepted"


async def test_clocks_too_far_apart_give_no_absence(kafka: KafkaConnection, database: str, world: World) -> None:
    """Sinch's list is empty and its clock two hours behind: nothing is offered again, and the metric says why."""
    async with parts(kafka, database, world, sinchs=World(clock=Shifted(-7200.0))) as these:
        await these.rules(faults=[{"kind": "cut_before", "times": 1}])
        await these.ask(NUMBERS[:3])
        async with dispatching(these):

            async def looked() -> bool:
                apart = REGISTRY.get_sample_value("heliograph_clocks_apart_seconds") or 0.0
                return 7000 < apart < 7400

            await until(looked, "it was looked for", within=20.0)
            before = await these.ledger.fetchval("SELECT next_look_at FROM dispatch.batches")

            async def again() -> bool:
                return bool(await these.ledger.fetchval("SELECT next_look_at > $1 FROM dispatch.batches", before))

            for _ in range(3):
                await until(again, "it is looked for again", within=20.0)
                before = await these.ledger.fetchval("SELECT next_look_at FROM dispatch.batches")
            assert await these.sent() == {}
            rows = await these.ledger.fetch("SELECT attempt, state, looks FROM dispatch.batches")
            assert [tuple(row) for row in rows] == [(1, "in_doubt", 0)]


async def test_too_far_apart_still_gives_a_presence(kafka: KafkaConnection, database: str, world: World) -> None:
    """A batch with our reference is ours, whatever the time."""
    async with parts(kafka, database, world, sinchs=World(clock=Shifted(7200.0))) as these:
        await these.rules(faults=[{"kind": "cut_after", "times": 1}], callbacks={"drop": 1.0})
        await these.ask(NUMBERS[:3])
        async with dispatching(these):
            await these.settled()
        assert await these.ledger.fetchval("SELECT state FROM dispatch.batches") == "accepted"
