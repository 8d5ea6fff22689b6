"""Whatever in the log proves that Sinch has an offer, in whatever state the ledger has it; and what that calls off."""

from collections.abc import Collection, Mapping

import structlog

from contracts.identity import Reference
from infra.postgres.pool import Connection
from services.dispatcher.from_log.facts import Proof, Standing, Sum
from services.dispatcher.from_log.rows import lock
from services.dispatcher.keys import columns, reference_of
from services.dispatcher.offers import POLL_SECONDS

log = structlog.get_logger(__name__)

REMEMBER = """
UPDATE dispatch.batches b SET proof = n.batch_id
FROM unnest($1::uuid[], $2::integer[], $3::integer[], $4::text[], $5::text[]) AS n (campaign_id, chunk, attempt, part, batch_id)
WHERE b.campaign_id = n.campaign_id AND b.chunk = n.chunk AND b.attempt = n.attempt AND b.part = n.part
  AND b.state = 'attempting' AND b.proof IS NULL
RETURNING b.campaign_id::text, b.chunk, b.attempt, b.part
"""

PROVEN = """
UPDATE dispatch.batches b SET state = 'accepted', batch_id = n.batch_id, owner = NULL,
    accepted_at = coalesce(n.at::timestamptz, now()), next_look_at = now() + $7 * interval '1 second'
FROM unnest($1::uuid[], $2::integer[], $3::integer[], $4::text[], $5::text[], $6::text[])
     AS n (campaign_id, chunk, attempt, part, batch_id, at)
WHERE b.campaign_id = n.campaign_id AND b.chunk = n.chunk AND b.attempt = n.attempt AND b.part = n.part
  AND b.state NOT IN ('attempting', 'accepted')
"""

CHAIN = """
SELECT o.campaign_id::text, o.chunk, o.attempt, o.part, n.batch_id
FROM dispatch.batches n JOIN dispatch.batches o ON o.campaign_id = n.campaign_id AND o.chunk = n.chunk
     AND (o.attempt > n.attempt OR (o.attempt = n.attempt AND o.part > n.part AND starts_with(o.part, n.part)))
WHERE (n.campaign_id, n.chunk, n.attempt, n.part) IN (
          SELECT * FROM unnest($1::uuid[], $2::integer[], $3::integer[], $4::text[]))
  AND o.follows = n.follows AND o.reason IN ('absent', 'split') AND o.state IN ('due', 'absent', 'split')
  AND (o.recipients IS NULL OR n.recipients IS NULL OR o.recipients && n.recipients)
"""
"""What is offered again because `n` was believed absent: as often followed up as `n`, and not on its way."""

CALL_OFF = """
UPDATE dispatch.batches b SET state = CASE WHEN b.claims = 0 THEN 'called_off' ELSE 'accepted' END,
    batch_id = CASE WHEN b.claims > 0 THEN n.batch_id END, accepted_at = CASE WHEN b.claims > 0 THEN now() END,
    next_look_at = CASE WHEN b.claims > 0 THEN now() + $6 * interval '1 second' END
FROM unnest($1::uuid[], $2::integer[], $3::integer[], $4::text[], $5::text[]) AS n (campaign_id, chunk, attempt, part, batch_id)
WHERE b.campaign_id = n.campaign_id AND b.chunk = n.chunk AND b.attempt = n.attempt AND b.part = n.part
  AND b.state IN ('due', 'absent', 'split')
RETURNING b.campaign_id::text, b.chunk, b.attempt, b.part, b.claims, n.batch_id
"""
"""One of which the log says nothing ends quietly. The messages of one that was said have moved into it in the log's
eyes: it is accepted as the batch that Sinch has, and that batch's reports are fetched under its name."""


async def take_proofs(
    connection: Connection,
    total: Sum,
    standings: Mapping[Reference, Standing],
    doubted: Collection[Reference],
    first_look: float,
) -> list[tuple[Reference, str]]:
    """Accept what is proven. Gives the offers, with Sinch's id of the batch, of which the log does not say so yet."""
    proofs = {r: p for r, p in total.proofs.items() if r in doubted or standings[r].state not in ("accepted", None)}
    if not proofs:
        return []
    # One that we only hear of ourselves is being settled by its owner at this moment, and has its lock.
    ours = [r for r, p in proofs.items() if p.at is not None and standings[r].state == "attempting"]
    rows = await lock(connection, ours, all_of_them=False) | await lock(connection, set(proofs).difference(ours))
    said = await _remember(connection, {r: proofs[r] for r, row in rows.items() if row["state"] == "attempting"})
    waiting = {r: proofs[r] for r, row in rows.items() if row["state"] not in ("attempting", "accepted")}
    if waiting:
        ids, moments = [p.batch_id for p in waiting.values()], [p.at for p in waiting.values()]
        await connection.execute(PROVEN, *columns(waiting), ids, moments, first_look)
        said += [(r, p.batch_id) for r, p in waiting.items() if p.at is None]
        said += await call_off(connection, waiting)
    return said


async def _remember(connection: Connection, proofs: Mapping[Reference, Proof]) -> list[tuple[Reference, str]]:
    """The POST is under way: whatever comes of it, Sinch has the batch."""
    if not proofs:
        return []
    rows = await connection.fetch(REMEMBER, *columns(proofs), [proof.batch_id for proof in proofs.values()])
    noted = map(reference_of, rows)
    return [(reference, proofs[reference].batch_id) for reference in noted if proofs[reference].at is None]


async def call_off(connection: Connection, proven: Collection[Reference]) -> list[tuple[Reference, str]]:
    """Nothing that waits is offered again instead of these. Gives the offers that the log must hear to be accepted."""
    rows = await connection.fetch(CHAIN, *columns(proven))
    batches = {reference_of(row): row["batch_id"] for row in rows}
    if not batches:
        return []
    await lock(connection, batches)
    ended = await connection.fetch(CALL_OFF, *columns(batches), list(batches.values()), POLL_SECONDS)
    for row in ended:
        log.warning("offer_called_off", client_reference=str(reference_of(row)), batch_id=row["batch_id"])
    return [(reference_of(row), row["batch_id"]) for row in ended if row["claims"] > 0]
