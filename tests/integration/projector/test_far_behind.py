"""Far behind: large batches of one partition number, that are cut short, refused or taken away."""

import random
from collections.abc import Sequence

import asyncpg
import msgspec
import pytest

from contracts import events as e
from contracts import topics
from contracts.events import encode
from contracts.identity import chunk_key
from infra.kafka.log import Appender, Entry, Partition
from services.projector import projector, turns
from tests.integration.projector.comparing import assert_is_reference
from tests.integration.projector.other_facts import other_facts
from tests.integration.projector.processes import Projectors, folded
from tests.integration.projector.traffic import FIRST_NUMBER, Said, campaign_id, chunk, traffic
from tests.integration.projector.within import Within
from tests.memory import peak_mb
from tests.waiting import until

MOST_MB = 300
"""Of a projector, however far it is behind (issue 7)."""
MESSAGES = 60_000  # 190,000 records on three partition numbers: each is far behind, and more than one batch


def _backlog(messages: int, seed: int) -> list[Said]:
    said = [*traffic(messages, chunk_size=500, seed=seed), *other_facts(seed=seed)]
    random.Random(seed).shuffle(said)
    return said


async def _append(appender: Appender, said: Sequence[Said]) -> None:
    for at in range(0, len(said), 20_000):
        await appender.append_all([s.entry for s in said[at : at + 20_000]], within=60)


async def test_killed_in_the_middle_of_a_large_batch_nothing_of_it_is_there(
    projectors: Projectors, appender: Appender, database: str
) -> None:
    """Offsets move by whole batches; a second replica takes partitions from one; memory stays what it may be."""
    said = _backlog(MESSAGES, 51)
    await _append(appender, said)
    child = await projectors.start("0")

    async def is_folding() -> bool:
        return max((await folded(database)).values(), default=0) > turns.MOST_WEIGHT

    await until(is_folding, "the first large batch", within=60)
    await projectors.kill("0")
    done = await folded(database)
    assert await folded(database) == done  # and nobody writes any more
    child = await projectors.start("0")
    await until(lambda: _is_further(database, done), "folding again", within=60)
    await projectors.start("1")
    await until(projectors.caught_up, "everything folded", within=90)
    assert peak_mb(child.pid) < MOST_MB
    await assert_is_reference(database, said)


async def _is_further(dsn: str, than: dict[Partition, int]) -> bool:
    return sum((await folded(dsn)).values()) > sum(than.values())


async def test_records_that_are_refused_in_a_large_batch_are_parked_alone(
    within: Within, appender: Appender, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is read again in parts, those halved: three bad ones are parked, one of them by its form, the rest flow."""
    monkeypatch.setattr(turns, "FAR", 500)
    monkeypatch.setattr(projector, "PART_RECORDS", 200)
    said = _backlog(2_000, 52)
    told = [s.event for s in said if isinstance(s.event, e.DeliveryReported) and s.event.campaign_id == campaign_id(1)]
    await appender.append_all([s.entry for s in said[: len(said) // 2]])
    broken = [msgspec.structs.replace(event, attempt=2**40 + n) for n, event in enumerate(told[:2])]
    await appender.append_all([*map(_entry, broken), Entry(topics.DELIVERY_REPORTS, "k", b"garbage")])
    await appender.append_all([s.entry for s in said[len(said) // 2 :]])
    within.start()
    await within.caught_up()
    await within.until_fetched("SELECT count(*) FROM live.parked WHERE state = 'parked'", [(3,)])
    await within.fetch("DELETE FROM build_1.parked")
    await assert_is_reference(within.dsn, said)


def _entry(event: e.DeliveryReported) -> Entry:
    return Entry(topics.DELIVERY_REPORTS, chunk_key(event.campaign_id or "", event.chunk or 0), encode(event))


async def test_taken_away_while_a_large_batch_is_gathered_it_is_folded_by_the_next_owner(
    within: Within, appender: Appender, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Replicas join in the middle of it: nothing is folded twice or left out."""
    monkeypatch.setattr(turns, "FAR", 500)
    said = _backlog(6_000, 53)
    within.start("0")
    await _append(appender, said[: len(said) // 2])
    within.start("1")
    await _append(appender, said[len(said) // 2 :])
    within.start("2")
    await within.caught_up()
    await assert_is_reference(within.dsn, said)


async def test_half_a_million_messages_asked_for_at_once_are_not_one_transaction(
    projectors: Projectors, appender: Appender, database: str
) -> None:
    """A record can name a thousand messages; what a batch has no room for waits for the next one."""
    size, most = 1_000, turns.MOST_WEIGHT + projector.SLICE * 1_000
    recipients = [[str(FIRST_NUMBER + size * n + i) for i in range(size)] for n in range(500)]
    said = [one for n, some in enumerate(recipients) for one in chunk(1, n, len(recipients), some)]
    await _append(appender, said)
    child = await projectors.start("0")
    await until(projectors.caught_up, "everything folded", within=90)
    connection = await asyncpg.connect(database)
    try:
        rows = await connection.fetch("SELECT count(*) FROM build_1.messages GROUP BY xmin::text")
    finally:
        await connection.close()
    assert sum(r[0] for r in rows) == size * len(recipients)
    assert max(r[0] for r in rows) <= most
    assert peak_mb(child.pid) < MOST_MB
