"""The projector's database: every method is one whole transaction."""

from collections import Counter
from collections.abc import Mapping, Sequence

import asyncpg

from infra.kafka.log import Partition
from infra.postgres.offsets import Offsets
from infra.postgres.pool import SERVER_SETTINGS, Connection
from services.projector.fold import Changes
from services.projector.projections import (
    batches,
    campaign_control,
    campaigns,
    counts,
    message_events,
    messages,
    orphan_reports,
    recipients,
)
from services.projector.projections.batches import BatchKey

PROBE_BY_KEY = {"enable_seqscan": "off", "enable_hashjoin": "off", "enable_mergejoin": "off"}
"""The staged rows have no statistics: left alone, the planner may read the whole table for five thousand rows."""


class BadRecord(Exception):  # noqa: N818 - named by what it says
    """The database refuses what a record says (a value out of range); applied again it would be refused again."""


OFFSETS = Offsets("projector_offsets")

CURRENT = "SELECT build FROM live.builds WHERE is_current"


class Store:
    """One connection to one build of the tables. Not for use by two tasks at once."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    @classmethod
    async def connect(cls, dsn: str, build: int | None = None) -> "Store":
        """Connect to build `build`, or to the current one."""
        settings = SERVER_SETTINGS | PROBE_BY_KEY | {"application_name": "heliograph projector"}
        connection = await asyncpg.connect(dsn, server_settings=settings, command_timeout=60.0)
        number = build if build is not None else await connection.fetchval(CURRENT)
        await connection.execute(f"SET search_path = build_{int(number)}")
        await connection.execute(messages.STAGE)
        return cls(connection)

    async def close(self) -> None:
        """Give the connection back."""
        await self._connection.close(timeout=5.0)

    async def load_offsets(self, partitions: Sequence[Partition]) -> dict[Partition, int]:
        """The next offset to fold of each partition; 0 for one that was never folded."""
        async with self._connection.transaction():
            return await OFFSETS.load(self._connection, partitions)

    async def apply(self, changes: Changes, offsets: Mapping[Partition, tuple[int, int]]) -> None:
        """Write the changes and the offsets (expected, next) together, or nothing of both.

        Raises StaleOwner when a stored offset is not the expected one, BadRecord when a value does not fit.
        """
        try:
            async with self._connection.transaction():
                await OFFSETS.move(self._connection, offsets)
                await self._write(changes)
        except (asyncpg.DataError, asyncpg.IntegrityConstraintViolationError) as error:
            raise BadRecord(str(error)) from error

    async def _write(self, changes: Changes) -> None:
        connection = self._connection
        moved = await messages.apply(connection, changes.facts, changes.requested)
        await _count(connection, changes, moved)
        await message_events.append(connection, changes.history)
        await campaign_control.save(connection, changes.control)
        await orphan_reports.save(connection, changes.orphans, changes.adopted)
        await recipients.save_consent(connection, changes.consent)
        await recipients.save_replies(connection, changes.replies)


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
