"""The ledger emptied, so that dispatchers make it whole from the log when they start next."""

from collections.abc import Mapping
from dataclasses import dataclass

from infra.kafka.records import Partition
from infra.postgres.pool import Connection
from services.dispatcher.ledger import OWNERS

TABLES = (
    "campaigns", "chunks", "batches", "offsets", "readers", "consent", "follow_ups", "orphans", "early", "delivered",
)  # fmt: skip
"""All that comes from the log. `plan` is not among them: why Sinch blocks us, and what was paid, stands nowhere else."""
LOCK_SECONDS = 10


class DispatcherLives(Exception):  # noqa: N818 - named by what it says
    """A dispatcher is connected: what it knows in memory would go beside a ledger that is made anew."""


@dataclass(frozen=True, slots=True)
class Contents:
    """What the ledger holds, in rows."""

    campaigns: int
    chunks: int
    offers: int
    opt_outs: int


ALIVE = """
SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND granted AND classid = $1::bigint::oid
AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
"""
CONTENTS = """
SELECT (SELECT count(*) FROM dispatch.campaigns) AS campaigns, (SELECT count(*) FROM dispatch.chunks) AS chunks,
       (SELECT count(*) FROM dispatch.batches) AS offers, (SELECT count(*) FROM dispatch.consent) AS opt_outs
"""


async def refuse_while_one_lives(connection: Connection) -> None:
    """Raise DispatcherLives when a dispatcher holds the lock that says that it lives, anywhere."""
    alive = await connection.fetchval(ALIVE, OWNERS)
    if alive:
        raise DispatcherLives(
            f"{alive} dispatchers are connected to this database: stop them all first (`docker compose stop dispatcher`). "
            "One that was killed is gone when its connection is, at the latest after half a minute."
        )


async def contents(connection: Connection) -> Contents:
    """What there is to lose."""
    row = await connection.fetchrow(CONTENTS)
    assert row is not None
    return Contents(**dict(row))


async def empty(connection: Connection) -> None:
    """Empty it, in the caller's transaction. Raises DispatcherLives.

    The lock on the rows comes first: a dispatcher looks at them before it takes its own lock, so one that starts at this
    moment either is seen, or sees the empty ledger.
    """
    await connection.execute(f"SET LOCAL lock_timeout = '{LOCK_SECONDS}s'")
    await connection.execute("LOCK TABLE dispatch.batches IN ACCESS EXCLUSIVE MODE")
    await refuse_while_one_lives(connection)
    await connection.execute("TRUNCATE " + ", ".join(f"dispatch.{table}" for table in TABLES))


BEGIN = "INSERT INTO dispatch.offsets (topic, partition, next_offset) SELECT * FROM unnest($1::text[], $2::integer[], $3::bigint[])"


async def begin_at(connection: Connection, offsets: Mapping[Partition, int]) -> None:
    """Where an empty ledger begins to read partitions that have lost their first records."""
    if offsets:
        topics, numbers = [p.topic for p in offsets], [p.partition for p in offsets]
        await connection.execute(BEGIN, topics, numbers, list(offsets.values()))
