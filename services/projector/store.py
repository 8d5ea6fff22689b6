"""The projector's database: every method is one whole transaction."""

from collections import Counter
from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from contextlib import asynccontextmanager

from infra.kafka.log import Partition
from infra.postgres.offsets import Offsets, Step, Stored
from infra.postgres.pool import Connection, connect
from infra.postgres.refusals import REFUSALS
from infra.postgres.together import Statement, together
from services.projector import builds
from services.projector.bounds import require_one_form
from services.projector.fold import Changes
from services.projector.parking import REFUSED, Place
from services.projector.projections import (
    batches,
    campaign_control,
    campaigns,
    counts,
    history,
    message_statements,
    messages,
    orphan_reports,
    parked,
    recipients,
)
from services.projector.projections.batches import Batch, BatchKey
from services.projector.projections.later import write as later

PROBE_BY_KEY = {"enable_seqscan": "off", "enable_hashjoin": "off", "enable_mergejoin": "off"}
"""The staged rows have no statistics: left alone, the planner may read the whole table for five thousand rows."""

OFFSETS = Offsets("projector_offsets")
MOST_BATCHES = 10_000  # remembered, about a kilobyte each


class BadRecord(Exception):  # noqa: N818 - named by what it says
    """The database refuses what a record says (a value out of range); applied again it would be refused again."""


class Store:
    """One connection to one build of the tables. Not for use by two tasks at once."""

    def __init__(self, connection: Connection, build: int) -> None:
        self._connection = connection
        self.build = build
        self._batches: dict[BatchKey, Batch] = {}
        """Rows as they were committed last. Only their partition's owner writes them, so they hold while we are that."""

    @classmethod
    async def connect(cls, dsn: str, build: int | None = None) -> "Store":
        """Connect to build `build`, or to the current one. Raises BuildRefused when this code cannot fill it."""
        connection = await connect(dsn, "projector", PROBE_BY_KEY)
        number = await builds.checked(connection, build)
        await connection.execute(f"SET search_path = build_{number}")
        await connection.execute(message_statements.STAGE)
        return cls(connection, number)

    async def close(self) -> None:
        """Give the connection back."""
        await self._connection.close(timeout=5.0)

    async def load_offsets(self, partitions: Sequence[Partition]) -> dict[Partition, Stored]:
        """The next offset to fold of each partition, with the mark of the record before; 0 where nothing was folded.

        Asked for whenever partitions have changed hands: what was remembered may have been changed by others.
        """
        self._batches.clear()
        async with self._connection.transaction():
            return await OFFSETS.load(self._connection, partitions)

    async def skip(self, gaps: Mapping[Partition, Step]) -> None:
        """Go on behind gaps of the log that an operator accepted."""
        async with self._transaction():
            await OFFSETS.move(self._connection, gaps)

    async def apply(self, changes: Changes, steps: Mapping[Partition, Step]) -> None:
        """Write the changes and the offsets together, or nothing of both.

        Raises StaleOwner when a stored offset is not the expected one, BadRecord when a value does not fit.
        """
        async with self._transaction():
            await OFFSETS.move(self._connection, steps)
            await self._write(changes)

    async def retried(self) -> list[tuple[Place, int]]:
        """The parked records that an operator wants tried again, each with the place of that word in the log."""
        return [((r[0], r[1], r[2]), r[3]) for r in await self._connection.fetch(parked.RETRIED)]

    async def apply_retried(self, changes: Changes, place: Place, stands: Mapping[Partition, Step]) -> None:
        """Write what a parked record changes, as the owner of the partitions that stand so."""
        async with self._transaction():
            await OFFSETS.move(self._connection, stands)
            await self._write(changes)
            await self._connection.execute(parked.FOLDED, *place)

    @asynccontextmanager
    async def _transaction(self) -> AsyncIterator[None]:
        try:
            async with self._connection.transaction():
                yield
        except BaseException as error:
            self._batches.clear()  # some were changed by what is not committed
            if isinstance(error, REFUSALS):
                raise BadRecord(f"{REFUSED}: {type(error).__name__}: {error}") from error
            raise
        if len(self._batches) > MOST_BATCHES:
            self._batches.clear()

    async def _write(self, changes: Changes) -> None:
        require_one_form(campaign_id for campaign_id, _ in changes.partition_of)
        connection, rows = self._connection, changes.prepared()
        moved = await messages.apply(connection, changes.messages, rows.messages)
        before = await self._known(later.named(changes.later, changes.batches))
        moved += await later.write(connection, changes.later, changes.batches, before)
        counted = await self._counted(changes, moved)
        told = await history.append(connection, rows.history)  # which tells `messages` what is not new
        await together(connection, *counted, told)
        await campaign_control.save(connection, changes.control)
        await orphan_reports.save(connection, changes.orphans, changes.adopted)
        await recipients.save_consent(connection, changes.consent)
        await recipients.save_replies(connection, changes.replies)
        await parked.save(connection, changes.parked)

    async def _counted(self, changes: Changes, moved: Sequence[messages.Moved]) -> list[Statement | None]:
        """Batches, campaigns and counts follow from what changed in the batches and what moved among messages."""
        keys = set(changes.batches)
        for m in moved:
            keys |= {BatchKey(m.campaign_id, m.chunk, s.attempt, s.part) for s in (m.before, m.after) if s is not None}
        if not keys:
            return []
        rows = await self._known(keys)
        before = {key: batch.shown() for key, batch in rows.items()}
        chunks_seen: Counter[campaigns.CampaignKey] = Counter()
        for key, facts in changes.batches.items():
            if facts.requested and not rows[key].requested:
                chunks_seen[key.campaign_id, changes.partition_of[key.campaign_id, key.chunk]] += 1
            rows[key].join(facts)
        deltas = counts.move(rows, moved, changes.partition_of)
        deltas.update(counts.difference(before, rows, changes.partition_of))
        return [batches.save(rows), campaigns.save(changes.campaigns, chunks_seen), counts.add(deltas)]

    async def _known(self, keys: Collection[BatchKey]) -> dict[BatchKey, Batch]:
        """The rows of these offers, from memory where it has them."""
        missing = [key for key in keys if key not in self._batches]
        if missing:
            self._batches.update(await batches.load(self._connection, missing))
        return {key: self._batches[key] for key in keys}
