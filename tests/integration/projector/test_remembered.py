"""What the store remembers of batches is what is committed: after a refusal, and after others had the partition."""

from collections.abc import AsyncIterator
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from contracts.events import AnyEvent, DeliveryReported
from contracts.identity import derived_id
from infra.kafka.log import Partition
from services.projector import store as store_module
from services.projector.store import BadRecord, Store
from tests.integration.projector import reference
from tests.integration.projector.events import CAMPAIGN, CHUNKS, MOMENTS, campaign_events, requests
from tests.integration.projector.test_tables import COUNTS, MESSAGES, RECOUNT, Applied

BATCHES = "SELECT * FROM batches ORDER BY campaign_id, chunk, attempt, part"


@pytest.fixture
async def stores(store: Store, database: str) -> AsyncIterator[list[Store]]:
    """Two replicas' stores of one build."""
    other = await Store.connect(database)
    yield [store, other]
    await other.close()


@given(
    events=campaign_events(), turns=st.lists(st.tuples(st.integers(0, 1), st.integers(1, 4)), min_size=2, max_size=8)
)
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
async def test_a_partition_that_goes_to_and_fro_is_counted_right(
    stores: list[Store], events: list[AnyEvent], turns: list[tuple[int, int]]
) -> None:
    """Each replica has batches in memory that the other changes meanwhile."""
    replicas = [Applied(store) for store in stores]
    await replicas[0].reset()
    rest, done = list(events), 0
    while rest:
        for owner, size in turns:
            replica = replicas[owner]
            await replica.store.load_offsets([Partition("delivery-reports", 0)])
            for one in rest[:size]:
                replica.next = done
                await replica.apply([one])
                done += 1
            rest = rest[size:]
            assert await replica.pairs(COUNTS) == await replica.pairs(RECOUNT)
    expected = reference.statuses(events)
    assert {tuple(row[:3]): tuple(row[3:]) for row in await replicas[0].rows(MESSAGES)} == expected


async def test_what_was_refused_is_not_remembered(store: Store) -> None:
    """A transaction that was undone changed rows in memory, too: applied again without its bad record, it counts once."""
    applied, asked = Applied(store), requests()
    await applied.reset()
    await applied.apply(asked[:1])
    good, bad = _report(CHUNKS[0][0], ""), _report(CHUNKS[0][1], "a\tb")
    with pytest.raises(BadRecord):
        await applied.apply([*asked[1:], good, bad])
    await applied.apply([*asked[1:], good])
    after = await _rows(applied)
    await applied.reset()
    await applied.apply([*asked, good])
    assert after == await _rows(applied)
    assert await applied.pairs(COUNTS) == {"delivered": 1, "pending": sum(map(len, CHUNKS)) - 1}


async def test_what_fails_after_the_batches_are_changed_is_not_remembered(store: Store) -> None:
    """The refusal of a later table undoes them as well."""
    applied, asked = Applied(store), requests()
    await applied.reset()
    await applied.apply(asked)
    with pytest.raises(BadRecord):
        await applied.apply([_report(CHUNKS[0][0], ""), _orphan("not a moment")])
    assert store._batches == {}
    await applied.apply([_report(CHUNKS[0][0], "")])
    assert await applied.pairs(COUNTS) == {"delivered": 1, "pending": sum(map(len, CHUNKS)) - 1}


async def test_memory_is_bounded(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is forgotten is read again."""
    monkeypatch.setattr(store_module, "MOST_BATCHES", 1)
    applied = Applied(store)
    await applied.reset()
    for event in [*requests(), _report(CHUNKS[0][0], ""), _report(CHUNKS[1][0], "", chunk=1)]:
        await applied.apply([event])
        assert len(store._batches) <= 1
    assert await applied.pairs(COUNTS) == {"delivered": 2, "pending": sum(map(len, CHUNKS)) - 2}


async def _rows(applied: Applied) -> list[tuple[Any, ...]]:
    return [tuple(row) for row in await applied.rows(BATCHES)]


def _report(recipient: str, part: str, chunk: int = 0) -> DeliveryReported:
    return DeliveryReported(
        event_id=derived_id("report", recipient, part), occurred_at=MOMENTS[0], campaign_id=CAMPAIGN, chunk=chunk,
        attempt=1, batch_id="b", recipient=recipient, status="Delivered", code=0, part=part,
        client_reference=f"{CAMPAIGN}.{chunk}.1",
    )  # fmt: skip


def _orphan(at: str) -> DeliveryReported:
    report = _report(CHUNKS[0][0], "")
    return msgspec.structs.replace(
        report, event_id=derived_id("orphan"), campaign_id=None, chunk=None, attempt=None, client_reference=None, at=at
    )
