"""Table `batches`: one row an offer of a chunk, and how many of its messages have facts of their own.

Each column has its own join, so that order and repetition do not matter: `requested` or; the standing (rank, at,
status, reason) and `batch_id` and `recipients` maximum; `attempted_at` and `accepted_at` minimum. The counters are
not facts; they move with the messages in the same transaction.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from contracts.events import Dispatch
from contracts.statuses import OURS, REPORTED_RANK
from infra.postgres.pool import Connection
from infra.postgres.together import Statement

BUCKETS = ("queued", "dispatched", "unrecognised")
"""The statuses of single messages that a settled fact about their whole batch outranks."""


class BatchKey(NamedTuple):
    """Which offer: the chunk, its attempt (from 1) and part."""

    campaign_id: str
    chunk: int
    attempt: int
    part: str

    @classmethod
    def of(cls, event: Dispatch) -> "BatchKey":
        """The offer that an event is about."""
        return cls(event.campaign_id, event.chunk, event.attempt, event.part)


class Stand(NamedTuple):
    """What is known of the whole batch; the greatest stands."""

    rank: int = 0
    at: str = ""
    status: str = "pending"
    reason: str = ""


@dataclass(slots=True)
class Batch:
    """One row. Timestamps are fixed-form text, empty for none."""

    requested: bool = False
    stand: Stand = field(default_factory=Stand)
    batch_id: str = ""
    recipients: int = 0
    attempted_at: str = ""
    accepted_at: str = ""
    members: int = 0
    own: Counter[str] = field(default_factory=Counter)
    settled: int = 0

    @property
    def made(self) -> bool:
        """Whether one of us said that it was offered, or that Sinch took it."""
        return bool(self.attempted_at or self.accepted_at)

    def join(self, other: "Batch") -> None:
        """Take in what `other` knows (not its counters)."""
        self.requested = self.requested or other.requested
        self.stand = max(self.stand, other.stand)
        self.batch_id = max(self.batch_id, other.batch_id)
        self.recipients = max(self.recipients, other.recipients)
        self.attempted_at = _earliest(self.attempted_at, other.attempted_at)
        self.accepted_at = _earliest(self.accepted_at, other.accepted_at)

    def shown(self) -> Counter[str]:
        """How many of its messages show each status because of this batch; settled ones show their own."""
        silent = self.members - self.settled - self.own.total()
        if self.stand.rank < REPORTED_RANK:
            return Counter({self.stand.status: silent}) + self.own
        return Counter({self.stand.status: silent + self.own.total()})


def stands(status: str, at: str, reason: str = "") -> Stand:
    """The standing that one of our own statuses gives a batch."""
    return Stand(OURS[status].rank, at, status, reason)


def _earliest(left: str, right: str) -> str:
    return min(left, right) if left and right else left or right


LOAD = """
SELECT b.campaign_id::text, b.chunk, b.attempt, b.part, b.requested, b.rank, b.status, b.reason, b.batch_id,
       b.recipients, live.iso(b.status_at) AS status_at, live.iso(b.attempted_at) AS attempted_at,
       live.iso(b.accepted_at) AS accepted_at, b.members, b.queued, b.dispatched, b.unrecognised, b.settled
FROM unnest($1::uuid[], $2::integer[], $3::integer[], $4::text[]) AS k (campaign_id, chunk, attempt, part)
JOIN batches b ON b.campaign_id = k.campaign_id AND b.chunk = k.chunk AND b.attempt = k.attempt AND b.part = k.part
"""


async def load(connection: Connection, keys: Iterable[BatchKey]) -> dict[BatchKey, Batch]:
    """The rows of these offers, a fresh one where there is none."""
    wanted = list(keys)
    found = {key: Batch() for key in wanted}
    for row in await connection.fetch(LOAD, *columns(wanted)):
        key = BatchKey(row["campaign_id"], row["chunk"], row["attempt"], row["part"])
        found[key] = Batch(
            row["requested"],
            Stand(row["rank"], row["status_at"], row["status"], row["reason"]),
            row["batch_id"],
            row["recipients"],
            row["attempted_at"],
            row["accepted_at"],
            row["members"],
            Counter({status: row[status] for status in BUCKETS if row[status]}),
            row["settled"],
        )
    return found


SAVE = """
INSERT INTO batches (campaign_id, chunk, attempt, part, requested, rank, status, reason, batch_id, recipients,
                     status_at, attempted_at, accepted_at, members, queued, dispatched, unrecognised, settled)
SELECT campaign_id, chunk, attempt, part, requested, rank, status, reason, batch_id, recipients,
       nullif(status_at, '')::timestamptz, nullif(attempted_at, '')::timestamptz, nullif(accepted_at, '')::timestamptz,
       members, queued, dispatched, unrecognised, settled
FROM unnest($1::uuid[], $2::integer[], $3::integer[], $4::text[], $5::boolean[], $6::smallint[], $7::text[],
            $8::text[], $9::text[], $10::integer[], $11::text[], $12::text[], $13::text[], $14::integer[],
            $15::integer[], $16::integer[], $17::integer[], $18::integer[])
     AS b (campaign_id, chunk, attempt, part, requested, rank, status, reason, batch_id, recipients, status_at,
           attempted_at, accepted_at, members, queued, dispatched, unrecognised, settled)
ON CONFLICT (campaign_id, chunk, attempt, part) DO UPDATE SET
    requested = excluded.requested, rank = excluded.rank, status = excluded.status, reason = excluded.reason,
    batch_id = excluded.batch_id, recipients = excluded.recipients, status_at = excluded.status_at,
    attempted_at = excluded.attempted_at, accepted_at = excluded.accepted_at, members = excluded.members,
    queued = excluded.queued, dispatched = excluded.dispatched, unrecognised = excluded.unrecognised,
    settled = excluded.settled
"""


def save(rows: Mapping[BatchKey, Batch]) -> Statement:
    """What writes these rows as they are now."""
    batches = list(rows.values())
    arguments = (
        *columns(list(rows)),
        [b.requested for b in batches],
        [b.stand.rank for b in batches],
        [b.stand.status for b in batches],
        [b.stand.reason for b in batches],
        [b.batch_id for b in batches],
        [b.recipients for b in batches],
        [b.stand.at for b in batches],
        [b.attempted_at for b in batches],
        [b.accepted_at for b in batches],
        [b.members for b in batches],
        *([b.own[status] for b in batches] for status in BUCKETS),
        [b.settled for b in batches],
    )
    return Statement(SAVE, arguments)


def columns(keys: list[BatchKey]) -> tuple[list[str], list[int], list[int], list[str]]:
    """These keys as the first four arguments of a statement."""
    return [k.campaign_id for k in keys], [k.chunk for k in keys], [k.attempt for k in keys], [k.part for k in keys]
