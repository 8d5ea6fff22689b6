"""Three sides held against each other: the log, the tables made of it, and what Sinch says of its batches.

The log is folded again, a partition at a time, with the same code in memory; the tables are read up to the same
offsets; Sinch is asked batch by batch. Each difference is one finding that says what it means.
"""

from collections.abc import AsyncIterator, Iterator, Mapping
from dataclasses import dataclass

from contracts import topics
from contracts.events import UnreadableEventError, encode, sound
from contracts.identity import Reference
from contracts.pulls import pulled
from contracts.statuses import standing_of
from infra.kafka.log import Entry, KafkaConnection, Partition, Scanner
from infra.postgres.pool import Connection
from infra.sinch.client import SinchClient
from infra.sinch.outcomes import SinchError
from infra.sinch.wire.callbacks import BatchReport
from services.projector.fold import Changes
from services.projector.parking import Decisions

CHUNK_TOPICS = (topics.CAMPAIGN_REQUESTS, topics.DISPATCHES, topics.DELIVERY_REPORTS)

ROWS = """
SELECT campaign_id::text, chunk, recipient::text, attempt, part, rank, status, requested FROM build_{0}.messages
WHERE (campaign_id, chunk) IN (SELECT * FROM unnest($1::uuid[], $2::integer[]))
"""

BATCHES = """
SELECT campaign_id::text, chunk, attempt, part, batch_id, attempted_at FROM live.batches
WHERE batch_id IS NOT NULL AND ($1::uuid IS NULL OR campaign_id = $1) ORDER BY campaign_id, chunk, attempt, part
"""

MESSAGES = """
SELECT recipient::text, status, final FROM live.messages
WHERE campaign_id = $1 AND chunk = $2 AND attempt = $3 AND part = $4
"""


@dataclass(frozen=True, slots=True)
class Finding:
    """One difference. `kind` groups; `recipient` is empty where it is about a whole batch."""

    kind: str
    reference: str
    recipient: str
    words: str
    repair: tuple[Entry, ...] = ()


async def log_against_tables(
    connection: Connection, kafka: KafkaConnection, build: int, campaign: str | None
) -> AsyncIterator[Finding]:
    """Fold the log again up to the tables' offsets and compare every message, of one campaign or of all."""
    rows = await connection.fetch(f"SELECT topic, partition, next_offset FROM build_{int(build)}.projector_offsets")
    ends = {Partition(row[0], row[1]): row[2] for row in rows if row[0] in CHUNK_TOPICS}
    dropped = (await Decisions.load(kafka)).dropped
    for number in sorted({p.partition for p in ends}):
        changes = Changes()
        wanted = {p: end for p, end in ends.items() if p.partition == number and end}
        if not wanted:
            continue
        async with Scanner(kafka) as scanner:
            async for batch in scanner.read(dict.fromkeys(wanted, 0), wanted):
                for p, records in batch.items():
                    for record in records:
                        if (*p, record.offset) not in dropped:
                            _take(changes, record.value, number, campaign)
        for _ in changes.join_later():
            pass
        for finding in await _against_rows(connection, build, changes):
            yield finding


def _take(changes: Changes, value: bytes | None, partition: int, campaign: str | None) -> None:
    try:
        event = sound(value)
    except UnreadableEventError:
        return  # parked: `heliograph parked list` tells of it
    if campaign is None or getattr(event, "campaign_id", None) == campaign:
        changes.take(event, partition)
        chunk = changes.messages.get((getattr(event, "campaign_id", None) or "", getattr(event, "chunk", None) or 0))
        if chunk is not None:
            chunk.history.clear()  # not compared, and larger than all else


async def _against_rows(connection: Connection, build: int, changes: Changes) -> list[Finding]:
    chunks = list(changes.partition_of)
    rows = await connection.fetch(ROWS.format(int(build)), [c for c, _ in chunks], [n for _, n in chunks])
    tables = {(r[0], r[1], r[2]): (r[3], r[4], r[5], r[6], r[7]) for r in rows}
    log = {
        (*chunk, recipient): (*height[1:], words.status, recipient in facts.requested)
        for chunk, facts in changes.messages.items()
        for recipient, (height, _, words) in facts.greatest.items()
    }
    return [
        Finding(
            "log and tables differ",
            f"{key[0]}.{key[1]}",
            key[2],
            f"the log says {_say(log.get(key))}, the tables say {_say(tables.get(key))}: rebuild the tables",
        )
        for key in sorted(log.keys() | tables.keys())
        if log.get(key) != tables.get(key)
    ]


def _say(row: tuple[int, str, int, str, bool] | None) -> str:
    if row is None:
        return "nothing"
    return f"{row[3] or 'nothing of its own'} in attempt {row[0]}{row[1] and '.' + row[1]}"


async def tables_against_sinch(
    connection: Connection, client: SinchClient, campaign: str | None, now: str
) -> AsyncIterator[Finding]:
    """Ask Sinch for the report of every batch that it accepted, of one campaign or of all."""
    for row in await connection.fetch(BATCHES, campaign):
        reference = Reference(row["campaign_id"], row["chunk"], row["attempt"], row["part"])
        try:
            report = await client.batch_report(row["batch_id"], full=True)
        except SinchError as error:
            yield Finding("Sinch did not answer", str(reference), "", f"nothing can be said of this batch: {error}")
            continue
        if report is None:
            words = "Sinch does not know the batch: it keeps batches for 14 days"
            yield Finding("unknown at Sinch", str(reference), "", words)
            continue
        messages = await connection.fetch(MESSAGES, *_place(reference))
        shown = {m[0]: (m[1], m[2]) for m in messages}
        for finding in against_report(reference, report, shown, now):
            yield finding


def _place(reference: Reference) -> tuple[str, int, int, str]:
    return reference.campaign_id, reference.chunk, reference.attempt, reference.part


def against_report(
    reference: Reference, report: BatchReport, shown: Mapping[str, tuple[str, bool]], now: str
) -> Iterator[Finding]:
    """Compare one batch's report with what the tables show of its messages: recipient → (status, final)."""
    told = set()
    for line in report.statuses:
        theirs = standing_of(line.status)
        for recipient in line.recipients or ():
            told.add(recipient)
            ours = shown.get(recipient)
            if ours is None or ours[0] == theirs.status:
                continue  # it has moved to a later attempt, or both agree
            event = pulled(report.batch_id, reference, recipient, (line.status, line.code), now)
            repair = (Entry(topics.DELIVERY_REPORTS, reference.key, encode(event)),)
            if theirs.final and not ours[1]:
                words = f"Sinch says {line.status}, the tables {ours[0]}: its report never came (--repair fetches it)"
                yield Finding("missing report", str(reference), recipient, words, repair)
            elif theirs.final:
                words = f"Sinch says {line.status}, the tables {ours[0]}: reports contradict each other (`explain` shows them)"
                yield Finding("another end", str(reference), recipient, words)
            elif ours[1]:
                words = f"Sinch still says {line.status}, the tables {ours[0]}: its list is behind its callbacks"
                yield Finding("Sinch is behind", str(reference), recipient, words)
    if report.is_full:
        for recipient in sorted(shown.keys() - told):
            if not shown[recipient][1]:
                words = "the tables have it in this batch, Sinch's report does not name it"
                yield Finding("not in the batch", str(reference), recipient, words)
