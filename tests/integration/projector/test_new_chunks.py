"""Chunks that are new are copied, the others merged, few at a time or many: the tables do not show which."""

import itertools
from collections.abc import Sequence
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from contracts.events import AnyEvent, BatchAccepted, DeliveryReported
from contracts.identity import derived_id
from infra.postgres.pool import Connection
from services.projector.projections import history, messages
from services.projector.store import BadRecord, Store
from tests.integration.projector.events import CAMPAIGN, CHUNKS, MOMENTS, campaign_events, requests
from tests.integration.projector.test_tables import COUNTS, RECOUNT, Applied

WAYS = {"copied": (0, 500, 0), "merged, few": (10**9, 500, 10**9), "merged, many": (10**9, 0, 0)}
"""WORTH_ASKING and FEW of `projections/messages.py`, MUCH of `projections/history.py`."""

TABLES = {
    "messages": "SELECT * FROM messages ORDER BY campaign_id, recipient, chunk",
    "early": "SELECT * FROM early_reports ORDER BY campaign_id, chunk, attempt, part, recipient",
    "later": "SELECT * FROM later_attempts ORDER BY campaign_id, recipient, chunk",
    "batches": "SELECT * FROM live.batches ORDER BY campaign_id, chunk, attempt, part",
    "members": "SELECT chunk, sum(members), sum(settled), sum(queued), sum(dispatched) FROM batches GROUP BY 1 ORDER BY 1",
    "counts": "SELECT * FROM campaign_counts WHERE messages <> 0 ORDER BY 1, 2, 3, 4",
    "history": "SELECT * FROM history ORDER BY 1, 2, 3",
}
UNNOTED = """
SELECT DISTINCT campaign_id, chunk FROM messages
EXCEPT (SELECT campaign_id, chunk FROM batches UNION SELECT campaign_id, chunk FROM history)
"""


async def _made(store: Store, parts: Sequence[Sequence[AnyEvent]], way: tuple[int, int, int]) -> dict[str, list[Any]]:
    """The tables after these transactions."""
    applied = Applied(store)
    await applied.reset()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(messages, "WORTH_ASKING", way[0])
        patch.setattr(messages, "FEW", way[1])
        patch.setattr(history, "MUCH", way[2])
        for part in parts:
            await applied.apply(part)
            assert await applied.rows(UNNOTED) == []
            assert await applied.pairs(COUNTS) == await applied.pairs(RECOUNT)
    return {name: [tuple(row) for row in await applied.rows(sql)] for name, sql in TABLES.items()}


@given(events=campaign_events(), cuts=st.lists(st.integers(1, 30), min_size=1, max_size=4))
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
async def test_copied_or_merged_the_tables_are_the_same(store: Store, events: list[AnyEvent], cuts: list[int]) -> None:
    """Whatever is new in a transaction, and whatever was there before; and no message is there that is not noted."""
    sizes, rest, parts = itertools.cycle(cuts), list(events), []
    while rest:
        size = next(sizes)
        parts.append(rest[:size])
        rest = rest[size:]
    made = {name: await _made(store, parts, way) for name, way in WAYS.items()}
    assert made["copied"] == made["merged, few"]
    assert made["merged, many"] == made["merged, few"]


async def test_what_is_new_is_copied_and_nothing_else(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """Merging it gives the same rows and costs twice as much, so no other test would see it."""
    merged: list[set[int]] = []
    merge = messages._merge

    async def noted(connection: Connection, facts: messages.Facts, rows: Sequence[bytes]) -> list[messages.Moved]:
        merged.append({number for _, number in facts})
        return await merge(connection, facts, rows)

    monkeypatch.setattr(messages, "_merge", noted)
    first, second = requests()
    await _made(store, [[first, _report(CHUNKS[0][0])], [second, _report(CHUNKS[0][1])]], WAYS["copied"])
    assert merged == [set(), {0}]


async def test_a_chunk_of_which_only_a_report_is_known_is_merged_beside_one_that_is_new(store: Store) -> None:
    """In one transaction: its row is changed and begins to count, the other chunk's rows are copied."""
    early, *asked = _report(CHUNKS[0][0]), *requests()
    made = await _made(store, [[early], asked], WAYS["copied"])
    assert len(made["messages"]) == sum(map(len, CHUNKS))
    applied = Applied(store)
    assert await applied.pairs(COUNTS) == {"delivered": 1, "pending": len(made["messages"]) - 1}


def _report(recipient: str) -> DeliveryReported:
    return DeliveryReported(
        event_id=derived_id("early"), occurred_at=MOMENTS[0], campaign_id=CAMPAIGN, chunk=0, attempt=1, batch_id="b",
        recipient=recipient, status="Delivered", code=0, client_reference=f"{CAMPAIGN}.0.1",
    )  # fmt: skip


@pytest.mark.parametrize("way", WAYS.values(), ids=WAYS)
@pytest.mark.parametrize(
    "more", [{"recipient": "15\t55"}, {"recipient": "15\n55"}, {"status": "a\0b"}, {"part": "a\0b"}]
)
async def test_a_character_where_none_may_be_is_refused(
    store: Store, more: dict[str, str], way: tuple[int, int, int]
) -> None:
    """A separator would shift the columns after it; of none PostgreSQL takes a NUL."""
    report = msgspec.structs.replace(_report(CHUNKS[0][0]), **more)
    with pytest.raises(BadRecord):
        await _made(store, [[*requests(), report]], way)


@pytest.mark.parametrize("part", ["a\tb", "a\nb", "a\\b"])
@pytest.mark.parametrize("way", WAYS.values(), ids=WAYS)
async def test_a_part_of_any_characters_counts_once_it_is_made(
    store: Store, part: str, way: tuple[int, int, int]
) -> None:
    """Whether the report comes before the word that the part was offered, with it, or after it."""
    report = msgspec.structs.replace(_report(CHUNKS[0][0]), part=part)
    place: dict[str, Any] = {"occurred_at": MOMENTS[0], "campaign_id": CAMPAIGN, "chunk": 0, "attempt": 1, "part": part}
    made = BatchAccepted(event_id=derived_id("taken"), batch_id="b", client_reference="r", **place)
    orders: list[list[list[AnyEvent]]] = [
        [[*requests(), report], [made]],
        [[*requests(), made, report]],
        [[*requests(), made], [report]],
    ]
    for parts in orders:
        (row, *_) = (await _made(store, parts, way))["messages"]
        assert (part, "delivered") in itertools.pairwise(row)
