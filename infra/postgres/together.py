"""Several statements as one: one round trip to the server instead of one each."""

import re
from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple

from infra.postgres.pool import Connection

_PARAMETER = re.compile(r"\$(\d+)")


class Statement(NamedTuple):
    """An INSERT or UPDATE without RETURNING, and the values of its parameters."""

    text: str
    arguments: Sequence[object]


async def together(connection: Connection, *statements: Statement | None) -> list[int]:
    """Run those that are there; gives how many rows each of them changed.

    None sees what another changes, and no two may change the same row: they are parts of one statement
    (https://www.postgresql.org/docs/current/queries-with.html#QUERIES-WITH-MODIFYING).
    """
    wanted = [statement for statement in statements if statement is not None]
    if not wanted:
        return []
    text = _joined(tuple(statement.text for statement in wanted))
    row = await connection.fetchrow(text, *(value for statement in wanted for value in statement.arguments))
    assert row is not None
    return list(row.values())


@lru_cache(maxsize=64)
def _joined(texts: tuple[str, ...]) -> str:
    parts, before = [], 0
    for number, text in enumerate(texts):
        shifted = _PARAMETER.sub(lambda found, by=before: f"${int(found[1]) + by}", text)  # type: ignore[misc]
        parts.append(f"part_{number} AS ({shifted} RETURNING 1)")
        before += max((int(found) for found in _PARAMETER.findall(text)), default=0)
    counts = ", ".join(f"(SELECT count(*) FROM part_{number})" for number in range(len(texts)))
    return f"WITH {', '.join(parts)} SELECT {counts}"
