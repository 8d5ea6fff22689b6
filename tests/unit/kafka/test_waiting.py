"""One timer keeps the deadlines of many records, which are told batch by batch."""

import asyncio
from typing import Any

import pytest

from infra.kafka.records import Entry
from infra.kafka.waiting import One, Waiting

ENTRY = Entry("topic", "key", b"value")


def one(deadline: float, number: int = 0) -> One:
    """A record that waits until then."""
    return One(ENTRY, number, lambda _: None, 1, deadline)


class GivenUp:
    """Collects what is given up, and lets a test wait for it."""

    def __init__(self) -> None:
        self.ones: list[One] = []
        self.some = asyncio.Event()

    def __call__(self, _batch: asyncio.Future[Any], late: list[One], _rest: list[One]) -> None:
        """Some more."""
        self.ones += late
        self.some.set()

    async def until(self, count: int) -> list[One]:
        """Wait until so many were given up."""
        async with asyncio.timeout(5):
            while len(self.ones) < count:
                self.some.clear()
                await self.some.wait()
        return self.ones


@pytest.fixture
async def given_up() -> GivenUp:
    """Nothing yet."""
    return GivenUp()


def batch() -> asyncio.Future[Any]:
    """A batch's acknowledgement, to come."""
    return asyncio.get_running_loop().create_future()


async def test_a_record_is_given_up_when_its_time_is_up(given_up: GivenUp) -> None:
    """Not before."""
    waiting = Waiting(given_up, tick=0.005)
    late = one(waiting.now() + 0.02)
    waiting.add(batch(), late)
    assert await given_up.until(1) == [late]
    assert waiting.now() >= late.deadline
    waiting.close()


async def test_deadlines_need_no_order(given_up: GivenUp) -> None:
    """A short one behind a long one in the same batch is kept all the same, and the batch goes on with the other."""
    waiting, acknowledgement = Waiting(given_up, tick=0.005), batch()
    long, short = one(waiting.now() + 60), one(waiting.now() + 0.01, number=1)
    assert waiting.add(acknowledgement, long)
    assert not waiting.add(acknowledgement, short)
    assert await given_up.until(1) == [short]
    assert waiting.take(acknowledgement) == [long]
    waiting.close()


async def test_what_was_taken_is_left_alone(given_up: GivenUp) -> None:
    """A record that was told where it stands is not given up later."""
    waiting, acknowledged = Waiting(given_up, tick=0.005), batch()
    waiting.add(acknowledged, one(waiting.now()))
    taken = waiting.take(acknowledged)
    late = one(waiting.now() + 0.01, number=7)
    waiting.add(batch(), late)
    assert await given_up.until(1) == [late]
    assert len(taken) == 1
    assert waiting.take(acknowledged) == []
    waiting.close()


async def test_a_given_up_record_may_lead_to_another(given_up: GivenUp) -> None:
    """Whoever is told may append at once, also to the same batch."""
    acknowledgement = batch()

    def again(acknowledgement: asyncio.Future[Any], late: list[One], rest: list[One]) -> None:
        given_up(acknowledgement, late, rest)
        if len(given_up.ones) < 3:
            waiting.add(acknowledgement, one(waiting.now(), number=len(given_up.ones)))

    waiting = Waiting(again, tick=0.005)
    waiting.add(acknowledgement, one(waiting.now()))
    assert [late.number for late in await given_up.until(3)] == [0, 1, 2]
    waiting.close()


async def test_closing_gives_up_what_still_waits(given_up: GivenUp) -> None:
    """Nobody waits for ever on an appender that was stopped."""
    waiting = Waiting(given_up)
    waiting.add(batch(), one(waiting.now() + 60))
    waiting.close()
    assert len(given_up.ones) == 1
