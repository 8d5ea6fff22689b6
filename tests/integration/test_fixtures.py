"""What tests stand on: each has a place of its own in the shared servers."""

from aiokafka import AIOKafkaConsumer

from contracts.topics import TOPICS
from infra.kafka.connection import KafkaConnection
from infra.postgres.pool import Pool


async def test_topics_are_there(kafka: KafkaConnection) -> None:
    """A test finds every topic of the contract under its own prefix."""
    consumer = AIOKafkaConsumer(**kafka.client_arguments())
    await consumer.start()
    found = await consumer.topics()
    await consumer.stop()
    assert {kafka.topic(topic.name) for topic in TOPICS} <= found


async def test_database_is_migrated(pool: Pool) -> None:
    """A test finds a database with every migration applied."""
    assert await pool.fetchval("select count(*) from heliograph.migrations") > 0
