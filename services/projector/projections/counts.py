"""Table `campaign_counts`: messages by status, changed by what really changed, never counted again.

One row a (campaign, Kafka partition, status, awaiting): each row has one writer, the replica that owns the partition.
`requested = sum of all statuses` holds at every commit, because a message enters once and then only moves.
"""

from collections import Counter
from collections.abc import Mapping, Sequence

from contracts.statuses import SETTLED_RANK
from infra.postgres.together import Statement
from services.projector.projections.batches import BUCKETS, Batch, BatchKey
from services.projector.projections.messages import Moved, State

CountKey = tuple[str, int, str, bool]
"""(campaign_id, partition, status, awaiting: failed, and a follow-up is not ruled out)."""


def move(
    batches: Mapping[BatchKey, Batch], moved: Sequence[Moved], partition_of: Mapping[tuple[str, int], int]
) -> Counter[CountKey]:
    """Move messages between batches and buckets; gives the change in the counts of settled messages."""
    deltas: Counter[CountKey] = Counter()
    for m in moved:
        for state, messages in ((m.before, -m.messages), (m.after, m.messages)):
            if state is None:
                continue
            _enter(batches[BatchKey(m.campaign_id, m.chunk, state.attempt, state.part)], state, messages)
            if state.rank >= SETTLED_RANK:
                deltas[m.campaign_id, partition_of[m.campaign_id, m.chunk], state.status, state.awaiting] += messages
    return deltas


def _enter(batch: Batch, state: State, messages: int) -> None:
    batch.members += messages
    if state.rank >= SETTLED_RANK:
        batch.settled += messages
    elif state.status in BUCKETS:
        batch.own[state.status] += messages


def difference(
    before: Mapping[BatchKey, Counter[str]],
    after: Mapping[BatchKey, Batch],
    partition_of: Mapping[tuple[str, int], int],
) -> Counter[CountKey]:
    """The change in the counts of messages that show what is known of their batch."""
    deltas: Counter[CountKey] = Counter()
    for key, batch in after.items():
        partition = partition_of[key.campaign_id, key.chunk]
        for status, messages in batch.shown().items():
            deltas[key.campaign_id, partition, status, False] += messages
        for status, messages in before[key].items():
            deltas[key.campaign_id, partition, status, False] -= messages
    return deltas


ADD = """
INSERT INTO campaign_counts AS c (campaign_id, partition, status, awaiting, messages)
SELECT * FROM unnest($1::uuid[], $2::integer[], $3::text[], $4::boolean[], $5::bigint[])
ON CONFLICT (campaign_id, partition, status, awaiting) DO UPDATE SET messages = c.messages + excluded.messages
"""


def add(deltas: Mapping[CountKey, int]) -> Statement | None:
    """What adds these changes to the counts."""
    changed = [(*key, messages) for key, messages in deltas.items() if messages]
    return Statement(ADD, tuple(map(list, zip(*changed, strict=True)))) if changed else None
