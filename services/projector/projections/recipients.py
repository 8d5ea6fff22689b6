"""Tables `recipients` (consent), `doubtful_replies` and `replies`: what recipients said.

Consent is ordered by Sinch's `received_at` as far as its arrival lets it be true, not by arrival; a tie counts as opted
out (DESIGN §5). An opt-out by hand holds against all that stands before it in the log. The same as
`services/dispatcher/consent.py`, which decides who is sent to.
"""

from collections.abc import Sequence

from contracts.consent.believed import wins
from contracts.events import ConsentEvent, InboundReceived, OptOutDismissed, OptOutSuspected, RecipientOptedOut
from infra.postgres.pool import Connection
from services.projector.bounds import existing

SAVE_DECISION = """
INSERT INTO recipients AS r (phone, is_opted_out, decided_at, source)
VALUES ($1::text::bigint, $2, $3::text::timestamptz, $4)
ON CONFLICT (phone) DO UPDATE SET
    is_opted_out = excluded.is_opted_out, decided_at = greatest(excluded.decided_at, r.decided_at), source = excluded.source
WHERE $5 OR (excluded.decided_at, excluded.is_opted_out, excluded.source) > (r.decided_at, r.is_opted_out, r.source)
"""

SAVE_DOUBT = """
INSERT INTO recipients AS r (phone, is_opted_out, decided_at, source, suspected_at, dismissed_at)
VALUES ($1::text::bigint, false, '-infinity', '', $2::text::timestamptz, $3::text::timestamptz)
ON CONFLICT (phone) DO UPDATE SET suspected_at = greatest(r.suspected_at, excluded.suspected_at),
    dismissed_at = greatest(r.dismissed_at, excluded.dismissed_at)
"""

SAVE_DOUBTFUL = """
INSERT INTO doubtful_replies (inbound_id, phone, received_at, words)
VALUES ($1, $2::text::bigint, $3::text::timestamptz, $4) ON CONFLICT (inbound_id) DO NOTHING
"""

SAVE_REPLY = """
INSERT INTO replies (inbound_id, sender, originator, kind, body, keyword, received_at)
VALUES ($1, $2::text::bigint, $3, $4, $5, $6, $7::text::timestamptz) ON CONFLICT (inbound_id) DO NOTHING
"""

NEVER = "-infinity"


async def save_consent(connection: Connection, events: Sequence[ConsentEvent]) -> None:
    """Join these words into the tables, in their order."""
    for event in events:
        at = existing(event.received_at)
        match event:
            case OptOutSuspected():
                await connection.execute(SAVE_DOUBT, event.recipient, at, NEVER)
                await connection.execute(SAVE_DOUBTFUL, event.inbound_id, event.recipient, at, event.words)
            case OptOutDismissed():
                await connection.execute(SAVE_DOUBT, event.recipient, NEVER, at)
            case _:
                is_out = isinstance(event, RecipientOptedOut)
                await connection.execute(SAVE_DECISION, event.recipient, is_out, at, event.source, wins(event))


async def save_replies(connection: Connection, events: Sequence[InboundReceived]) -> None:
    """Add these replies."""
    if events:
        rows = [
            (e.inbound_id, e.sender, e.originator, e.kind, e.body, e.keyword, existing(e.received_at)) for e in events
        ]
        await connection.executemany(SAVE_REPLY, rows)
