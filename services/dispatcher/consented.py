"""Who opted out, in memory, brought up to date inside every claim's transaction."""

from collections.abc import Sequence

from infra.postgres.pool import Connection

CONFIRMABLE = """
SELECT recipient::text FROM dispatch.consent
WHERE recipient = ANY ($1::bigint[]) AND confirmable = $2::text::uuid
"""


class OptOuts:
    """The fence. Versions are given out one writer at a time, so a claim sees all that was committed before it."""

    CHANGES = "SELECT recipient::text, opted_out, version FROM dispatch.consent WHERE version > $1 ORDER BY version"

    def __init__(self) -> None:
        self._version = 0
        self._out: set[str] = set()

    async def refresh(self, connection: Connection) -> None:
        """Load what changed since the last time."""
        for row in await connection.fetch(self.CHANGES, self._version):
            self._version = row["version"]
            if row["opted_out"]:
                self._out.add(row["recipient"])
            else:
                self._out.discard(row["recipient"])

    def among(self, recipients: Sequence[str]) -> list[str]:
        """Those of them who opted out."""
        return sorted(self._out.intersection(recipients)) if self._out else []


async def not_confirmable(connection: Connection, confirms: str, recipients: Sequence[str]) -> list[str]:
    """Those of them to whom reply `confirms` may not, or not any more, be confirmed: another decision came after it."""
    rows = await connection.fetch(CONFIRMABLE, [int(recipient) for recipient in recipients], confirms)
    return sorted(set(recipients).difference(row["recipient"] for row in rows))
