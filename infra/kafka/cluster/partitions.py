"""How many partitions topics have, asked of a broker now; aiokafka alone would notice a new one within METADATA_MAX_AGE."""
# ruff: noqa: SLF001 - aiokafka 0.14 asks for metadata under private names only

import asyncio
from collections.abc import Sequence
from typing import Any

from aiokafka.cluster import ClusterMetadata
from aiokafka.errors import KafkaError

from infra.kafka.connection import KafkaConnection
from infra.kafka.errors import LogUnavailable
from infra.kafka.records import Partition


async def partitions_now(
    client: Any, connection: KafkaConnection, topics: Sequence[str], within: float
) -> list[Partition]:
    """All partitions of the topics. Where the client knew fewer it asks anew, which makes a group share them out at once.

    LogUnavailable when no broker says it within that many seconds.
    """
    names = {connection.topic(topic): topic for topic in topics}
    fresh = ClusterMetadata()
    try:
        async with asyncio.timeout(within):
            told = await client._metadata_update(fresh, list(names))
    except (KafkaError, TimeoutError) as error:
        raise LogUnavailable(f"no metadata of {', '.join(topics)}: {error!r}") from error
    if not told:
        raise LogUnavailable(f"no metadata of {', '.join(topics)} from any broker")
    now = {name: fresh.partitions_for_topic(name) or set() for name in names}
    if any(len(numbers) > len(client.cluster.partitions_for_topic(name) or ()) for name, numbers in now.items()):
        client.force_metadata_update()
    return [Partition(topic, number) for name, topic in names.items() for number in sorted(now[name])]
