"""Rows in the text format of PostgreSQL's COPY, which is cheaper than its binary one: timestamps stay strings."""

from collections.abc import Iterable
from io import BytesIO

from infra.postgres.pool import Connection

_ESCAPES = str.maketrans({"\\": "\\\\", "\t": "\\t", "\n": "\\n", "\r": "\\r"})


def escape(text: str) -> str:
    """A foreign text as one field. Most are empty or one word; looking for the four is cheaper than translating."""
    if not text or text.isalnum() or not ("\\" in text or "\t" in text or "\n" in text or "\r" in text):
        return text
    return text.translate(_ESCAPES)


async def copy(connection: Connection, table: str, rows: Iterable[bytes]) -> None:
    """Copy these rows, which are in the text format, into the table."""
    await connection.copy_to_table(table, source=BytesIO(b"".join(rows)), format="text")
