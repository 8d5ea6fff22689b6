"""The projector's database: every method is one whole transaction."""

from collections import Counter
from collections.abc import Mapping, Sequence

import asyncpg

from infra.kafka.log import Partition
from infra.postgres.offsets import MarkedOffsets, Step, Stored
from infra.postgres.pool import SERVER_SETTINGS, Connection
from services.projector import builds
from services.projector.fold import Changes
from services.projector.parking import Place
from services.projector.projections import (
    batches,
    campaign_control,
    campaigns,
    counts,
    history,
    messages,
    orphan_reports,
    parked,
    recipients,
    second_reports,
)
from services.projector.projections.batches import BatchKey

PROBE_BY_KEY = {"enable_seqscan": "off", "enable_hashjoin": "off", "enable_mergejoin": "off"}
"""The staged rows have no statistics: left alone, the planner may read the whole table for five thousand rows."""

REFUSALS = (
    asyncpg.DataError, asyncpg.IntegrityConstraintViolationError, asyncpg.ProgramLimitExceededError, ValueError,
)  # fmt: skip
"""What PostgreSQL, or asyncpg before it, says to a value that does not fit. Everything else passes, or wants a person."""

OFFSETS = MarkedOffsets("projector_offsets")


class BadRecord(Exception):  # noqa: N818 - named by what it says
    """The database refuses what a record says (a value out of range); applied again it would be refused again."""


class Store:
    """One connection to one build of the tables. Not for use by two tasks at once."""

    def __init__(self, connection: Connection, build: int) -> None:
        self._connection = connection
        self.build = build

    @classmethod
    async def connect(cls, dsn: str, build: int | None = None) -> "Store":
        """Connect to build `build`, or to the current one. Raises BuildRefused when this code cannot fill it."""
        settings = SERVER_SETTINGS | PROBE_BY_KEY | {"application_name": "heliograph projector"}
        connection = await asyncpg.connect(dsn, server_settings=settings, command_timeout=60.0)
        number = await builds.checked(connection, build)
        await connection.execute(f"SET search_path = build_{number}")
        await connection.execute(messages.STAGE)
        return cls(connection, number)

    async def close(self) -> None:
        """Give the connection back."""
        await self._connection.close(timeout=5.0)

    async def load_offsets(self, partitions: Sequence[Partition]) -> dict[Partition, Stored]:
        """The next offset to fold of each partition, with the mark of the record before; 0 where nothing was folded."""
        async with self._connection.transaction():
            return await OFFSETS.load_marked(self._connection, partitions)

    async def apply(self, changes: Changes, steps: Mapping[Partition, Step]) -> None:
        """Write the changes and the offsets together, or nothing of both.

        Raises StaleOwner when a stored offset is not the expected one, BadRecord when a value does not fit.
        """
        try:
            async with self._connection.transaction():
                await OFFSETS.move_marked(self._connection, steps)
                await self._write(changes)
        except REFUSALS as error:
            raise BadRecord(f"{type(error).__name__}: {error}") from error

    async def retried(self) -> list[tuple[Place, int]]:
        """The parked records that an operator wants tried again, each with the place of that word in the log."""
        return [((r[0], r[1], r[2]), r[3]) for r in await self._connection.fetch(parked.RETRIED)]

    async def apply_retried(self, changes: Changes, place: Place, folded_to: int) -> None:
        """Write what a parked record changes, as the owner of its partition, which stands at `folded_to`."""
        topic, partition, _ = place
        try:
            async with self._connection.transaction():
                await OFFSETS.move(self._connection, {Partition(topic, partition): (folded_to, folded_to)})
                await self._write(changes)
                await self._connection.execute(parked.FOLDED, *place)
        except REFUSALS as error:
            raise BadRecord(f"{type(error).__name__}: {error}") from error

    async def _write(self, changes: Changes) -> None:
        connection = self._connection
        rows = changes.prepared()
        moved = await messages.apply(connection, changes.messages, rows.messages)
        await _count(connection, changes, moved)
        await history.append(connection, rows.history)
        await second_reports.save(connection, changes.second_reports)
        await campaign_control.save(connection, changes.control)
        await orphan_reports.save(connection, changes.orphans, changes.adopted)
        await recipients.save_consent(connection, changes.consent)
        await recipients.save_replies(connection, changes.replies)
        await parked.save(connection, changes.parked)


async def _count(connection: Connection, changes: Changes, moved: Sequence[messages.Moved]) -> None:
    """Batches, campaigns and counts follow from what changed in the batches and what moved among messages."""
    keys = set(changes.batches)
    for m in moved:
        keys |= {BatchKey(m.campaign_id, m.chunk, s.attempt, s.part) for s in (m.before, m.after) if s is not None}
    if not keys:
        return
    rows = await batches.load(connection, keys)
    before = {key: batch.shown() for key, batch in rows.items()}
    chunks_seen: Counter[campaigns.CampaignKey] = Counter()
    for key, facts in changes.batches.items():
        if facts.requested and not rows[key].requested:
            chunks_seen[key.campaign_id, changes.partition_of[key.campaign_id, key.chunk]] += 1
        rows[key].join(facts)
    deltas = counts.move(rows, moved, changes.partition_of)
    deltas.update(counts.difference(before, rows, changes.partition_of))
    await batches.save(connection, rows)
    await campaigns.save(connection, changes.campaigns, chunks_seen)
    await counts.add(connection, deltas)
