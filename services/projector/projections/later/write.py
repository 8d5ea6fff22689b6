"""Later offers in a transaction: what counts is raised among the messages, what does not is kept until it does."""

from collections.abc import Mapping

from contracts.statuses import DELIVERED_RANK
from infra.postgres.pool import Connection
from services.projector.lattice import FactRow
from services.projector.projections import messages
from services.projector.projections.batches import Batch, BatchKey
from services.projector.projections.later import early_reports, later_attempts
from services.projector.projections.later.facts import LaterFacts, is_later
from services.projector.projections.messages import ChunkFacts, ChunkKey, Moved


def named(later: LaterFacts, batches: Mapping[BatchKey, Batch]) -> set[BatchKey]:
    """The later offers of which has to be known whether they were made before."""
    made = {key for key, batch in batches.items() if batch.made and is_later(key.attempt, key.part)}
    return made | later.reported.keys()


async def write(
    connection: Connection, later: LaterFacts, batches: Mapping[BatchKey, Batch], before: Mapping[BatchKey, Batch]
) -> list[Moved]:
    """Write what is said of later offers, after all else about messages. `before`: the rows of those that are `named`."""
    new = [key for key in before if key in batches and batches[key].made and not before[key].made]
    waited = await early_reports.take(connection, new, DELIVERED_RANK)
    counting = {key: facts for key, facts in later.reported.items() if key in new or before[key].made}
    await early_reports.keep(connection, {k: facts for k, facts in later.reported.items() if k not in counting})
    chunks: dict[ChunkKey, ChunkFacts] = {}
    for key, facts in (*waited.items(), *((k, f) for k, f in counting.items() if k not in later.joined)):
        _raise(chunks.setdefault((key.campaign_id, key.chunk), ChunkFacts()), facts)
    moved = await messages.raise_further(connection, chunks)
    await later_attempts.save(connection, [*waited.items(), *counting.items()], later.followed)
    return moved


def _raise(chunk: ChunkFacts, facts: Mapping[str, FactRow]) -> None:
    for recipient, fact in facts.items():
        chunk.raise_to(recipient, fact)
