"""Whether Kafka can be reached: for readiness checks, which must not depend on what a producer still believes."""

import asyncio

from aiokafka.client import AIOKafkaClient
from aiokafka.errors import KafkaError

from infra.kafka.connection import KafkaConnection
from infra.kafka.errors import LogUnavailable


async def check_reachable(connection: KafkaConnection, *, within: float = 2.0) -> None:
    """Connect anew and ask for the cluster's metadata. Raises LogUnavailable when no broker answers in time."""
    each = int(within * 1000 / (connection.bootstrap_servers.count(",") + 1))  # a frozen one must not take all of it
    client = AIOKafkaClient(**connection.client_arguments(), client_id="readiness", request_timeout_ms=each)
    try:
        async with asyncio.timeout(within):
            await client.bootstrap()
    except (KafkaError, OSError) as error:  # TimeoutError included
        raise LogUnavailable(f"no Kafka at {connection.bootstrap_servers}") from error
    finally:
        await client.close()
