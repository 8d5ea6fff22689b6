"""Whether the brokers keep what they acknowledge: two settings of a topic undo the promise, and nothing else tells of them."""

from collections.abc import Collection, Mapping

from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType

from contracts.topics import TOPICS
from infra.kafka.connection import KafkaConnection
from infra.kafka.ending import end_within
from infra.kafka.reachable import check_reachable
from infra.process.health import Check, NotReady
from infra.process.world import Clock

CLOSE_SECONDS = 0.5
AGAIN_SECONDS = 60.0  # what was found is believed so long
ENOUGH_REPLICAS = 3


def dangers(name: str, replicas: int, configs: Mapping[str, str]) -> list[str]:
    """One sentence, with the remedy, for each way in which this topic may lose what was acknowledged."""
    found = []
    if replicas >= ENOUGH_REPLICAS and configs.get("min.insync.replicas") == "1":
        found.append(
            f"{name} has min.insync.replicas=1 with {replicas} replicas: a record that one broker alone has counts as "
            "safe, and is lost with it. Set min.insync.replicas=2 on the topic."
        )
    if replicas > 1 and configs.get("unclean.leader.election.enable") == "true":
        found.append(
            f"{name} has unclean.leader.election.enable=true: a broker that lacks acknowledged records may become "
            "leader. Set unclean.leader.election.enable=false on the topic."
        )
    return found


async def topic_configs(admin: AIOKafkaAdminClient, names: Collection[str]) -> dict[str, dict[str, str]]:
    """The settings of these topics, by name."""
    answers = await admin.describe_configs([ConfigResource(ConfigResourceType.TOPIC, name) for name in names])
    return {
        name: {entry[0]: entry[1] for entry in entries}
        for answer in answers
        for _, _, _, name, entries in answer.resources
    }


def kafka_check(connection: KafkaConnection, clock: Clock) -> Check:
    """Ready when a broker answers and none of our topics may lose what was acknowledged."""
    found: tuple[float, list[str]] | None = None

    async def check() -> None:
        nonlocal found
        await check_reachable(connection)
        if found is None or clock.boot() - found[0] >= AGAIN_SECONDS:
            found = clock.boot(), await _dangers(connection)
        if found[1]:
            raise NotReady(" ".join(found[1][:2]) + (f" And {len(found[1]) - 2} more." if found[1][2:] else ""))

    return check


async def _dangers(connection: KafkaConnection) -> list[str]:
    """Of all our topics that are there; a missing one is told elsewhere."""
    admin = AIOKafkaAdminClient(**connection.client_arguments(), client_id="readiness")
    try:
        await admin.start()
        ours = await admin.describe_topics([connection.topic(topic.name) for topic in TOPICS])
        replicas = {
            topic["topic"]: min(len(partition["replicas"]) for partition in topic["partitions"])
            for topic in ours
            if topic["partitions"]
        }
        configs = await topic_configs(admin, replicas) if replicas else {}
    finally:
        await end_within(admin.close(), CLOSE_SECONDS)
    return [danger for name, count in replicas.items() for danger in dangers(name, count, configs.get(name, {}))]
