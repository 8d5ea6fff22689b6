"""Two builds compared, row by row and column by column, while both go on.

Both are looked at in one snapshot. They stand at different offsets there, so a difference is only one when no record
between the two offsets is about that row: the log itself says which are. Such rows are looked at again.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from asyncpg import Record

from contracts import events as e
from contracts.events import UnreadableEventError, decode
from infra.kafka.log import KafkaConnection, Partition, Scanner
from infra.postgres.pool import Connection
from services.projector.builds import Build, listed
from services.projector.projections.later.facts import is_later

MOST_DIFFERENCES = 10_000
"""Rows of one table that are looked at one by one; with more, the count is exact and the rest is left out."""


@dataclass(frozen=True, slots=True)
class Compared:
    """One table: its key, its other columns, and which rows say something.

    A count of 0 and an offer that nobody is in are left behind by messages that passed through, or not made at all when
    their facts came together: they say the same as no row. `since`: the version that brought the table, and `newer` the
    versions that brought single columns; with an older build they are left out.
    """

    name: str
    key: tuple[str, ...]
    columns: tuple[str, ...]
    says_something: str = "true"
    since: int = 1
    newer: Mapping[str, int] = field(default_factory=dict)

    def between(self, version: int) -> "Compared":
        """What can be compared of it when the older of two builds is of this version."""
        return replace(self, columns=tuple(c for c in self.columns if self.newer.get(c, 1) <= version))


TABLES = (
    Compared("messages", ("campaign_id", "recipient", "chunk"),
             ("reported_at", "code", "attempt", "scheduled", "given_up", "rank", "parts", "requested", "retries", "retriable",
              "heard", "part", "status", "provider_status", "batch_id"), newer={"heard": 3}),
    Compared("batches", ("campaign_id", "chunk", "attempt", "part"),
             ("requested", "rank", "status", "status_at", "reason", "batch_id", "recipients", "attempted_at",
              "accepted_at", "members", "queued", "dispatched", "unrecognised", "settled"),
             "requested OR rank > 0 OR members > 0 OR recipients > 0 OR batch_id <> ''"),
    Compared("campaigns", ("campaign_id", "partition"),
             ("name", "body", "sender", "scheduled_at", "requested_at", "chunks", "chunks_seen")),
    Compared("campaign_counts", ("campaign_id", "partition", "status", "awaiting"), ("messages",), "messages <> 0"),
    Compared("campaign_control", ("campaign_id",), ("cancelled", "paused", "reason", "decision", "decided_at", "event_id")),
    Compared("recipients", ("phone",), ("is_opted_out", "decided_at", "source", "suspected_at", "dismissed_at")),
    Compared("doubtful_replies", ("inbound_id",), ("phone", "received_at", "words")),
    Compared("replies", ("inbound_id",), ("sender", "originator", "kind", "body", "keyword", "received_at")),
    Compared("orphan_reports", ("event_id",), ("batch_id", "recipient", "status", "code", "seen", "settled")),
    Compared("early_reports", ("campaign_id", "recipient", "chunk", "attempt", "part"),
             ("rank", "parts", "code", "reported_at", "status", "provider_status", "batch_id"), since=3),
    Compared("later_attempts", ("campaign_id", "recipient", "chunk"), ("heard", "followed"), since=3),
    Compared("parked", ("topic", "partition", "record_offset"), ("state", "reason", "actor", "decision")),
)  # fmt: skip

HISTORY = """
SELECT campaign_id::text, count(DISTINCT hashtextextended(line, 0)), sum(DISTINCT hashtextextended(line, 0)::numeric)::text
FROM {0}.history CROSS JOIN LATERAL unnest(string_to_array(lines, E'\\x1e')) AS line GROUP BY campaign_id
"""
HISTORY_BETWEEN_VERSIONS = """
SELECT campaign_id::text, count(DISTINCT line), sum(DISTINCT line)::text
FROM {0}.message_events CROSS JOIN LATERAL (SELECT hashtextextended(
    ROW(recipient, event_id, occurred_at, logged_at, code, attempt, rank, part, type, status, detail)::text, 0
)::numeric AS line) h GROUP BY campaign_id
"""
"""The histories are equal as sets; one sum a campaign tells. Not as multisets: a record that was parked and retried is
folded once by the build that parked it, and by a newer one in its place and once more when the retry comes."""


@dataclass(frozen=True, slots=True)
class Difference:
    """One row that the builds do not agree about: `left` and `right` hold the columns that differ, None: no such row."""

    table: str
    key: dict[str, Any]
    left: dict[str, Any] | None
    right: dict[str, Any] | None
    event: str = ""


@dataclass(slots=True)
class Diff:
    """What was found. `rows` and `differing` are counts by table; `moving` rows were touched by records in between."""

    left: int
    right: int
    rows: dict[str, tuple[int, int]] = field(default_factory=dict)
    differing: dict[str, int] = field(default_factory=dict)
    columns: dict[str, dict[str, int]] = field(default_factory=dict)
    moving: dict[str, int] = field(default_factory=dict)
    samples: list[Difference] = field(default_factory=list)

    @property
    def equal(self) -> bool:
        """Whether no row differs."""
        return not any(self.differing.values())


@dataclass(slots=True)
class Touched:
    """What the records between two offsets are about."""

    campaigns: set[str] = field(default_factory=set)
    messages: set[tuple[str, str]] = field(default_factory=set)
    chunks: set[tuple[str, int]] = field(default_factory=set)
    made: set[tuple[str, int]] = field(default_factory=set)
    """Chunks of which a later offer may have been made: what was reported under it before begins to count."""
    others: bool = False

    def take(self, event: e.AnyEvent) -> None:
        """One record that only one of the builds has folded."""
        campaign_id, chunk = getattr(event, "campaign_id", None), getattr(event, "chunk", None)
        if campaign_id is None:
            self.others = True
            return
        self.campaigns.add(campaign_id)
        if chunk is not None:
            self.chunks.add((campaign_id, chunk))
            if isinstance(event, e.SendAttempted | e.BatchAccepted | e.DoubtSettled) and is_later(
                event.attempt, event.part
            ):
                self.made.add((campaign_id, chunk))
        numbers = [event.recipient] if isinstance(event, e.DeliveryReported) else getattr(event, "recipients", ())
        self.messages.update((campaign_id, number) for number in numbers)

    def explains(self, table: Compared, key: Mapping[str, Any]) -> bool:
        """Whether one of the records is about this row."""
        campaign_id = str(key.get("campaign_id"))
        match table.name:
            case "messages" | "early_reports" | "later_attempts":
                told = (campaign_id, str(key["recipient"])) in self.messages
                return told or (campaign_id, key["chunk"]) in self.made
            case "batches":
                return (campaign_id, key["chunk"]) in self.chunks
            case "campaigns" | "campaign_counts" | "campaign_control" | "message_events":
                return campaign_id in self.campaigns
            case _:
                return self.others


def _source(table: Compared, build: Build) -> str:
    """The rows of one build that say something, in the form of the present version."""
    rows = f"SELECT * FROM build_{build.number}.{table.name} WHERE {table.says_something}"
    if build.version == 1 and table.name == "messages":
        columns = ", ".join(c for c in (*table.key, *table.columns) if c != "reported_at")
        rows = f"SELECT {columns}, live.iso(nullif(reported_at, '-infinity')) AS reported_at FROM build_{build.number}.messages"
    return f"({rows})"


def _sql(table: Compared, left: Build, right: Build) -> str:
    names, columns = ", ".join(table.key), (*table.key, *table.columns)
    both = [", ".join(f"{side}.{column}" for column in columns) for side in ("a", "b")]
    picked = ", ".join(f"{s}.{c} AS {s}_{c}" for s in ("a", "b") for c in columns)
    return f"""
        SELECT {picked}, count(*) OVER () AS differing
        FROM {_source(table, left)} a FULL JOIN {_source(table, right)} b USING ({names})
        WHERE ROW({both[0]}) IS DISTINCT FROM ROW({both[1]}) LIMIT {MOST_DIFFERENCES}
    """


async def compare(connection: Connection, kafka: KafkaConnection, left: int, right: int, samples: int = 20) -> Diff:
    """Compare all tables of two builds, in one snapshot, and explain the differences."""
    diff, found = Diff(left, right), dict[str, list[Difference]]()
    async with connection.transaction(isolation="repeatable_read", readonly=True):
        await connection.execute("SET LOCAL work_mem = '256MB'")
        offsets = [await _offsets(connection, build) for build in (left, right)]
        oldest = min(b.version for b in await listed(connection) if b.number in (left, right))
        tables = [table.between(oldest) for table in TABLES if table.since <= oldest]
        for table in tables:
            found[table.name] = await _differences(connection, table, diff)
        found["message_events"] = await _history(connection, diff)
        touched = await _between(kafka, *offsets)
        for table in (*tables, Compared("message_events", ("campaign_id",), ())):
            real = _real(table, found[table.name], touched, diff)
            for difference in real[: max(0, samples - len(diff.samples))]:
                diff.samples.append(await _explained(connection, diff, difference))
    return diff


async def _offsets(connection: Connection, build: int) -> dict[Partition, int]:
    rows = await connection.fetch(f"SELECT topic, partition, next_offset FROM build_{int(build)}.projector_offsets")
    return {Partition(row[0], row[1]): row[2] for row in rows}


async def _differences(connection: Connection, table: Compared, diff: Diff) -> list[Difference]:
    known = {build.number: build for build in await listed(connection)}
    rows = await connection.fetch(_sql(table, known[diff.left], known[diff.right]))
    counted = [
        int(await connection.fetchval(f"SELECT count(*) FROM build_{build}.{table.name} WHERE {table.says_something}"))
        for build in (diff.left, diff.right)
    ]
    diff.rows[table.name] = (counted[0], counted[1])
    diff.differing[table.name] = rows[0]["differing"] if rows else 0
    return [_difference(table, row) for row in rows]


def _difference(table: Compared, row: Record) -> Difference:
    sides: list[dict[str, Any] | None] = [
        None if row[f"{side}_{table.key[0]}"] is None else {c: row[f"{side}_{c}"] for c in table.columns}
        for side in ("a", "b")
    ]
    there = "b" if sides[0] is None else "a"
    if sides[0] is not None and sides[1] is not None:
        differing = [column for column in table.columns if sides[0][column] != sides[1][column]]
        sides = [{c: side[c] for c in differing} for side in sides if side is not None]
    return Difference(table.name, {c: row[f"{there}_{c}"] for c in table.key}, sides[0], sides[1])


async def _history(connection: Connection, diff: Diff) -> list[Difference]:
    sides: list[dict[str, tuple[int, str]]] = []
    versions = {build.number: build.version for build in await listed(connection)}
    sql = HISTORY if versions[diff.left] == versions[diff.right] else HISTORY_BETWEEN_VERSIONS
    for build in (diff.left, diff.right):
        rows = await connection.fetch(sql.format(f"build_{int(build)}"))
        sides.append({row[0]: (row[1], row[2]) for row in rows})
    left, right = sides
    diff.rows["message_events"] = (sum(n for n, _ in left.values()), sum(n for n, _ in right.values()))
    found = [
        Difference("message_events", {"campaign_id": c}, _counted(left.get(c)), _counted(right.get(c)))
        for c in sorted(left.keys() | right.keys())
        if left.get(c) != right.get(c)
    ]
    diff.differing["message_events"] = len(found)
    return found


def _counted(side: tuple[int, str] | None) -> dict[str, Any] | None:
    return None if side is None else {"events": side[0], "sum": side[1]}


async def _between(kafka: KafkaConnection, left: Mapping[Partition, int], right: Mapping[Partition, int]) -> Touched:
    """What the records are about that one build has folded and the other has not."""
    touched = Touched()
    ends = {p: max(left.get(p, 0), right.get(p, 0)) for p in left.keys() | right.keys()}
    starts = {p: min(left.get(p, 0), right.get(p, 0)) for p in ends}
    open_ones = {p: start for p, start in starts.items() if start < ends[p]}
    if open_ones:
        async with Scanner(kafka) as scanner:
            async for batch in scanner.read(open_ones, {p: ends[p] for p in open_ones}):
                for record in (record for records in batch.values() for record in records):
                    try:
                        touched.take(decode(record.value))
                    except UnreadableEventError:
                        continue
    return touched


def _real(table: Compared, found: Sequence[Difference], touched: Touched, diff: Diff) -> list[Difference]:
    """The differences that no record in between explains; counted, and the others as moving."""
    real = [d for d in found if not touched.explains(table, d.key)]
    diff.moving[table.name] = len(found) - len(real)
    diff.differing[table.name] -= len(found) - len(real)
    columns = diff.columns.setdefault(table.name, {})
    for d in real:
        for column in d.left if d.left is not None and d.right is not None else ("(no such row)",):
            columns[column] = columns.get(column, 0) + 1
    return real


EVENT = """
SELECT type || ' ' || status || ' of attempt ' || attempt || ' (' || event_id || ', ' || live.iso(occurred_at) || ')'
FROM build_{0}.message_events e WHERE campaign_id = $1 AND recipient = $2
  AND (type <> 'DeliveryReported' OR (attempt = 1 AND part = '') OR EXISTS (
      SELECT FROM build_{0}.batches b WHERE b.campaign_id = e.campaign_id AND b.chunk = e.chunk AND b.attempt = e.attempt
         AND b.part = e.part AND (b.attempted_at IS NOT NULL OR b.accepted_at IS NOT NULL)))
ORDER BY rank = 10 DESC, attempt DESC, part DESC, rank DESC, occurred_at DESC LIMIT 1
"""


async def _explained(connection: Connection, diff: Diff, difference: Difference) -> Difference:
    """The difference of a message with the event by which each build made its row."""
    key = difference.key
    if difference.table != "messages":
        return difference
    said: Collection[str] = [
        f"build {build}: {await connection.fetchval(EVENT.format(int(build)), key['campaign_id'], key['recipient']) or 'its request'}"
        for build in (diff.left, diff.right)
    ]
    return Difference(difference.table, key, difference.left, difference.right, "; ".join(said))
