"""Table `message_events`: every fact about one message as it came, losers and repetitions included, for `explain`."""

from collections.abc import Sequence
from io import BytesIO
from typing import NamedTuple

from infra.postgres.pool import Connection
from services.projector.projections.copying import NULL, escape

COLUMNS = (
    "campaign_id", "recipient", "event_id", "occurred_at", "logged_at", "code", "attempt", "rank", "part", "type",
    "status", "detail",
)  # fmt: skip


class MessageEvent(NamedTuple):
    """One row; `code` None where the event has none, `rank` 0 where it says no status."""

    campaign_id: str
    recipient: str
    event_id: str
    occurred_at: str
    logged_at: str
    code: int | None
    attempt: int
    rank: int
    part: str
    type: str
    status: str
    detail: str = ""


async def append(connection: Connection, rows: Sequence[MessageEvent]) -> None:
    """Append these rows by COPY; the view removes repetitions by event_id."""
    if not rows:
        return
    text = "".join(
        [
            f"{campaign_id}\t{recipient}\t{event_id}\t{occurred_at}\t{logged_at}\t{NULL if code is None else code}"
            f"\t{attempt}\t{rank}\t{part}\t{kind}\t{escape(status)}\t{escape(detail)}\n"
            for (
                campaign_id, recipient, event_id, occurred_at, logged_at, code, attempt, rank, part, kind, status,
                detail,
            ) in rows
        ]
    )  # fmt: skip
    await connection.copy_to_table("message_events", source=BytesIO(text.encode()), columns=COLUMNS, format="text")
