"""Table `message_events`: every fact about one message as it came, losers and repetitions included, for `explain`."""

from collections.abc import Sequence
from io import BytesIO
from typing import NamedTuple

from infra.postgres.pool import Connection
from services.projector.projections.messages import escape

COLUMNS = (
    "campaign_id", "recipient", "event_id", "occurred_at", "code", "attempt", "part", "type", "status", "detail",
)  # fmt: skip


NULL = "\\N"  # in the text format of COPY


class MessageEvent(NamedTuple):
    """One row; `code` None where the event has none."""

    campaign_id: str
    recipient: str
    event_id: str
    occurred_at: str
    code: int | None
    attempt: int
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
            f"{r.campaign_id}\t{r.recipient}\t{r.event_id}\t{r.occurred_at}\t{NULL if r.code is None else r.code}"
            f"\t{r.attempt}\t{r.part}\t{r.type}\t{escape(r.status)}\t{escape(r.detail)}\n"
            for r in rows
        ]
    )
    await connection.copy_to_table("message_events", source=BytesIO(text.encode()), columns=COLUMNS, format="text")
