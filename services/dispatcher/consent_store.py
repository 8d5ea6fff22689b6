"""Table `dispatch.consent`: what each number wants, as far as the log was read."""

from collections.abc import Mapping, Sequence

from contracts.events import ConsentDecision, ConsentEvent
from infra.postgres.pool import Connection
from services.dispatcher.consent import Wanted, fold

LOCK = 0x434F4E53
"""Writers of consent one after the other, so that versions become visible in their order."""

_WRITTEN = (
    """CASE WHEN {0} = '-infinity' THEN '' ELSE to_char({0} AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"') END"""
)

KNOWN = f"""
SELECT c.recipient::text, opted_out, confirmable::text, {_WRITTEN.format("decided_at")} AS decided_at,
       {_WRITTEN.format("suspected_at")} AS suspected_at, {_WRITTEN.format("dismissed_at")} AS dismissed_at
FROM unnest($1::text[]) AS n (recipient) JOIN dispatch.consent c ON c.recipient = n.recipient::bigint
"""

SAVE = """
INSERT INTO dispatch.consent
    (recipient, opted_out, decided_at, confirmable, suspected_at, dismissed_at, in_doubt, version)
SELECT recipient::bigint, opted_out, decided_at::timestamptz, confirmable::uuid, suspected_at::timestamptz,
       dismissed_at::timestamptz, in_doubt, nextval('dispatch.consent_versions')
FROM unnest($1::text[], $2::boolean[], $3::text[], $4::text[], $5::text[], $6::text[], $7::boolean[])
     AS n (recipient, opted_out, decided_at, confirmable, suspected_at, dismissed_at, in_doubt)
ON CONFLICT (recipient) DO UPDATE SET opted_out = excluded.opted_out, decided_at = excluded.decided_at,
    confirmable = excluded.confirmable, suspected_at = excluded.suspected_at, dismissed_at = excluded.dismissed_at,
    in_doubt = excluded.in_doubt, version = excluded.version
"""


async def take_in_consent(connection: Connection, events: Sequence[ConsentEvent]) -> list[ConsentDecision]:
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
        [_stored(w.decided_at) for w in wanted],
        [w.confirmable for w in wanted],
        [_stored(w.suspected_at) for w in wanted],
        [_stored(w.dismissed_at) for w in wanted],
        [w.in_doubt for w in wanted],
    )
    return replies


async def _known(connection: Connection, numbers: set[str]) -> Mapping[str, Wanted]:
    rows = await connection.fetch(KNOWN, list(numbers))
    return {
        row["recipient"]: Wanted(
            row["opted_out"], row["decided_at"], row["confirmable"], row["suspected_at"], row["dismissed_at"]
        )
        for row in rows
    }


def _stored(moment: str) -> str:
    return moment or "-infinity"
