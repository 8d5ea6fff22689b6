"""Making the topics that `contracts/topics.py` names. Creates what is missing, reports what differs, alters nothing."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import structlog
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.errors import KafkaError, NoError, TopicAlreadyExistsError, for_code

from contracts.topics import TOPICS, Topic
from infra.kafka.connection import KafkaConnection
from infra.kafka.ending import end_within
from infra.kafka.errors import LogUnavailable, TopicRefused
from infra.kafka.safety import dangers, topic_configs

log = structlog.get_logger(__name__)

PROVISION_SECONDS = 30.0
CLOSE_SECONDS = 2.0
POLL_SECONDS = 0.1


@dataclass(frozen=True, slots=True)
class Provisioned:
    """What was created (names on the broker), and one sentence for each way in which a topic is not as it should be."""

    created: tuple[str, ...]
    drift: tuple[str, ...]


async def provision(
    connection: KafkaConnection,
    *,
    topics: Sequence[Topic] = TOPICS,
    replication_factor: int = 1,
    min_insync_replicas: int = 1,
    within: float = PROVISION_SECONDS,
) -> Provisioned:
    """Create the topics that are not there and say how the others differ. Never deletes and never alters.

    Safe to run at any time and by several at once. LogUnavailable: no broker within `within` seconds. TopicRefused.
    """
    wanted = {connection.topic(topic.name): topic for topic in topics}
    configs = {name: _configs(topic, min_insync_replicas) for name, topic in wanted.items()}
    new = [
        NewTopic(name, topic.partitions, replication_factor, topic_configs=configs[name])
        for name, topic in wanted.items()
    ]
    admin = AIOKafkaAdminClient(**connection.client_arguments(), request_timeout_ms=int(within * 1000))
    try:
        async with asyncio.timeout(within):
            await admin.start()
            created = await _create(admin, new)
            described = await _described(admin, list(wanted))
            found = await topic_configs(admin, list(wanted))
    except (KafkaError, OSError) as error:  # TimeoutError included
        raise LogUnavailable(f"topics not provisioned at {connection.bootstrap_servers}: {error!r}") from error
    finally:
        await end_within(admin.close(), CLOSE_SECONDS)
    drift = []
    for name, topic in wanted.items():
        drift += _shape_drift(name, topic, replication_factor, described[name])
        drift += _config_drift(name, configs[name], found.get(name, {}))
        drift += dangers(name, min(len(partition["replicas"]) for partition in described[name]), found.get(name, {}))
    log.info("topics_provisioned", created=len(created), drift=len(drift))
    return Provisioned(tuple(created), tuple(drift))


def _configs(topic: Topic, min_insync_replicas: int) -> dict[str, str]:
    return {
        "cleanup.policy": topic.cleanup,
        "retention.ms": str(topic.retention_ms),
        "retention.bytes": "-1",
        "compression.type": "producer",  # as they were written: a broker's codec costs it and every reader
        "message.timestamp.type": "LogAppendTime",
        "min.insync.replicas": str(min_insync_replicas),
        "unclean.leader.election.enable": "false",
    }


async def _create(admin: AIOKafkaAdminClient, new: list[NewTopic]) -> list[str]:
    """Ask for all of them; one that is there already (or was made by another this moment) is left as it is."""
    created = []
    while admin._client.cluster.controller is None:  # noqa: SLF001 - a broker just back up knows itself a moment later
        await asyncio.sleep(POLL_SECONDS)
        await admin._client.force_metadata_update()  # noqa: SLF001
    answer = await admin.create_topics(new)
    for name, code, *words in answer.topic_errors:
        error = for_code(code)
        if error is NoError:
            created.append(name)
        elif error is not TopicAlreadyExistsError:
            raise TopicRefused(f"{name}: {error.__name__}: {words[0] if words else ''}")
    return created


async def _described(admin: AIOKafkaAdminClient, names: list[str]) -> dict[str, list[Any]]:
    """Partitions by topic, once all are known: a topic just created takes a moment to be seen."""
    while True:
        found = {topic["topic"]: topic["partitions"] for topic in await admin.describe_topics(names)}
        if all(found.get(name) for name in names):
            return found
        await asyncio.sleep(POLL_SECONDS)


def _shape_drift(
    name: str, topic: Topic, replication_factor: int, partitions: Sequence[Mapping[str, Any]]
) -> list[str]:
    drift = []
    if len(partitions) != topic.partitions:
        drift.append(
            f"{name} has {len(partitions)} partitions, not {topic.partitions}; "
            "changing that moves keys to other partitions, so make a new topic instead."
        )
    replicas = min(len(partition["replicas"]) for partition in partitions)
    if replicas != replication_factor:
        drift.append(f"{name} has {replicas} replicas, not {replication_factor}.")
    return drift


def _config_drift(name: str, wanted: Mapping[str, str], found: Mapping[str, str]) -> list[str]:
    return [
        f"{name} has {key}={found.get(key)}, not {value}." for key, value in wanted.items() if found.get(key) != value
    ]
