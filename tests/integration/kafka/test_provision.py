"""Topics are created as contracts say, differences are told, nothing is altered."""

import asyncio
from dataclasses import replace

import pytest

from contracts.topics import CONSENT, TOPICS
from infra.kafka.embedded import EmbeddedKafka
from infra.kafka.errors import LogUnavailable, TopicRefused
from infra.kafka.log import Appender, Entry, KafkaConnection, Scanner, scan
from infra.kafka.provision import provision
from infra.process.world import SystemIds, World
from tests.integration.kafka.brokers import Broker


@pytest.fixture
def connection(harmed: EmbeddedKafka) -> KafkaConnection:
    """A prefix under which there is no topic yet."""
    return Broker(harmed).own().connection


async def test_every_topic_of_the_contract_is_made(connection: KafkaConnection) -> None:
    """After provisioning each topic is there with its partitions, under the prefix."""
    made = await provision(connection)
    assert sorted(made.created) == sorted(connection.topic(topic.name) for topic in TOPICS)
    async with Scanner(connection) as scanner:
        counts = {topic.name: len(await scanner.partitions([topic.name])) for topic in TOPICS}
    assert counts == {topic.name: topic.partitions for topic in TOPICS}


async def test_fresh_topics_do_not_differ(connection: KafkaConnection) -> None:
    """What was just made is as it should be."""
    assert (await provision(connection)).drift == ()


async def test_a_second_time_changes_nothing(connection: KafkaConnection) -> None:
    """Provisioning again creates nothing and finds no difference."""
    await provision(connection)
    again = await provision(connection)
    assert (again.created, again.drift) == ((), ())


async def test_two_at_once_are_safe(connection: KafkaConnection) -> None:
    """Two services that provision at the same moment make each topic once, and neither fails."""
    both = await asyncio.gather(provision(connection), provision(connection))
    created = [name for made in both for name in made.created]
    assert sorted(created) == sorted(connection.topic(topic.name) for topic in TOPICS)


async def test_differences_are_told_and_left(connection: KafkaConnection) -> None:
    """A topic made otherwise is described in a sentence each, and stays as it was."""
    other = [replace(topic, partitions=2, retention_ms=60_000) for topic in TOPICS if topic.name == CONSENT]
    await provision(connection, topics=other)
    name = connection.topic(CONSENT)
    for _ in range(2):
        drift = (await provision(connection)).drift
        assert len(drift) == 2
        assert drift[0].startswith(f"{name} has 2 partitions, not 3;")
        assert drift[1] == f"{name} has retention.ms=60000, not -1."


async def test_a_codec_of_the_broker_s_is_told(harmed: EmbeddedKafka) -> None:
    """We write what we write: a topic on which the broker compresses anew differs."""
    broker = Broker(harmed).own()
    partitions = next(topic.partitions for topic in TOPICS if topic.name == CONSENT)
    await broker.make_topic(CONSENT, partitions, compression_type="zstd", retention_ms="-1",
                            message_timestamp_type="LogAppendTime")  # fmt: skip
    name = broker.connection.topic(CONSENT)
    assert (await provision(broker.connection)).drift == (f"{name} has compression.type=zstd, not producer.",)


async def test_records_carry_the_brokers_time(connection: KafkaConnection, world: World) -> None:
    """Topics use LogAppendTime: the time of a record is the broker's, whatever the writer's clock says."""
    await provision(connection)
    appender = Appender(connection, world, name="timed")
    await appender.start()
    await appender.append(Entry(CONSENT, "k", b"v"))
    await appender.stop()
    types = [
        record.timestamp_type  # type: ignore[attr-defined]
        async for batch in scan(connection, [CONSENT])
        for records in batch.values()
        for record in records
    ]
    assert types == [1]


async def test_a_replication_nobody_can_give_is_refused(connection: KafkaConnection) -> None:
    """More replicas than brokers: the broker's own words come out."""
    with pytest.raises(TopicRefused, match=r"(?i)replication"):
        await provision(connection, replication_factor=3)


async def test_no_broker_is_an_error(connection: KafkaConnection) -> None:
    """Without a broker provisioning ends in LogUnavailable."""
    nowhere = replace(connection, bootstrap_servers="127.0.0.1:1", topic_prefix=str(SystemIds().uuid7()))
    with pytest.raises(LogUnavailable, match=r"127\.0\.0\.1:1"):
        await provision(nowhere, within=2.0)
