"""How far the readers are whose lag stops all claims.

Those of consent and of replies, because a STOP could be unread, and of our own attempts, because a restored ledger could
not know one.
"""

from collections.abc import Mapping, Sequence

import structlog

from contracts import topics
from infra.kafka.log import KafkaConnection, Partition, Scanner
from infra.postgres.pool import Pool
from infra.process.world import Clock

log = structlog.get_logger(__name__)

CONSENT = (topics.CONSENT, topics.INBOUND_MESSAGES)
FENCING = (*CONSENT, topics.DISPATCHES)


async def fencing_ends(connection: KafkaConnection) -> dict[Partition, int]:
    """Where each partition of the fencing topics ends now."""
    async with Scanner(connection) as scanner:
        return await ends_of(scanner, FENCING)


async def ends_of(scanner: Scanner, names: Sequence[str]) -> dict[Partition, int]:
    """Where each partition of these topics ends now; those that hold nothing, or nothing any more, are left out."""
    bounds = await scanner.bounds(await scanner.partitions_now(names))
    return {partition: end for partition, (begin, end) in bounds.items() if end > begin}


class Readers:
    """Table `dispatch.readers`: when each partition was last read to what was its end at that moment."""

    def __init__(self, pool: Pool, clock: Clock) -> None:
        self._pool = pool
        self._clock = clock
        self._ends: dict[Partition, tuple[int, float]] = {}
        self._registered: set[Partition] = set()

    REGISTER = """
    INSERT INTO dispatch.readers (topic, partition, caught_up_at)
    SELECT *, '-infinity' FROM unnest($1::text[], $2::integer[]) ON CONFLICT DO NOTHING
    """

    async def register(self, partitions: Sequence[Partition]) -> None:
        """Every partition of the fencing topics counts, also one that nobody reads yet: until it is read nothing is claimed."""
        new = [partition for partition in partitions if partition not in self._registered]
        if not new:
            return
        if self._registered:
            log.warning(
                "partitions_added", partitions=[f"{p.topic}/{p.partition}" for p in new],
                hint="nothing is sent until they are read; `heliograph topics` says how many there should be",
            )  # fmt: skip
        await self._pool.execute(self.REGISTER, [p.topic for p in new], [p.partition for p in new])
        self._registered.update(new)

    def forget(self) -> None:
        """The partitions changed hands."""
        self._ends.clear()

    def ends(self, ends: Mapping[Partition, int], seen_at: float) -> None:
        """Where the log ended at `seen_at` (seconds since boot). An end noted before and not yet reached stays."""
        for partition, end in ends.items():
            if partition.topic in FENCING:
                self._ends.setdefault(partition, (end, seen_at))

    REACHED = """
    UPDATE dispatch.readers r SET caught_up_at = greatest(r.caught_up_at, now() - n.age * interval '1 second')
    FROM unnest($1::text[], $2::integer[], $3::float8[]) AS n (topic, partition, age)
    WHERE r.topic = n.topic AND r.partition = n.partition
    """

    async def reached(self, offsets: Mapping[Partition, int]) -> None:
        """Everything before these offsets is in the ledger: note the ends that this reaches."""
        done = {p: seen_at for p, (end, seen_at) in self._ends.items() if offsets.get(p, -1) >= end}
        if not done:
            return
        now = self._clock.boot()
        ages = [now - seen_at for seen_at in done.values()]
        await self._pool.execute(self.REACHED, [p.topic for p in done], [p.partition for p in done], ages)
        for partition in done:
            del self._ends[partition]
