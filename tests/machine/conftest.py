"""A play on a database of the test's own."""

from collections.abc import AsyncIterator
from urllib.parse import urlsplit

import asyncpg
import pytest

from tests.machine.clock import install
from tests.machine.play import Play


@pytest.fixture
async def play(database: str) -> AsyncIterator[Play]:
    """A play that has begun."""
    connection = await asyncpg.connect(database)
    await install(connection, urlsplit(database).path.lstrip("/"))
    await connection.close()
    play = Play(database, 1)
    await play.open()
    yield play
    await play.close()
