"""What the store remembers of batches is what is committed: after a refusal, and after others had the partition.

And who has lost a partition writes nothing more of its number, whatever topic the record is of.
"""

from collections.abc import AsyncIterator, Sequence
from typing import Any, NamedTuple

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from contracts.events import AnyEvent, BatchAccepted, DeliveryReported, encode
from contracts.identity import derived_id
from infra.kafka.log import Partition
from infra.postgres.offsets import StaleOwner
from services.projector import store as store_module
from services.projector.batch import Batch
from services.projector.store import BadRecord, Store
from tests.integration.projector import reference
from tests.integration.projector.events import CAMPAIGN, CHUNKS, MOMENTS, campaign_events, requests
from tests.integration.projector.test_tables import COUNTS, MESSAGES, RECOUNT, Applied

BATCHES = "SELECT * FROM batches ORDER BY campaign_id, chunk, attempt, part"


class _Read(NamedTuple):
    """A record."""

    offset: int
    value: bytes
    timestamp: int = 0
    key: bytes | None = None
    headers: Sequence[tuple[str, bytes]] = ()


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
    good, bad = _report(CHUNKS[0][0], ""), _report("9" * 25, "")
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


@pytest.mark.parametrize("topic", ["dispatches", "campaign-requests"])
async def test_who_lost_a_partition_writes_nothing_of_its_number(stores: list[Store], topic: str) -> None:
    """Another replica took a report of the chunk meanwhile, of another topic: what this one remembers is not so any more."""
    late, owner = stores
    await Applied(late).reset()
    start = dict.fromkeys([Partition(name, 0) for name in ("campaign-requests", "delivery-reports", "dispatches")], 0)
    await late.load_offsets(sorted(start))
    asked, *_ = requests()
    after = start | await _apply(late, start, Partition("campaign-requests", 0), asked)
    await owner.load_offsets(sorted(start))
    report = _report(CHUNKS[0][0], "")
    await _apply(owner, after, Partition("delivery-reports", 0), report)
    with pytest.raises(StaleOwner):
        await _apply(late, after, Partition(topic, 0), _accepted())
    assert await Applied(owner).pairs(COUNTS) == {"delivered": 1, "pending": len(CHUNKS[0]) - 1}


async def _apply(store: Store, start: dict[Partition, int], at: Partition, event: AnyEvent) -> dict[Partition, int]:
    batch = Batch(start)
    batch.take(at, [_Read(start[at], encode(event))], [event])
    await store.apply(batch.changes, batch.steps())
    return batch.ends()


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


def _accepted() -> BatchAccepted:
    return BatchAccepted(
        event_id=derived_id("accepted"), occurred_at=MOMENTS[1], campaign_id=CAMPAIGN, chunk=0, attempt=1, batch_id="b",
        client_reference=f"{CAMPAIGN}.0.1",
    )  # fmt: skip
