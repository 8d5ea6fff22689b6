"""Appending: acknowledged or an error that says what to do, and never a partition left unusable."""

import pytest
from aiokafka.structs import TopicPartition

from infra.kafka.log import (
    Appender,
    Entry,
    KafkaConnection,
    LogOverloaded,
    LogUnavailable,
    Partition,
    RecordTooLarge,
    partition_for,
    scan,
)
from infra.process.metrics import REGISTRY
from infra.process.world import World
from tests.integration.kafka.brokers import PARTITIONS, TOPIC, Broker, all_values

SAME_PARTITION = "a-key"


async def test_an_appended_record_is_where_it_says(appender: Appender, broker: Broker) -> None:
    """`append` gives topic, partition and offset, and the record stands there."""
    first = await appender.append(Entry(TOPIC, SAME_PARTITION, b"1"))
    second = await appender.append(Entry(TOPIC, SAME_PARTITION, b"2"))
    assert (first.topic, first.offset, second.offset) == (TOPIC, 0, 1)
    assert list((await all_values(broker.connection)).values()) == [[b"1", b"2"]]


async def test_the_key_decides_the_partition(appender: Appender) -> None:
    """`append` and `append_all` put a key where `partition_for` says."""
    keys = [f"key-{number}" for number in range(20)]
    one_by_one = [(await appender.append(Entry(TOPIC, key, b"v"))).partition for key in keys]
    at_once = [position.partition for position in await appender.append_all([Entry(TOPIC, key, b"v") for key in keys])]
    assert one_by_one == at_once == [partition_for(key, PARTITIONS) for key in keys]


@pytest.mark.parametrize("count", [0, 1, 1_000, 30_000])
async def test_append_all_gives_every_position_in_order(appender: Appender, broker: Broker, count: int) -> None:
    """Each entry's position is its own, in the order of the entries, however many batches it took."""
    entries = [Entry(TOPIC, f"key-{number % 50}", b"%d" % number) for number in range(count)]
    positions = await appender.append_all(entries)
    values = {
        (partition.partition, offset): value
        for partition, found in (await all_values(broker.connection)).items()
        for offset, value in enumerate(found)
    }
    assert [values[at.partition, at.offset] for at in positions] == [entry.value for entry in entries]


async def test_headers_are_kept(appender: Appender, broker: Broker) -> None:
    """A traceparent put into an entry stands in the record."""
    await appender.append(Entry(TOPIC, "k", b"v", (("traceparent", b"00-ab-cd-01"),)))
    await appender.append_all([Entry(TOPIC, "k", b"v", (("traceparent", b"00-ab-cd-02"),))])
    headers = [
        record.headers
        async for batch in scan(broker.connection, [TOPIC])
        for records in batch.values()
        for record in records
    ]
    assert headers == [[("traceparent", b"00-ab-cd-01")], [("traceparent", b"00-ab-cd-02")]]


async def test_a_record_larger_than_a_batch_goes_through(appender: Appender) -> None:
    """A record near the limit is appended although it is larger than the batches of small ones."""
    assert (await appender.append(Entry(TOPIC, "k", bytes(900_000)))).offset == 0
    assert (await appender.append_all([Entry(TOPIC, "k", bytes(900_000))]))[0].offset == 1


async def test_an_oversized_record_is_refused_before_anything_is_sent(appender: Appender, broker: Broker) -> None:
    """One entry over the limit among others: RecordTooLarge, and none of them is in the log."""
    entries = [Entry(TOPIC, "k", b"small"), Entry(TOPIC, "k", bytes(1_000_001)), Entry(TOPIC, "k", b"small")]
    with pytest.raises(RecordTooLarge):
        await appender.append_all(entries)
    with pytest.raises(RecordTooLarge):
        await appender.append(entries[1])
    assert await all_values(broker.connection) == {}


async def test_a_record_the_broker_refuses_does_not_poison_its_partition(broker: Broker, world: World) -> None:
    """After a refusal for size the same partition takes records at once (aiokafka alone fails the next sends)."""
    await broker.make_topic("narrow", 1, max_message_bytes="2000")
    appender = Appender(broker.connection, world, name="narrow")
    await appender.start()
    await appender.append(Entry("narrow", "k", b"before"))
    with pytest.raises(RecordTooLarge):
        await appender.append(Entry("narrow", "k", bytes(5_000)))
    after = [await appender.append(Entry("narrow", "k", b"after-%d" % number)) for number in range(3)]
    await appender.stop()
    assert [position.offset for position in after] == [1, 2, 3]


async def test_append_all_outlives_a_refused_batch(broker: Broker, world: World) -> None:
    """Entries that only together are too large for a batch of the topic are appended all the same."""
    await broker.make_topic("narrow", 1, max_message_bytes="2000")
    appender = Appender(broker.connection, world, name="narrow")
    await appender.start()
    positions = await appender.append_all([Entry("narrow", "k", bytes(500)) for _ in range(8)])
    await appender.stop()
    assert [position.offset for position in positions] == list(range(8))


def failures(topic: str) -> float:
    """What the metric says."""
    return REGISTRY.get_sample_value("heliograph_append_failures_total", {"topic": topic}) or 0.0


async def test_too_many_bytes_in_flight_are_refused(broker: Broker, world: World) -> None:
    """Over the cap `append` says LogOverloaded at once, so that the gateway can answer 503."""
    appender = Appender(broker.connection, world, name="small", max_in_flight_bytes=1_000)
    await appender.start()
    before = failures(TOPIC)
    with pytest.raises(LogOverloaded):
        await appender.append(Entry(TOPIC, "k", bytes(2_000)))
    assert failures(TOPIC) == before + 1
    await appender.stop()


async def test_an_unknown_topic_is_named(appender: Appender) -> None:
    """A topic that nobody made ends in LogUnavailable at the deadline; nothing makes it by the way."""
    before = failures("never-made")
    with pytest.raises(LogUnavailable):
        await appender.append(Entry("never-made", "k", b"v"), within=0.5)
    with pytest.raises(LogUnavailable):
        await appender.append_all([Entry("never-made", "k", b"v")], within=0.5)
    assert failures("never-made") == before + 2


async def test_a_stopped_appender_says_so(broker: Broker, world: World) -> None:
    """After `stop` an append fails at once instead of waiting for its deadline."""
    appender = Appender(broker.connection, world, name="stopped")
    await appender.start()
    await appender.stop()
    with pytest.raises(LogUnavailable, match="stopped"):
        await appender.append(Entry(TOPIC, "k", b"v"), within=60.0)


async def test_no_broker_is_an_error_at_start(world: World) -> None:
    """Where nothing listens, `start` ends with LogUnavailable, naming the servers."""
    appender = Appender(KafkaConnection("127.0.0.1:1"), world, name="lonely")
    with pytest.raises(LogUnavailable, match=r"127\.0\.0\.1:1"):
        await appender.start(within=0.5)


async def test_the_broker_s_count_of_records_goes_on_after_two_billion(appender: Appender, broker: Broker) -> None:
    """A producer numbers its records of a partition in 31 bits: at their end one append fails, and a new one takes over."""
    partition = partition_for(SAME_PARTITION, PARTITIONS)
    producer = await appender._supply.get()
    numbers = producer._aiokafka._txn_manager._sequence_numbers
    numbers[TopicPartition(broker.connection.topic(TOPIC), partition)] = 2**31 - 4
    failures = 0
    for number in range(10):
        try:
            await appender.append(Entry(TOPIC, SAME_PARTITION, b"%d" % number), within=10.0)
        except LogUnavailable:
            failures += 1
            await appender.append(Entry(TOPIC, SAME_PARTITION, b"%d" % number), within=10.0)
    values = await all_values(broker.connection)
    assert values[Partition(TOPIC, partition)] == [b"%d" % number for number in range(10)]
    assert failures <= 1
