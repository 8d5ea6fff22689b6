"""The tables as a reader sees them, held against the reference."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import asyncpg

from contracts import topics
from infra.kafka.log import KafkaConnection, scan
from tests.integration.projector import reference, reference_tables
from tests.integration.projector.traffic import Said

MESSAGES = "SELECT campaign_id::text, chunk, recipient::text, attempt, status, final FROM live.messages"
COUNTS = "SELECT campaign_id::text, status, sum(messages)::int FROM live.campaign_counts GROUP BY 1, 2"
HISTORY = "SELECT campaign_id::text, recipient, event_id::text FROM live.message_events"
BATCHES = """
SELECT campaign_id::text, chunk, attempt, part, status, batch_id, recipients FROM live.batches
WHERE status <> 'pending' OR recipients > 0
"""
"""Offers that the log names as a whole; others are there because a message says that it is in them."""
CAMPAIGNS = "SELECT campaign_id::text, status, requested::int, chunks_seen FROM live.campaigns"
CONSENT = "SELECT phone, is_opted_out FROM live.recipients"
REPLIES = "SELECT inbound_id, sender, body FROM live.replies"
INCIDENTS = "SELECT campaign_id::text, recipient, first_attempt, second_attempt FROM live.incidents"
ORPHANS = "SELECT event_id::text FROM live.orphan_reports"

SAMPLES = 5


async def assert_is_reference(dsn: str, said: Sequence[Said]) -> None:
    """Every table is that of the reference fold of everything that was said."""
    events = [s.event for s in said]
    shown = reference.statuses(events)
    counts = Counter((campaign, one.status) for (campaign, _, _), one in shown.items())
    connection = await asyncpg.connect(dsn)
    try:
        _same("messages", _keyed(await connection.fetch(MESSAGES), 3), shown)
        _same("counts", _keyed(await connection.fetch(COUNTS), 2), {key: (n,) for key, n in counts.items()})
        _same("batches", _keyed(await connection.fetch(BATCHES), 4), reference_tables.batches(events))
        _same(
            "campaigns",
            _keyed(await connection.fetch(CAMPAIGNS), 1),
            _wrapped(reference_tables.campaigns(events, shown)),
        )
        consent = {(phone,): (is_out,) for phone, is_out in reference_tables.consent(events).items()}
        _same("consent", _keyed(await connection.fetch(CONSENT), 1), consent)
        for name, sql, expected in (
            ("history", HISTORY, reference_tables.history(events)),
            ("replies", REPLIES, reference_tables.replies(events)),
            ("incidents", INCIDENTS, reference_tables.incidents(events)),
            ("orphans", ORPHANS, {(one,) for one in reference_tables.orphans(events)}),
        ):
            rows = await connection.fetch(sql)
            _same(name, _keyed(rows, len(rows[0]) if rows else 0), dict.fromkeys(expected, ()))
        assert await connection.fetchval("SELECT count(*) FROM live.parked") == 0
    finally:
        await connection.close()


async def assert_nothing_is_parked(kafka: KafkaConnection) -> None:
    """No record was put aside: the log has no word about any."""
    words = [
        record.value async for some in scan(kafka, [topics.PROJECTION_CONTROL]) for r in some.values() for record in r
    ]
    assert words == []


def _keyed(rows: Sequence[asyncpg.Record], key: int) -> dict[tuple[Any, ...], tuple[Any, ...]]:
    """Rows by their first `key` columns; a key that is there twice is two rows too many."""
    found = {tuple(row[:key]): tuple(row[key:]) for row in rows}
    assert len(found) == len(rows), f"{len(rows) - len(found)} keys are there more than once"
    return found


def _wrapped(rows: Mapping[str, tuple[Any, ...]]) -> dict[tuple[Any, ...], tuple[Any, ...]]:
    return {(key,): row for key, row in rows.items()}


def _same(table: str, got: Mapping[Any, tuple[Any, ...]], expected: Mapping[Any, tuple[Any, ...]]) -> None:
    """Equal, or a failure with a few of the rows that differ (pytest's own diff of 200,000 rows takes minutes)."""
    differing = [key for key in got.keys() | expected.keys() if got.get(key) != expected.get(key)]
    samples = [f"{key}: {got.get(key)}, in the reference {expected.get(key)}" for key in differing[:SAMPLES]]
    assert not differing, f"{table}: {len(differing)} of {len(expected)} rows differ; " + "; ".join(samples)
