"""A store on a database of its own."""

from collections.abc import AsyncIterator

import pytest

from services.projector.store import Store


@pytest.fixture
async def store(database: str) -> AsyncIterator[Store]:
    """The projector's store, on the current build."""
    store = await Store.connect(database)
    yield store
    await store.close()
