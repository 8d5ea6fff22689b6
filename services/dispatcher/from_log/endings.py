"""What the log says ended an offer, or took recipients out of it: settled, and never asked at Sinch."""

from collections.abc import Collection, Mapping

import structlog

from contracts.identity import Reference
from infra.postgres.pool import Connection
from services.dispatcher.doubts import Doubts
from services.dispatcher.from_log.attempts import FOLLOWED, end, split_before
from services.dispatcher.from_log.facts import Standing, Sum
from services.dispatcher.from_log.rows import OPEN, lock, recipients_of
from services.dispatcher.keys import key

log = structlog.get_logger(__name__)

REMOVE = "UPDATE dispatch.batches SET recipients = $5, state = $6 WHERE campaign_id = $1 AND chunk = $2 AND attempt = $3 AND part = $4"


async def take_endings(
    connection: Connection, total: Sum, standings: Mapping[Reference, Standing], doubted: Collection[Reference]
) -> None:
    """Ends, and recipients that left, of offers that are open. Most were settled by whoever said it: they cost nothing."""

    def is_open(reference: Reference) -> bool:
        state = standings[reference].state
        return state in OPEN or reference in doubted or (state is None and bool(reference.part))

    for reference in sorted({*total.removed, *total.ended}, key=key):
        if standings[reference].state is None and reference.part and reference not in doubted:
            await split_before(connection, reference)
    for reference, (gone, state) in total.removed.items():
        if is_open(reference):
            await remove(connection, reference, gone, state)
        elif standings[reference].state is None:
            await connection.execute(FOLLOWED, reference.campaign_id, reference.attempt, sorted(gone))
    await end(connection, {reference: state for reference, state in total.ended.items() if is_open(reference)})
    for reference in total.absent_by_hand:
        if is_open(reference):
            await _offer_again(connection, reference)


async def remove(
    connection: Connection,
    reference: Reference,
    gone: set[str],
    state: str,
    among: Collection[str] = ("due", "in_doubt"),
) -> None:
    """Take these out of an offer that is in a state `among` those; without anybody left it ends in `state`."""
    row = (await lock(connection, [reference])).get(reference)
    if row is None or row["state"] not in among:
        return
    before = await recipients_of(connection, reference, row)
    left = [recipient for recipient in before if recipient not in gone]
    if len(left) < len(before):
        await connection.execute(REMOVE, *key(reference), left, row["state"] if left else state)


async def _offer_again(connection: Connection, reference: Reference) -> None:
    """An operator said that Sinch does not have it: the next attempt is due."""
    r = reference
    await lock(connection, [r])
    row = await connection.fetchrow(Doubts.ABSENT, *key(r))
    if row is not None:
        attempt = await connection.fetchval(Doubts.ALLOT, r.campaign_id, r.chunk)
        await connection.execute(
            Doubts.OFFER, r.campaign_id, r.chunk, attempt, r.part, row["rank_at"], row["recipients"], row["follows"]
        )
        log.warning("batch_offered_again", client_reference=str(r), next_attempt=attempt, why="said by hand")
