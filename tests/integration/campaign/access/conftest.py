"""Making keys as `heliograph keys` does."""

from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from infra.postgres.pool import Pool
from services.campaign.access.key_store import KeyStore, NewKey
from services.campaign.access.scopes import ALL_SCOPES

MakeKey = Callable[..., Awaitable[dict[str, str]]]


@pytest.fixture
def make_key(pool: Pool) -> MakeKey:
    """Makes a key of the test's database and gives the header that shows it; keyword arguments are the key's."""

    async def make(**more: Any) -> dict[str, str]:
        asked = NewKey(**({"name": "shop", "scopes": ALL_SCOPES, "created_by": "test"} | more))
        async with pool.acquire() as connection:
            return {"X-API-Key": await KeyStore(connection).create(asked)}

    return make
