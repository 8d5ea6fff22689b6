"""The tables are the reference fold of the log, whatever the order, repetitions and transaction boundaries."""

import itertools
import os
import random
from collections.abc import Sequence
from typing import Any

import asyncpg
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from contracts.events import AnyEvent, CampaignRequested, DeliveryReported
from infra.kafka.log import Partition
from infra.postgres.offsets import Mark, Step
from services.projector.fold import Changes
from services.projector.store import Store
from tests.integration.projector import reference, reference_tables
from tests.integration.projector.events import CHUNKS, campaign_events, requests

TABLES = "messages, batches, campaigns, campaign_counts, history, projector_offsets, orphan_reports, early_reports, later_attempts"
MESSAGES = "SELECT campaign_id::text, chunk, recipient::text, attempt, status, final FROM live.messages"
COUNTS = "SELECT status, messages FROM live.campaign_counts"
RECOUNT = "SELECT status, count(*) FROM live.messages GROUP BY status"
INCIDENTS = "SELECT campaign_id::text, recipient, first_attempt, second_attempt FROM live.incidents"
OFFERS = """
SELECT campaign_id, chunk, attempt, part, requested, rank, status, status_at, reason, batch_id, recipients, attempted_at,
       accepted_at, members, queued, dispatched, unrecognised, settled
FROM batches WHERE requested OR rank > 0 OR members > 0 OR recipients > 0 OR batch_id <> '' ORDER BY 1, 2, 3, 4
"""
CONTRADICTED = """
SELECT m.recipient, m.attempt, m.part, m.provider_status FROM messages m
WHERE m.provider_status <> '' AND NOT EXISTS (
    SELECT FROM live.message_events e WHERE e.campaign_id = m.campaign_id AND e.recipient = m.recipient
       AND e.attempt = m.attempt AND e.part = m.part AND e.status = m.provider_status AND e.mark = '')
"""
"""Messages whose report stands in the tables, and the history says that something outranks it."""
BYTES = (
    "SELECT * FROM messages ORDER BY campaign_id, recipient, chunk",
    "SELECT * FROM early_reports ORDER BY campaign_id, chunk, attempt, part, recipient",
    "SELECT * FROM later_attempts ORDER BY campaign_id, recipient, chunk",
    "SELECT * FROM campaign_counts WHERE messages <> 0 ORDER BY campaign_id, partition, status, awaiting",
    OFFERS,
)
"""All that is not the history: its order is that of the log."""
MANY = int(os.environ.get("HELIOGRAPH_TEST_EXAMPLES", "150"))


class Applied:
    """Applies events as the projector does, in the given transactions."""

    def __init__(self, store: Store) -> None:
        self.connection = store._connection
        self.store = store

    async def reset(self) -> None:
        """Empty tables, offset zero."""
        await self.connection.execute(f"TRUNCATE {TABLES}")
        self.next = 0

    async def apply(self, events: Sequence[AnyEvent], logged_ms: int = 0) -> None:
        """One transaction."""
        partition = Partition("delivery-reports", 0)
        if self.next == 0:
            await self.store.load_offsets([partition])
        changes = Changes()
        for event in events:
            changes.take(event, getattr(event, "chunk", 0), logged_ms)
        await self.store.apply(changes, {partition: Step(self.next, self.next + len(events), Mark())})
        self.next += len(events)

    async def pairs(self, sql: str) -> dict[str, Any]:
        """Rows of two columns."""
        return {row[0]: row[1] for row in await self.rows(sql)}

    async def rows(self, sql: str) -> list[asyncpg.Record]:
        """What a reader sees."""
        return await self.connection.fetch(sql)


@given(events=campaign_events(), cuts=st.lists(st.integers(1, 5), min_size=1, max_size=10))
@settings(max_examples=MANY, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
async def test_any_order_any_repetition_any_cut_gives_the_reference(
    store: Store, events: list[AnyEvent], cuts: list[int]
) -> None:
    """For any multiset of events, in any order and any transactions: the reference's rows, and counts that add up."""
    applied = Applied(store)
    await applied.reset()
    await _apply_in_parts(applied, events, cuts)
    expected = reference.statuses(events)
    rows = {tuple(row[:3]): tuple(row[3:]) for row in await applied.rows(MESSAGES)}
    assert rows == expected
    assert await applied.pairs(COUNTS) == reference.counts(expected)
    (campaign,) = await applied.rows("SELECT requested, chunks, chunks_seen, status FROM live.campaigns")
    assert tuple(campaign)[:3] == (sum(map(len, CHUNKS)), 2, 2)
    assert await applied.rows(CONTRADICTED) == []
    assert {tuple(row) for row in await applied.rows(INCIDENTS)} == reference_tables.incidents(events)
    over = campaign["status"] in ("completed", "failed")
    assert over == all(shown.final for shown in expected.values())


async def _apply_in_parts(applied: Applied, events: Sequence[AnyEvent], cuts: Sequence[int]) -> None:
    rest, sizes = list(events), itertools.cycle(cuts)
    while rest:
        size = next(sizes)
        await applied.apply(rest[:size])
        rest = rest[size:]
        assert await applied.pairs(COUNTS) == await applied.pairs(RECOUNT)


@given(
    events=campaign_events(),
    cuts=st.lists(st.integers(1, 9), min_size=1, max_size=5),
    chance=st.randoms(use_true_random=False),
)
@settings(max_examples=MANY // 2, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
async def test_another_order_and_everything_twice_give_the_same_bytes(
    store: Store, events: list[AnyEvent], cuts: list[int], chance: random.Random
) -> None:
    """A rebuild reads the topics in other steps: every row is the same, also what is kept apart and what is not shown."""
    applied = Applied(store)
    await applied.reset()
    await _apply_in_parts(applied, events, cuts)
    made = [await applied.rows(sql) for sql in BYTES]
    again = [*events, *events]
    chance.shuffle(again)
    await applied.reset()
    await _apply_in_parts(applied, again, [len(again)] if chance.random() < 0.3 else cuts[::-1])
    assert [await applied.rows(sql) for sql in BYTES] == made


async def test_a_report_before_its_request_counts_once_the_request_is_there(store: Store) -> None:
    """A message that was never requested enters no count."""
    applied = Applied(store)
    await applied.reset()
    asked = requests()[0]
    assert isinstance(asked, CampaignRequested)
    report = DeliveryReported(
        event_id=asked.event_id, occurred_at=asked.occurred_at, campaign_id=asked.campaign_id, chunk=0, attempt=1,
        batch_id="b", recipient=CHUNKS[0][0], status="Delivered", code=0, at=asked.occurred_at,
        client_reference=f"{asked.campaign_id}.0.1",
    )  # fmt: skip
    await applied.apply([report])
    assert await applied.rows(COUNTS) == []
    await applied.apply([asked])
    assert await applied.pairs(COUNTS) == {"delivered": 1, "pending": len(CHUNKS[0]) - 1}
