"""A log that is not the one it was."""

from dataclasses import replace

from aiokafka.admin import AIOKafkaAdminClient

from contracts.topics import TOPICS
from infra.kafka.log import KafkaConnection
from infra.kafka.provision import provision


async def made_anew(kafka: KafkaConnection, name: str) -> None:
    """Delete a topic with all its records, and make it again, empty."""
    (topic,) = [topic for topic in TOPICS if topic.name == name]
    admin = AIOKafkaAdminClient(**kafka.client_arguments())
    await admin.start()
    await admin.delete_topics([kafka.topic(name)])
    await admin.close()
    await provision(kafka, topics=[replace(topic, partitions=3)])
