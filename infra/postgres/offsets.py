"""Offsets kept beside what they led to: moved in the same transaction, and compared, so that a stale owner is fenced."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from infra.kafka.records import Partition
from infra.postgres.pool import Connection


class StaleOwner(Exception):  # noqa: N818 - named by what it says
    """Another replica has gone further: this one no longer owns the partition and must join anew."""


ENSURE = """
INSERT INTO {table} (topic, partition, next_offset) SELECT *, 0 FROM unnest($1::text[], $2::integer[])
ON CONFLICT DO NOTHING
"""


class Mark(NamedTuple):
    """What the last record before an offset was: its time of append (ms) and a digest of key and value (64 bits)."""

    logged_ms: int = 0
    digest: int = 0


class Stored(NamedTuple):
    """The next offset of a partition, and the mark of the record before it."""

    following: int
    mark: Mark


class Step(NamedTuple):
    """From the expected offset to the next, and the mark of the last record taken.

    Without a mark nothing was taken: the partition only has to stand where it is expected until the transaction ends.
    """

    expected: int
    following: int
    mark: Mark | None


LOAD = """
SELECT topic, partition, next_offset, last_logged_ms, last_digest FROM {table}
WHERE (topic, partition) IN (SELECT * FROM unnest($1::text[], $2::integer[]))
"""

MOVE = """
UPDATE {table} o SET next_offset = n.next_offset, last_logged_ms = coalesce(n.logged_ms, o.last_logged_ms),
    last_digest = coalesce(n.digest, o.last_digest)
FROM unnest($1::text[], $2::integer[], $3::bigint[], $4::bigint[], $5::bigint[], $6::bigint[])
     AS n (topic, partition, expected, next_offset, logged_ms, digest)
WHERE o.topic = n.topic AND o.partition = n.partition AND o.next_offset = n.expected
"""


class Offsets:
    """One service's table of offsets: (topic, partition, next_offset, last_logged_ms, last_digest), topics without prefix.

    They know the record before them, so that a log made anew is recognised (`marks.py`).
    """

    def __init__(self, table: str) -> None:
        self._table = table

    async def load(self, connection: Connection, partitions: Sequence[Partition]) -> dict[Partition, Stored]:
        """The next offset and the mark of each partition; 0 for one that was never read."""
        columns = [p.topic for p in partitions], [p.partition for p in partitions]
        await connection.execute(ENSURE.format(table=self._table), *columns)
        rows = await connection.fetch(LOAD.format(table=self._table), *columns)
        return {
            Partition(row["topic"], row["partition"]): Stored(
                row["next_offset"], Mark(row["last_logged_ms"], row["last_digest"])
            )
            for row in rows
        }

    async def move(self, connection: Connection, steps: Mapping[Partition, Step]) -> None:
        """Take all these steps. Raises StaleOwner; call in a transaction."""
        names, taken = sorted(steps), [steps[partition] for partition in sorted(steps)]
        done = await connection.execute(
            MOVE.format(table=self._table),
            [p.topic for p in names],
            [p.partition for p in names],
            [s.expected for s in taken],
            [s.following for s in taken],
            [s.mark and s.mark.logged_ms for s in taken],
            [s.mark and s.mark.digest for s in taken],
        )
        _require(done, len(steps))


def _require(done: str, partitions: int) -> None:
    """Raise StaleOwner unless the statement moved all of them."""
    if done != f"UPDATE {partitions}":
        moved = done.removeprefix("UPDATE ")
        raise StaleOwner(f"of {partitions} partitions only {moved} stood where this replica left them")
