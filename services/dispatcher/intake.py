"""Intake: requests from the log become rows of the ledger, with the next offset, in one transaction."""

from collections.abc import Mapping, Sequence

import structlog

from contracts import topics
from contracts.events import CampaignRequested, DeadLetter, UnreadableEventError, decode, encode
from contracts.identity import derived_id
from infra.kafka.log import Appender, Entry, Partition, Reader, Record
from infra.postgres.offsets import Offsets
from infra.postgres.pool import Pool
from infra.process.world import Clock, iso

log = structlog.get_logger(__name__)

OFFSETS = Offsets("dispatch.offsets")
MOST_RECORDS = 500
IDLE_SECONDS = 1.0
MOST_DEAD_BYTES = 500_000  # of a dead letter; base64 makes it a third longer


class IntakeStore:
    """Schema `dispatch`, the side of the log."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def load_offsets(self, partitions: Sequence[Partition]) -> dict[Partition, int]:
        """The next offset to take in."""
        async with self._pool.acquire() as connection, connection.transaction():
            return await OFFSETS.load(connection, partitions)

    ADD_CAMPAIGNS = """
    INSERT INTO dispatch.campaigns (campaign_id, chunks, arrived)
    SELECT campaign_id, chunks, 0 FROM unnest($1::uuid[], $2::integer[]) AS n (campaign_id, chunks)
    ORDER BY campaign_id ON CONFLICT DO NOTHING
    """

    ADD_CHUNKS = """
    INSERT INTO dispatch.chunks (campaign_id, chunk, request, attempts)
    SELECT *, 1 FROM unnest($1::uuid[], $2::integer[], $3::bytea[])
    ON CONFLICT DO NOTHING RETURNING campaign_id::text, chunk
    """

    ADD_BATCHES = """
    INSERT INTO dispatch.batches (campaign_id, chunk, attempt, state, priority, due_at)
    SELECT campaign_id, chunk, 1, 'due', priority, greatest(now(), send_at::timestamptz)
    FROM unnest($1::uuid[], $2::integer[], $3::smallint[], $4::text[]) AS n (campaign_id, chunk, priority, send_at)
    """

    COUNT_ARRIVED = """
    WITH locked AS (SELECT campaign_id FROM dispatch.campaigns WHERE campaign_id = ANY ($1::uuid[])
                    ORDER BY campaign_id FOR UPDATE)
    UPDATE dispatch.campaigns c SET arrived = c.arrived + n.chunks
    FROM locked JOIN (SELECT id AS campaign_id, count(*) AS chunks FROM unnest($1::uuid[]) AS id GROUP BY id) n
         USING (campaign_id)
    WHERE c.campaign_id = locked.campaign_id
    """

    async def take_in(
        self,
        requests: Mapping[tuple[str, int], tuple[CampaignRequested, bytes]],
        offsets: Mapping[Partition, tuple[int, int]],
    ) -> None:
        """Chunks, by (campaign_id, chunk), and offsets (expected, next). A chunk that is there changes nothing."""
        async with self._pool.acquire() as connection, connection.transaction():
            await OFFSETS.move(connection, offsets)
            if not requests:
                return
            chunks = {event.campaign_id: event.chunks for event, _ in requests.values()}
            await connection.execute(self.ADD_CAMPAIGNS, list(chunks), list(chunks.values()))
            ids, numbers = zip(*requests, strict=True)
            rows = await connection.fetch(self.ADD_CHUNKS, ids, numbers, [raw for _, raw in requests.values()])
            new = [requests[row["campaign_id"], row["chunk"]][0] for row in rows]
            await connection.execute(
                self.ADD_BATCHES,
                [e.campaign_id for e in new],
                [e.chunk for e in new],
                [e.priority for e in new],
                [e.send_at for e in new],
            )
            await connection.execute(self.COUNT_ARRIVED, [e.campaign_id for e in new])


class Intake:
    """The loop: read, take in with the offsets, tell Kafka how far we are."""

    def __init__(self, reader: Reader, store: IntakeStore, appender: Appender, clock: Clock) -> None:
        self._reader = reader
        self._store = store
        self._appender = appender
        self._clock = clock
        self._next: dict[Partition, int] = {}

    async def load_offsets(self, partitions: Sequence[Partition]) -> Mapping[Partition, int]:
        """Where to go on, for the reader, which asks on every assignment."""
        self._next = await self._store.load_offsets(partitions)
        return self._next

    async def run(self) -> None:
        """Take in for ever. Raises what only a restart can mend."""
        while True:
            records = await self._reader.read(max_records=MOST_RECORDS, wait=IDLE_SECONDS)
            if records:
                ends = {partition: some[-1].offset + 1 for partition, some in records.items()}
                requests = [
                    request for p, some in records.items() for r in some if (request := await self._request(p, r))
                ]
                by_chunk = {(event.campaign_id, event.chunk): (event, raw) for event, raw in requests}
                await self._store.take_in(by_chunk, {p: (self._next[p], end) for p, end in ends.items()})
                self._next.update(ends)
                await self._reader.commit(ends)

    async def _request(self, partition: Partition, record: Record) -> tuple[CampaignRequested, bytes] | None:
        """The request, or None for a record that is none: it is kept as a dead letter and the rest go on."""
        raw = record.value or b""
        try:
            event = decode(raw)
        except UnreadableEventError as error:
            await self._bury(partition, record.offset, raw, str(error))
            return None
        if isinstance(event, CampaignRequested):
            return event, raw
        await self._bury(partition, record.offset, raw, f"{type(event).__name__} does not belong in this topic")
        return None

    async def _bury(self, partition: Partition, offset: int, raw: bytes, reason: str) -> None:
        log.error("request_unreadable", partition=partition.partition, offset=offset, reason=reason)
        letter = DeadLetter(
            event_id=derived_id("DeadLetter", *partition, offset),
            occurred_at=iso(self._clock.wall()),
            origin=partition.topic,
            partition=partition.partition,
            offset=offset,
            reason=reason,
            raw=raw[:MOST_DEAD_BYTES],
            truncated=len(raw) > MOST_DEAD_BYTES,
        )
        key = f"{partition.topic}.{partition.partition}"
        await self._appender.append(Entry(topics.DEAD_LETTERS, key, encode(letter)), within=10.0)
