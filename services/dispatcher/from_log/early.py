"""Table `dispatch.early`: facts that came before what they are about; and how the ledger stands to what facts name."""

from collections.abc import Collection, Sequence

from contracts.events import decode
from contracts.identity import Reference
from infra.kafka.records import Partition
from infra.postgres.pool import Connection, Pool
from services.dispatcher.fits import misfit_waiting
from services.dispatcher.from_log.facts import ChunkKey, Fact, Standing, reference_in
from services.dispatcher.keys import columns

LOOK = """
SELECT b.state, coalesce(b.claims, 0) AS claims, b.state IS NOT NULL OR EXISTS (
           SELECT FROM dispatch.chunks k WHERE k.campaign_id = n.campaign_id AND k.chunk = n.chunk) AS known,
       n.reported AND EXISTS (SELECT FROM dispatch.campaigns c WHERE c.campaign_id = n.campaign_id
                              AND cardinality(c.retry_delays) > 0) AS retries
FROM unnest($1::uuid[], $2::integer[], $3::integer[], $4::text[], $5::boolean[])
     WITH ORDINALITY AS n (campaign_id, chunk, attempt, part, reported, number)
LEFT JOIN dispatch.batches b ON b.campaign_id = n.campaign_id AND b.chunk = n.chunk AND b.attempt = n.attempt
     AND b.part = n.part
ORDER BY n.number
"""


async def look(connection: Connection, facts: Sequence[Fact]) -> dict[Reference, Standing]:
    """How the ledger stands to each offer that these facts name: one statement for all of them."""
    reported: dict[Reference, bool] = {}
    for fact in facts:
        reported[fact.reference] = reported.get(fact.reference, False) or fact.is_report
    if not reported:
        return {}
    rows = await connection.fetch(LOOK, *columns(reported), list(reported.values()))
    return {
        reference: Standing(row["known"], row["state"], row["claims"], row["retries"])
        for reference, row in zip(reported, rows, strict=True)
    }


KEEP = """
INSERT INTO dispatch.early (topic, partition, "offset", campaign_id, chunk, event)
SELECT * FROM unnest($1::text[], $2::integer[], $3::bigint[], $4::uuid[], $5::integer[], $6::bytea[]) ON CONFLICT DO NOTHING
"""


async def keep(connection: Connection, facts: Sequence[Fact]) -> None:
    """These wait for what they are about. ValueError for one that could not be applied then."""
    for fact in facts:
        if (wrong := misfit_waiting(fact.event)) is not None:
            raise ValueError(wrong)
    if facts:
        await connection.execute(
            KEEP,
            [fact.partition.topic for fact in facts],
            [fact.partition.partition for fact in facts],
            [fact.offset for fact in facts],
            [fact.reference.campaign_id for fact in facts],
            [fact.reference.chunk for fact in facts],
            [fact.raw for fact in facts],
        )


TAKE = """
DELETE FROM dispatch.early e USING unnest($1::uuid[], $2::integer[]) AS n (campaign_id, chunk)
WHERE e.campaign_id = n.campaign_id AND e.chunk = n.chunk RETURNING e.topic, e.partition, e."offset", e.event
"""


async def take(connection: Connection, chunks: Collection[ChunkKey]) -> list[Fact]:
    """What waited for these chunks, in the order of the log."""
    if not chunks:
        return []
    rows = await connection.fetch(TAKE, [campaign_id for campaign_id, _ in chunks], [chunk for _, chunk in chunks])
    found = [fact_of(row["event"], Partition(row["topic"], row["partition"]), row["offset"]) for row in rows]
    return in_order(found)


def fact_of(raw: bytes, partition: Partition, offset: int) -> Fact:
    """A fact from its bytes; only what `Taken` took for one is kept."""
    event = decode(raw)
    return Fact(event, raw, reference_in(event), partition, offset)


def in_order(facts: Sequence[Fact]) -> list[Fact]:
    """As they stand in the log, topic by topic."""
    return sorted(facts, key=lambda fact: (fact.partition, fact.offset))


FORGET = "DELETE FROM dispatch.early WHERE seen_at < now() - interval '30 days'"


async def forget(pool: Pool) -> None:
    """Delete what nobody asked for in a month: it is of another installation, or its request is gone from the log."""
    await pool.execute(FORGET)
