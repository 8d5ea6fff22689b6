"""Records that a broker or another client has compressed are read like all others (FAULTS B6)."""

import random
from collections.abc import AsyncIterator

import pytest
from aiokafka import AIOKafkaProducer

from infra.kafka.embedded import EmbeddedKafka
from infra.kafka.log import Appender, Entry, Partition, Reader
from infra.process.world import World
from tests.integration.kafka.brokers import TOPIC, Broker, all_values
from tests.integration.kafka.readers import Offsets, read_until

CODECS = {"gzip": 1, "snappy": 2, "lz4": 3, "zstd": 4}
"""In the attributes of a batch: https://kafka.apache.org/documentation/#recordbatch"""
ATTRIBUTES = slice(21, 23)
VALUES = [b"", b"short", b"alike " * 20_000, random.Random(3).randbytes(90_000), *(b"%d" % n for n in range(200))]
AT = Partition(TOPIC, 0)


@pytest.fixture(params=CODECS)
def codec(request: pytest.FixtureRequest) -> str:
    """Each of the four."""
    return str(request.param)


@pytest.fixture
async def topic(harmed: EmbeddedKafka) -> Broker:
    """A broker on which the test makes its own topic."""
    return Broker(harmed).own()


@pytest.fixture
async def reader(topic: Broker, world: World) -> AsyncIterator[Reader]:
    """A reader of that topic, not started."""
    reader = Reader(topic.connection, world, topics=[TOPIC], group="g", member="m", load_offsets=Offsets().load)
    yield reader
    await reader.stop(within=1.0)


async def _is_read(topic: Broker, reader: Reader, codec: str) -> None:
    """By the scanner and by the reader, value for value; and it is compressed."""
    assert await all_values(topic.connection) == {AT: VALUES}
    await reader.start()
    found = await read_until(reader, len(VALUES))
    assert [record.value for record in found[AT]] == VALUES
    directory = topic.kafka.output.parent / "data" / f"{topic.connection.topic(TOPIC)}-0"
    segment = (directory / f"{0:020}.log").read_bytes()
    assert int.from_bytes(segment[ATTRIBUTES], "big") & 7 == CODECS[codec]


async def test_what_another_client_compressed_is_read(topic: Broker, reader: Reader, codec: str) -> None:
    """A tool that mirrors or restores a topic has settings of its own."""
    await topic.make_topic(partitions=1)
    producer = AIOKafkaProducer(**topic.connection.client_arguments(), compression_type=codec, max_batch_size=500_000)
    async with producer:
        sent = [await producer.send(topic.connection.topic(TOPIC), value) for value in VALUES]
        for one in sent:
            await one
    await _is_read(topic, reader, codec)


async def test_what_the_broker_compressed_is_read(topic: Broker, reader: Reader, world: World, codec: str) -> None:
    """A topic set to a codec by its administrator: the broker, in Java, compresses what we append."""
    await topic.make_topic(partitions=1, compression_type=codec)
    appender = Appender(topic.connection, world, name="a")
    await appender.start()
    await appender.append_all([Entry(TOPIC, "k", value) for value in VALUES])
    await appender.stop()
    await _is_read(topic, reader, codec)
