"""One timer keeps the deadlines of many futures."""

import asyncio

import pytest

from infra.kafka.deadlines import Deadlines


class LateError(Exception):
    """What these deadlines raise."""


async def test_a_future_fails_when_its_time_is_up() -> None:
    """A watched future gets the error once its deadline has passed, not before."""
    deadlines = Deadlines(LateError, tick=0.005)
    future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
    at = deadlines.now() + 0.02
    deadlines.watch(future, at)
    with pytest.raises(LateError):
        await asyncio.wait_for(future, 5)
    assert deadlines.now() >= at


async def test_deadlines_need_no_order() -> None:
    """A short deadline watched after a long one is kept all the same."""
    deadlines = Deadlines(LateError, tick=0.005)
    loop = asyncio.get_running_loop()
    long, short = loop.create_future(), loop.create_future()
    deadlines.watch(long, deadlines.now() + 60)
    deadlines.watch(short, deadlines.now() + 0.01)
    with pytest.raises(LateError):
        await asyncio.wait_for(short, 5)
    assert not long.done()
    deadlines.forget(long)


async def test_a_forgotten_future_is_left_alone() -> None:
    """What was forgotten outlives its deadline."""
    deadlines = Deadlines(LateError, tick=0.005)
    loop = asyncio.get_running_loop()
    forgotten, watched = loop.create_future(), loop.create_future()
    deadlines.watch(forgotten, deadlines.now())
    deadlines.watch(watched, deadlines.now() + 0.01)
    deadlines.forget(forgotten)
    with pytest.raises(LateError):
        await asyncio.wait_for(watched, 5)
    assert not forgotten.done()


async def test_closing_fails_what_still_waits() -> None:
    """Nobody waits for ever on an appender that was stopped."""
    deadlines = Deadlines(LateError)
    future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
    deadlines.watch(future, deadlines.now() + 60)
    deadlines.close()
    with pytest.raises(LateError):
        await future
