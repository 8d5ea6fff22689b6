"""A member of a group that comes back reading other topics than before, as after an upgrade."""

from infra.kafka.log import Reader
from infra.process.world import World
from tests.integration.kafka.brokers import PARTITIONS, TOPIC, Broker
from tests.integration.kafka.readers import Offsets
from tests.waiting import until


async def test_a_new_topic_is_read_after_a_restart(broker: Broker, world: World) -> None:
    """The broker gives a fixed member that comes back its partitions of before; a topic added meanwhile is read too."""
    await broker.make_topic("added")
    for topics in ([TOPIC], [TOPIC, "added"]):
        reader = Reader(
            broker.connection, world, topics=topics, group="upgraded", member="one", load_offsets=Offsets().load
        )
        await reader.start()

        async def all_are_ours(reader: Reader = reader, wanted: int = PARTITIONS * len(topics)) -> bool:
            await reader.read(max_records=10, wait=0.2)
            return len(reader.assigned()) == wanted

        await until(all_are_ours, f"the partitions of {topics} are ours", within=40)
        await reader.stop()
