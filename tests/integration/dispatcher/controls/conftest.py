"""The whole system, for tests of what people decide."""

from collections.abc import AsyncIterator

import pytest

from infra.kafka.connection import KafkaConnection
from infra.postgres.pool import Pool
from tests.integration.dispatcher.controls.whole import Whole, whole


@pytest.fixture
async def system(kafka: KafkaConnection, database: str, pool: Pool) -> AsyncIterator[Whole]:
    """Everything that runs, in this process."""
    async with whole(kafka, database, pool) as system:
        yield system
