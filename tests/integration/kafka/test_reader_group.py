"""Members of a group: who owns what, who takes over, and what the owner hears."""

import asyncio
from collections.abc import Sequence

import pytest

from infra.kafka.log import Partition
from tests.integration.kafka.readers import (
    ALL,
    MakeReader,
    Offsets,
    pumping,
    settled,
)
from tests.waiting import until


async def test_two_members_share_the_partitions(make_reader: MakeReader) -> None:
    """Two members of a group own disjoint halves, together all."""
    one, two = make_reader("one"), make_reader("two")
    async with pumping(one), pumping(two):
        await until(lambda: len(one.assigned()) == len(two.assigned()) == 2, "both own two partitions")
    assert one.assigned() | two.assigned() == ALL


async def test_a_member_that_ends_is_succeeded(make_reader: MakeReader) -> None:
    """When a member is gone (killed or stopped: a fixed member never says good-bye) the other one takes all."""
    one, two = (make_reader(name, session_timeout_ms=1_500) for name in ("one", "two"))
    async with pumping(one):
        async with pumping(two):
            await until(lambda: len(one.assigned()) == len(two.assigned()) == 2, "both own two partitions")
        await two.stop()
        await until(lambda: one.assigned() == ALL, "the survivor owns all")


async def test_a_member_that_comes_back_gets_its_partitions_at_once(make_reader: MakeReader) -> None:
    """With the same member id a restarted process reads well within the session timeout of its old self."""
    loop = asyncio.get_running_loop()
    first = make_reader("fixed", session_timeout_ms=30_000)
    async with pumping(first):
        await until(lambda: first.assigned() == ALL, "the first owns all")
    await first.stop()
    again = make_reader("fixed", session_timeout_ms=30_000)
    began = loop.time()
    async with pumping(again):
        await until(lambda: again.assigned() == ALL, "the second owns all")
    assert loop.time() - began < 5.0


async def test_a_rebalance_loads_the_offsets_again(make_reader: MakeReader) -> None:
    """Partitions that come back are sought again: another member may have moved on meanwhile."""
    offsets = Offsets()
    one, two = make_reader("one", offsets), make_reader("two")
    async with pumping(one):
        await until(lambda: one.assigned() == ALL, "the first owns all")
        offsets.asked.clear()
        async with pumping(two):
            await until(lambda: len(one.assigned()) == 2, "the first owns two")
    assert frozenset(offsets.asked) >= one.assigned()


async def test_the_owner_hears_before_partitions_go(make_reader: MakeReader) -> None:
    """`on_revoked` is called with what is taken away, before anybody else gets it."""
    revoked: list[Partition] = []

    async def on_revoked(partitions: Sequence[Partition]) -> None:
        revoked.extend(partitions)

    one, two = make_reader("one", on_revoked=on_revoked), make_reader("two")
    async with pumping(one):
        await until(lambda: one.assigned() == ALL, "the first owns all")
        async with pumping(two):
            await until(lambda: len(two.assigned()) == 2, "the second owns two")
    assert frozenset(revoked) == ALL


async def test_a_failure_of_the_owner_is_not_swallowed(make_reader: MakeReader) -> None:
    """What `on_revoked` raises comes out of `read` (aiokafka would only log it)."""

    async def on_revoked(_: Sequence[Partition]) -> None:
        raise ZeroDivisionError

    one, two = make_reader("one", on_revoked=on_revoked), make_reader("two")
    await one.start()
    await settled(one)

    async def read_on() -> None:
        while True:
            await one.read(max_records=1, wait=0.5)

    reading = asyncio.ensure_future(read_on())
    async with pumping(two):
        with pytest.raises(ZeroDivisionError):
            await asyncio.wait_for(reading, 10.0)
