"""What reports have in common that differ in recipient, moment and event_id only: thousands do, so it is made once."""

from typing import NamedTuple

from contracts.events import DeliveryReported
from contracts.statuses import DELIVERED_RANK, standing_of
from services.projector.bounds import attempt_of, code_of, parts_of
from services.projector.lattice import Height, Words
from services.projector.projections.history import FIELD, plain
from services.projector.projections.messages import ChunkFacts


class Alike(NamedTuple):
    """`facts` of their chunk, empty ones for orphans. `tail`: the end of their lines of history.

    `rare`: there is more to be noted of each.
    """

    facts: ChunkFacts
    height: Height
    words: Words
    tail: str
    rare: bool


def alike_of(event: DeliveryReported, facts: ChunkFacts | None) -> Alike:
    """What all reports like this one have in common; without `facts` they are orphans."""
    standing, code = standing_of(event.status), code_of(event.code)
    end = (
        code, attempt_of(event.attempt), standing.rank, plain(event.part), "DeliveryReported", plain(event.status),
        plain(event.source),
    )  # fmt: skip
    return Alike(
        facts or ChunkFacts(),
        Height(standing.rank == DELIVERED_RANK, event.attempt or 0, event.part, standing.rank),
        Words(standing.status, event.status, code, parts_of(event.parts), event.batch_id),
        "".join(f"{FIELD}{one}" for one in end),
        rare=facts is None or is_foreign(event),
    )


def is_foreign(event: DeliveryReported) -> bool:
    """Whether the dispatcher found its chunk: the reference does not name it."""
    reference = event.client_reference
    return reference is None or not reference.startswith(event.campaign_id or "")
