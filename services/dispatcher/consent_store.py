"""Table `dispatch.consent`: what each number wants, as far as the log was read."""

from collections.abc import Mapping, Sequence

from contracts.events import ConsentEvent
from infra.postgres.pool import Connection
from services.dispatcher.consent import Wanted, fold

LOCK = 0x434F4E53
"""Writers of consent one after the other, so that versions become visible in their order."""

KNOWN = """
SELECT c.recipient::text, opted_out, confirmable::text,
       to_char(decided_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"') AS decided_at
FROM unnest($1::text[]) AS n (recipient) JOIN dispatch.consent c ON c.recipient = n.recipient::bigint
"""

SAVE = """
INSERT INTO dispatch.consent (recipient, opted_out, decided_at, confirmable, version)
SELECT recipient::bigint, opted_out, decided_at::timestamptz, confirmable::uuid, nextval('dispatch.consent_versions')
FROM unnest($1::text[], $2::boolean[], $3::text[], $4::text[]) AS n (recipient, opted_out, decided_at, confirmable)
ON CONFLICT (recipient) DO UPDATE SET opted_out = excluded.opted_out, decided_at = excluded.decided_at,
    confirmable = excluded.confirmable, version = excluded.version
"""


async def take_in_consent(connection: Connection, events: Sequence[ConsentEvent]) -> list[ConsentEvent]:
    """Fold these events, in their order, into the table; gives the replies that changed what their number wants."""
    if not events:
        return []
    await connection.execute("SELECT pg_advisory_xact_lock($1)", LOCK)
    changed, replies = fold(await _known(connection, {event.recipient for event in events}), events)
    wanted = changed.values()
    await connection.execute(
        SAVE,
        list(changed),
        [w.opted_out for w in wanted],
        [w.decided_at for w in wanted],
        [w.confirmable for w in wanted],
    )
    return replies


async def _known(connection: Connection, numbers: set[str]) -> Mapping[str, Wanted]:
    rows = await connection.fetch(KNOWN, list(numbers))
    return {row["recipient"]: Wanted(row["opted_out"], row["decided_at"], row["confirmable"]) for row in rows}
