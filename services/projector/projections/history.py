"""Table `history`: every fact about one message as it came, losers and repetitions included, for `explain`.

One row a transaction and chunk, a line a fact; the view `message_events` takes them apart again, and removes
repetitions by event_id.
"""

from collections.abc import Mapping
from typing import Any

from infra.postgres.pool import Connection
from infra.postgres.together import Statement
from services.projector.bounds import attempt_of
from services.projector.projections.messages import ChunkKey

FIELD, LINE = "\x1f", "\x1e"
"""Unit and record separator of ASCII, which no text of anybody's should hold."""
UNTIMED = "~"
"""Before the moment of a report that has no time of Sinch's: it is when we learned it, and decides nothing."""
_WITHOUT = str.maketrans({FIELD: "\ufffd", LINE: "\ufffd"})

APPEND = "INSERT INTO history (campaign_id, chunk, lines) SELECT * FROM unnest($1::uuid[], $2::integer[], $3::text[])"

COLUMNS = ("campaign_id", "chunk", "lines")
MUCH = 1_000_000  # characters; an argument of a statement is copied seven times on its way, a row of COPY is not


def plain(text: str) -> str:
    """A foreign text as one field. Most are empty or one word."""
    return text if not text or text.isalnum() else text.translate(_WITHOUT)


def lines_of(event: Any, logged_ms: int, rank: int, status: str, detail: str) -> list[str]:
    """A line for each recipient of an event of ours; `rank` 0 where it says no status of the message."""
    attempt = attempt_of(event.attempt)
    head = f"{event.event_id}{FIELD}{event.occurred_at}{FIELD}{logged_ms}{FIELD}{FIELD}{attempt}{FIELD}{rank}"
    tail = f"{plain(event.part)}{FIELD}{type(event).__name__}{FIELD}{plain(status)}{FIELD}{plain(detail)}"
    return [f"{recipient}{FIELD}{head}{FIELD}{tail}" for recipient in event.recipients]


async def append(connection: Connection, told: Mapping[ChunkKey, str]) -> Statement | None:
    """Append the lines that are new of each chunk: many at once; of few, gives the statement that does."""
    if not told:
        return None
    if sum(map(len, told.values())) < MUCH:
        return Statement(APPEND, ([c for c, _ in told], [n for _, n in told], list(told.values())))
    rows = ((campaign_id, chunk, lines) for (campaign_id, chunk), lines in told.items())
    await connection.copy_records_to_table("history", columns=COLUMNS, records=rows)
    return None
