"""What the ledger knows and the log does not, as events: a log that was restored from an older copy is told again."""

from collections import defaultdict
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

import asyncpg
import msgspec

from contracts import events as e
from contracts import topics
from contracts.events import encode
from contracts.identity import chunk_key, derived_id, pseudonym
from infra.kafka.log import Entry
from infra.postgres.pool import Connection
from infra.process.world import iso
from services.dispatcher.from_log.facts import ChunkKey
from services.dispatcher.keys import reference_of
from services.dispatcher.restoring import saying
from services.dispatcher.restoring.chunk import Chunk, Failed, Row, missing
from services.dispatcher.restoring.known import Known

MOST_CHUNKS = 200
"""At a time: their requests are in memory, at most 512 KB each."""
ACTOR = "restore"

CAMPAIGNS = """
SELECT campaign_id::text, paused, cancelled, cancelled_by, decision, decided_by::text,
       CASE WHEN isfinite(decided_at) THEN to_char(decided_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"') END AS decided_at
FROM dispatch.campaigns WHERE decided_by IS NOT NULL OR cancelled ORDER BY campaign_id
"""
CHUNKS = """
SELECT campaign_id::text, chunk, request FROM dispatch.chunks WHERE (campaign_id, chunk) > ($1::text::uuid, $2)
ORDER BY campaign_id, chunk LIMIT $3
"""
ROWS = """
SELECT b.campaign_id::text, b.chunk, b.attempt, b.part, b.state, b.reason, b.claims, b.follows, b.recipients, b.attempted_at,
       b.accepted_at, b.batch_id, c.cancelled_by
FROM dispatch.batches b JOIN dispatch.campaigns c USING (campaign_id)
WHERE (b.campaign_id, b.chunk) > ($1::text::uuid, $2) AND (b.campaign_id, b.chunk) <= ($3::text::uuid, $4)
ORDER BY b.campaign_id, b.chunk, b.attempt, b.part
"""
FAILURES = """
SELECT campaign_id::text, chunk, recipient, attempt, done,
       to_char(due_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"') AS due_at
FROM dispatch.follow_ups WHERE campaign_id = ANY ($5::text[]::uuid[]) AND (campaign_id, chunk) > ($1::text::uuid, $2) AND (campaign_id, chunk) <= ($3::text::uuid, $4)
ORDER BY campaign_id, chunk, attempt, recipient
"""
CONSENT = """
SELECT recipient::text, opted_out, confirmable::text,
       CASE WHEN isfinite(decided_at) THEN to_char(decided_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"') END AS decided_at
FROM dispatch.consent ORDER BY recipient
"""
FIRST = "00000000-0000-0000-0000-000000000000"


class _Request(msgspec.Struct):
    """Of CampaignRequested, what is needed here."""

    recipients: list[str]
    confirms: str | None = None


async def lacking(connection: Connection, known: Known, privacy_key: str, now: datetime) -> AsyncIterator[list[Entry]]:
    """In portions, in the order in which it may be appended: consent, decisions, then each chunk with its offers."""
    opted_out, said = await _consent(connection, known, privacy_key, now)
    yield said
    yield [entry for row in await connection.fetch(CAMPAIGNS) for entry in _decided(row, known)]
    after: ChunkKey = (FIRST, -1)
    while chunks := await connection.fetch(CHUNKS, *after, MOST_CHUNKS):
        last = chunks[-1]["campaign_id"], chunks[-1]["chunk"]
        rows = await connection.fetch(ROWS, *after, *last)
        failures = await connection.fetch(FAILURES, *after, *last, list({row["campaign_id"] for row in chunks}))
        known_here = _Told(known, opted_out, now)
        yield _of_chunks(chunks, _by_chunk(rows), _by_chunk(failures), known_here)
        after = last


async def _consent(
    connection: Connection, known: Known, privacy_key: str, now: datetime
) -> tuple[set[str], list[Entry]]:
    """Who opted out, and what the log does not say of that."""
    opted_out, said = set[str](), list[Entry]()
    for row in await connection.fetch(CONSENT):
        number, out, at = row["recipient"], row["opted_out"], row["decided_at"]
        if out:
            opted_out.add(number)
        log = known.consent.get(number)
        if at is not None and (log is None or (log.decided_at, log.opted_out) < (at, out)):
            event = (e.RecipientOptedOut if out else e.RecipientOptedIn)(
                event_id=row["confirmable"] or derived_id("restored consent", number, at, int(out)),
                occurred_at=iso(now), recipient=number, received_at=at, source="reply" if row["confirmable"] else "api",
                actor=ACTOR,
            )  # fmt: skip
            said.append(Entry(topics.CONSENT, pseudonym(number, privacy_key), encode(event)))
    return opted_out, said


def _decided(row: asyncpg.Record, known: Known) -> list[Entry]:
    """The last decision about a campaign, and that it was cancelled, where the log does not say so."""
    campaign_id, at = row["campaign_id"], row["decided_at"] or "1970-01-01T00:00:00.000Z"
    said = list[e.ControlEvent]()
    word = row["decision"], at, row["decided_by"] or ""
    if row["cancelled"] and campaign_id not in known.cancelled:
        said.append(e.CampaignCancelled(
            event_id=derived_id("restored cancel", campaign_id), occurred_at=at, campaign_id=campaign_id,
            actor=row["cancelled_by"], reason=saying.WHY, decision=row["decision"],
        ))  # fmt: skip
    elif not row["cancelled"] and known.decisions.get(campaign_id, (-1, "", "")) < word:
        said.append((e.CampaignPaused if row["paused"] else e.CampaignResumed)(
            event_id=row["decided_by"], occurred_at=at, campaign_id=campaign_id, actor=ACTOR, reason=saying.WHY,
            decision=row["decision"],
        ))  # fmt: skip
    return [Entry(topics.CAMPAIGN_CONTROL, campaign_id, encode(event)) for event in said]


@dataclass(frozen=True, slots=True)
class _Told:
    """What the log says, and who opted out, at this moment."""

    known: Known
    opted_out: set[str]
    now: datetime


def _of_chunks(
    chunks: Sequence[asyncpg.Record],
    offered: Mapping[ChunkKey, list[asyncpg.Record]],
    failed: Mapping[ChunkKey, list[asyncpg.Record]],
    told: _Told,
) -> list[Entry]:
    entries = list[Entry]()
    for chunk in chunks:
        key = chunk["campaign_id"], chunk["chunk"]
        if key not in told.known.chunks:
            entries.append(Entry(topics.CAMPAIGN_REQUESTS, chunk_key(*key), chunk["request"]))
        if rows := offered.get(key):
            request = msgspec.json.decode(chunk["request"], type=_Request)
            whole = Chunk(
                request.recipients,
                [_row(row, request.recipients, told.now) for row in rows],
                [Failed(row["recipient"], row["attempt"], row["due_at"], row["done"]) for row in failed.get(key, ())],
                request.confirms,
                rows[0]["cancelled_by"],
            )
            entries += missing(whole, told.known, told.opted_out, ACTOR, told.now)
    return entries


def _by_chunk(rows: Sequence[asyncpg.Record]) -> Mapping[ChunkKey, list[asyncpg.Record]]:
    found: defaultdict[ChunkKey, list[asyncpg.Record]] = defaultdict(list)
    for row in rows:
        found[row["campaign_id"], row["chunk"]].append(row)
    return found


def _row(row: asyncpg.Record, everyone: list[str], now: datetime) -> Row:
    recipients = everyone if row["recipients"] is None else row["recipients"]
    return Row(
        reference_of(row), row["state"], row["reason"], row["claims"], row["follows"], recipients,
        row["attempted_at"] or now, row["accepted_at"], row["batch_id"],
    )  # fmt: skip
