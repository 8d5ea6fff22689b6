"""What is written of each chunk, made of the facts before the transaction begins."""

from dataclasses import dataclass, field

from services.projector.projections.messages import ChunkKey, ChunkRows


@dataclass(frozen=True, slots=True)
class Rows:
    """What is written of each chunk: the rows of its messages, the lines of its history."""

    messages: dict[ChunkKey, ChunkRows] = field(default_factory=dict)
    history: dict[ChunkKey, str] = field(default_factory=dict)
