"""The dispatcher's surroundings."""

from collections.abc import AsyncIterator

import pytest

from infra.kafka.connection import KafkaConnection
from infra.process.world import World
from tests.integration.dispatcher.parts import Parts, parts


@pytest.fixture
async def these(kafka: KafkaConnection, database: str, world: World) -> AsyncIterator[Parts]:
    """Kafka, PostgreSQL, a simulated Sinch and a gateway, of this test's own."""
    async with parts(kafka, database, world) as found:
        yield found
