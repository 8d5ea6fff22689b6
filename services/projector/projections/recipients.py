"""Tables `recipients` (consent) and `replies`: what recipients said.

Consent is ordered by Sinch's `received_at`, not by arrival; a tie counts as opted out (DESIGN §5).
"""

from collections.abc import Sequence

from contracts.events import InboundReceived, RecipientOptedIn, RecipientOptedOut
from infra.postgres.pool import Connection
from services.projector.bounds import existing

SAVE_CONSENT = """
INSERT INTO recipients AS r (phone, is_opted_out, decided_at, source)
VALUES ($1::text::bigint, $2, $3::text::timestamptz, $4)
ON CONFLICT (phone) DO UPDATE SET
    is_opted_out = excluded.is_opted_out, decided_at = excluded.decided_at, source = excluded.source
WHERE (excluded.decided_at, excluded.is_opted_out, excluded.source) > (r.decided_at, r.is_opted_out, r.source)
"""

SAVE_REPLY = """
INSERT INTO replies (inbound_id, sender, originator, kind, body, keyword, received_at)
VALUES ($1, $2::text::bigint, $3, $4, $5, $6, $7::text::timestamptz) ON CONFLICT (inbound_id) DO NOTHING
"""


async def save_consent(connection: Connection, events: Sequence[RecipientOptedOut | RecipientOptedIn]) -> None:
    """Join these decisions into the table."""
    if events:
        rows = [(e.recipient, isinstance(e, RecipientOptedOut), existing(e.received_at), e.source) for e in events]
        await connection.executemany(SAVE_CONSENT, rows)


async def save_replies(connection: Connection, events: Sequence[InboundReceived]) -> None:
    """Add these replies."""
    if events:
        rows = [
            (e.inbound_id, e.sender, e.originator, e.kind, e.body, e.keyword, existing(e.received_at)) for e in events
        ]
        await connection.executemany(SAVE_REPLY, rows)
