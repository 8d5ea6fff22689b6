"""Places of one's own on shared servers: topics under a prefix, a migrated database. Gone when they are left."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from urllib.parse import urlsplit

import asyncpg
from aiokafka.admin import AIOKafkaAdminClient

from contracts.topics import TOPICS, Topic
from infra.kafka.connection import KafkaConnection
from infra.kafka.provision import provision
from infra.postgres.migrations import migrate
from infra.process.world import SystemIds

TEMPLATE = "migrated_template"
TEST_PARTITIONS = 3  # of each topic that has more: enough to see order between partitions, quick to make


@asynccontextmanager
async def own_topics(bootstrap: str) -> AsyncIterator[KafkaConnection]:
    """A connection whose prefix makes the topics its own; they are there, with few partitions."""
    connection = KafkaConnection(bootstrap, topic_prefix=f"t{SystemIds().uuid7().hex}-")
    await _make(connection, TOPICS)
    yield connection
    await _delete(connection, TOPICS)


async def made_anew(connection: KafkaConnection, name: str) -> None:
    """One of these topics deleted with all its records, and made again, empty."""
    topics = [topic for topic in TOPICS if topic.name == name]
    await _delete(connection, topics)
    await _make(connection, topics)


async def _make(connection: KafkaConnection, topics: Sequence[Topic]) -> None:
    few = [replace(topic, partitions=min(topic.partitions, TEST_PARTITIONS)) for topic in topics]
    await provision(connection, topics=few)


async def _delete(connection: KafkaConnection, topics: Sequence[Topic]) -> None:
    admin = AIOKafkaAdminClient(**connection.client_arguments())
    await admin.start()
    await admin.delete_topics([connection.topic(topic.name) for topic in topics])
    await admin.close()


@asynccontextmanager
async def own_database(dsn: str, template: str) -> AsyncIterator[str]:
    """The DSN of a new database, a copy of `template`. `dsn` is the administrator's."""
    name = f"test_{SystemIds().uuid7().hex}"
    await administer(dsn, f"create database {name} template {template}")
    yield named(dsn, name)
    await administer(dsn, f"drop database {name} with (force)")


async def make_template(dsn: str) -> str:
    """A migrated database to copy from, which is cheaper than migrating each time; gives its name."""
    await administer(dsn, f"create database {TEMPLATE}")
    await migrate(named(dsn, TEMPLATE))
    return TEMPLATE


async def administer(dsn: str, *statements: str) -> None:
    """Run these statements one by one."""
    connection = await asyncpg.connect(dsn)
    try:
        for statement in statements:
            await connection.execute(statement)
    finally:
        await connection.close()


def named(dsn: str, database: str) -> str:
    """The same server's DSN with another database."""
    return urlsplit(dsn)._replace(path=f"/{database}").geturl()
