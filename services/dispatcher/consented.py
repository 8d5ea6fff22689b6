"""Who opted out, in memory, brought up to date inside every claim's transaction."""

from collections.abc import Sequence

from infra.postgres.pool import Connection

CONFIRMABLE = """
SELECT recipient::text FROM dispatch.consent
WHERE recipient = ANY ($1::bigint[]) AND confirmable = $2::text::uuid AND NOT (in_doubt AND $3)
"""
OPTED_OUT = "opted out"
IN_DOUBT = "probably opted out: a reply waits to be read by a person (heliograph replies)"
"""Why somebody is taken out of an offer."""


class OptOuts:
    """The fence. Versions are given out one writer at a time, so a claim sees all that was committed before it.

    `hold`: whoever probably opted out is sent nothing until a person has read the reply.
    """

    CHANGES = (
        "SELECT recipient::text, opted_out, in_doubt, version FROM dispatch.consent WHERE version > $1 ORDER BY version"
    )

    def __init__(self, *, hold: bool = True) -> None:
        self._hold = hold
        self._version = 0
        self._out: set[str] = set()
        self._doubted: set[str] = set()

    async def refresh(self, connection: Connection) -> None:
        """Load what changed since the last time."""
        for row in await connection.fetch(self.CHANGES, self._version):
            self._version, recipient = row["version"], row["recipient"]
            for some, belongs in ((self._out, row["opted_out"]), (self._doubted, row["in_doubt"] and self._hold)):
                if belongs:
                    some.add(recipient)
                else:
                    some.discard(recipient)

    def among(self, recipients: Sequence[str]) -> list[tuple[list[str], str]]:
        """Those of them who must not get anything, by why."""
        found = []
        for some, why in ((self._out, OPTED_OUT), (self._doubted, IN_DOUBT)):
            if some and (these := some.intersection(recipients)):
                found.append((sorted(these), why))
        return found

    async def not_confirmable(self, connection: Connection, confirms: str, recipients: Sequence[str]) -> list[str]:
        """Those of them to whom reply `confirms` may not, or not any more, be confirmed: another decision came after it."""
        numbers = [int(recipient) for recipient in recipients]
        rows = await connection.fetch(CONFIRMABLE, numbers, confirms, self._hold)
        return sorted(set(recipients).difference(row["recipient"] for row in rows))
