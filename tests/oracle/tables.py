"""The tables and the ledger, held against the log: every message final, equal to its facts and counted; nothing left open."""

from collections import Counter, defaultdict
from collections.abc import Sequence

import asyncpg

from contracts import events as e
from tests.oracle.reference import Message, Shown, campaign_end, statuses
from tests.oracle.verdicts import Faults

MESSAGES = "SELECT campaign_id::text, chunk, recipient::text, attempt, status, final FROM live.messages"
COUNTS = "SELECT campaign_id::text, status, sum(messages)::int FROM live.campaign_counts GROUP BY 1, 2"
CAMPAIGNS = "SELECT campaign_id::text, status, requested::int FROM live.campaigns"
OPEN = """
SELECT campaign_id || '.' || chunk || '.' || attempt || '.' || part || ' ' || state FROM dispatch.batches
WHERE state IN ('due', 'attempting', 'in_doubt')
"""
FOLLOW_UPS = "SELECT campaign_id || ' ' || recipient || ' after ' || attempt FROM dispatch.follow_ups WHERE NOT done"
BEING_CANCELLED = "SELECT campaign_id::text FROM dispatch.campaigns WHERE cancelled AND NOT cancel_done AND chunks > 0"
ORPHANS = "SELECT event_id::text FROM dispatch.orphans"
INCIDENTS = "SELECT kind || ' ' || campaign_id || ' ' || recipient FROM live.incidents"
PARKED = "SELECT topic || '/' || partition || '/' || record_offset || ' ' || reason FROM live.parked"


async def judge_tables(connection: asyncpg.Connection, events: Sequence[e.AnyEvent], faults: Faults) -> None:
    """Schema `live`, which has folded all these events."""
    expected = statuses(events)
    rows = await connection.fetch(MESSAGES)
    got = {(row[0], row[1], row[2]): Shown(row[3], row[4], row[5]) for row in rows}
    _judge_messages(got, expected, faults)
    told = {(row[0], row[1]): row[2] for row in await connection.fetch(COUNTS) if row[2]}
    recount = Counter((campaign, one.status) for (campaign, _, _), one in got.items())
    faults.require(told == recount, "counts", f"{told} are told, {dict(recount)} are there")
    await _judge_campaigns(connection, events, expected, faults)
    for kind, sql in (("incident", INCIDENTS), ("parked", PARKED)):
        for row in await connection.fetch(sql):
            faults.add(kind, row[0])


def _judge_messages(got: dict[Message, Shown], expected: dict[Message, Shown], faults: Faults) -> None:
    for message in got.keys() | expected.keys():
        row, wanted = got.get(message), expected.get(message)
        faults.require(row == wanted, "row", f"{message} is {row}, its facts say {wanted}")
        faults.require(row is None or row.final, "not final", f"{message} is {row}")


async def _judge_campaigns(
    connection: asyncpg.Connection, events: Sequence[e.AnyEvent], expected: dict[Message, Shown], faults: Faults
) -> None:
    messages: defaultdict[str, list[Shown]] = defaultdict(list)
    for (campaign, _, _), one in expected.items():
        messages[campaign].append(one)
    cancelled = {event.campaign_id for event in events if isinstance(event, e.CampaignCancelled)}
    got = {row[0]: (row[1], row[2]) for row in await connection.fetch(CAMPAIGNS)}
    for campaign, shown in messages.items():
        end = campaign_end(shown, cancelled=campaign in cancelled), len(shown)
        faults.require(got.get(campaign) == end, "campaign", f"{campaign} is {got.get(campaign)} and not {end}")
    faults.require(got.keys() == messages.keys(), "campaign", f"{got.keys() ^ messages.keys()} are too many or few")


async def judge_ledger(connection: asyncpg.Connection, faults: Faults) -> None:
    """Schema `dispatch`: nothing is left to do."""
    for kind, sql in (("open", OPEN), ("follow-up open", FOLLOW_UPS), ("cancel open", BEING_CANCELLED),
                      ("orphan", ORPHANS)):  # fmt: skip
        for row in await connection.fetch(sql):
            faults.add(kind, row[0])
