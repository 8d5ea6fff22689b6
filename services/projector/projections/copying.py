"""Rows in the text format of PostgreSQL's COPY, which is cheaper than its binary one: timestamps stay strings."""

from collections.abc import AsyncIterator, Iterable

from infra.postgres.pool import Connection

PIECE_BYTES = 512 * 1024
_ESCAPES = str.maketrans({"\\": "\\\\", "\t": "\\t", "\n": "\\n", "\r": "\\r"})


def escape(text: str) -> str:
    """A foreign text as one field. Most are empty or one word; looking for the four is cheaper than translating."""
    if not text or text.isalnum() or not ("\\" in text or "\t" in text or "\n" in text or "\r" in text):
        return text
    return text.translate(_ESCAPES)


async def copy(connection: Connection, table: str, rows: Iterable[bytes]) -> None:
    """Copy these rows, which are in the text format, into the table."""
    await connection.copy_to_table(table, source=_pieces(rows), format="text")


async def _pieces(rows: Iterable[bytes]) -> AsyncIterator[bytes]:
    """The rows in pieces of half a megabyte: as one text they would be in memory three times."""
    piece, size = list[bytes](), 0
    for row in rows:
        if size + len(row) > PIECE_BYTES and piece:
            yield b"".join(piece)
            piece, size = [], 0
        piece.append(row)
        size += len(row)
    if piece:
        yield b"".join(piece)
