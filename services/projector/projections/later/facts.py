"""What some records say of later offers: all but the first of a whole chunk. Pure.

A report counts under such an offer once the log says that the offer was made, whatever is read first. So it is kept apart
until the rest of the batch, or the table `batches`, says that.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from contracts.events import FollowUpScheduled
from services.projector.lattice import FactRow
from services.projector.projections.batches import Batch, BatchKey
from services.projector.projections.messages import ChunkFacts, ChunkKey

MessageKey = tuple[str, int, str]
"""(campaign_id, chunk, recipient)."""


def is_later(attempt: int, part: str) -> bool:
    """Whether it is not the first offer of a whole chunk, which its request makes."""
    return attempt != 1 or bool(part)


@dataclass(slots=True)
class LaterFacts:
    """The greatest report of each recipient under each later offer; and the attempts of messages that are followed up.

    `joined`: offers whose reports have been raised among those of their chunk.
    """

    reported: dict[BatchKey, dict[str, FactRow]] = field(default_factory=dict)
    followed: set[tuple[MessageKey, int]] = field(default_factory=set)
    joined: set[BatchKey] = field(default_factory=set)

    def of(self, key: BatchKey) -> dict[str, FactRow]:
        """What is reported under this offer."""
        return self.reported.setdefault(key, {})

    def follow(self, event: FollowUpScheduled) -> None:
        """Another attempt comes after this one of these messages."""
        chunk = event.campaign_id, event.chunk
        self.followed.update(((*chunk, recipient), event.attempt) for recipient in event.recipients)

    def join(self, batches: Mapping[BatchKey, Batch], messages: Mapping[ChunkKey, ChunkFacts]) -> Iterator[int]:
        """Raise what is reported under the offers that these batches say were made, and tell how many messages."""
        for key, facts in self.reported.items():
            batch = batches.get(key)
            if batch is not None and batch.made:
                self.joined.add(key)
                chunk = messages[key.campaign_id, key.chunk]
                for recipient, fact in facts.items():
                    chunk.raise_to(recipient, fact)
                yield len(facts)
