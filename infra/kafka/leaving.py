"""Leaving a broker that does not answer: aiokafka alone waits for it as long as a request may take, 40 s by default.

A broker that is frozen, or cut off, keeps its connections. The controller gives its partitions to others within seconds
and no longer names it; then what waits for it is ended, and aiokafka repeats it with the new leader.
"""
# ruff: noqa: SLF001 - the private names of aiokafka 0.14 that are needed for it

import asyncio
import random
from typing import Any

import structlog
from aiokafka.client import AIOKafkaClient
from aiokafka.conn import CloseReason
from aiokafka.errors import KafkaError
from aiokafka.protocol.metadata import MetadataRequest

log = structlog.get_logger(__name__)

SLOW_SECONDS = 1.0  # without an answer: the cluster is asked whether the broker is still one of it, and again so often
CONNECT_SECONDS = 3.0  # a frozen broker's kernel takes connections; other brokers' must not wait behind it
HEDGE_SECONDS = 0.5  # without metadata from one broker: the next is asked too


def leave_silent_brokers(client: AIOKafkaClient) -> None:
    """Make this client leave brokers that the cluster no longer names. To be called before it starts."""
    _Leaving(client)


class _Leaving:
    """Stands between a client and its brokers; holds nothing per record."""

    def __init__(self, client: Any) -> None:
        self._client = client
        self._send, self._connect = client.send, client._get_conn
        client.send, client._get_conn, client._metadata_update = self.send, self.connect, self.update
        client.cluster.add_listener(self._drop)

    async def send(self, node_id: Any, request: Any, **options: Any) -> Any:
        """A request; one that takes long leads to a look at the cluster."""
        loop = asyncio.get_running_loop()
        timers: list[asyncio.TimerHandle] = []

        def ask() -> None:
            timers[:] = [loop.call_later(SLOW_SECONDS, ask)]
            self._client.force_metadata_update()

        timers.append(loop.call_later(SLOW_SECONDS, ask))
        try:
            return await self._send(node_id, request, **options)
        finally:
            timers[0].cancel()

    async def connect(self, node_id: Any, **options: Any) -> Any:
        """A connection to this broker; None when there is none in time."""
        conn = self._client._conns.get((node_id, options.get("group", 0)))
        if conn is not None and conn.connected():
            return conn
        try:
            async with asyncio.timeout(CONNECT_SECONDS):
                return await self._connect(node_id, **options)
        except TimeoutError:
            log.warning("broker_does_not_answer", node=node_id)
            self._client.force_metadata_update()
            return None

    async def update(self, cluster: Any, topics: Any) -> bool:
        """Metadata from whichever broker answers first; one that is slow does not hold back the others."""
        nodes: list[Any] = [broker.nodeId for broker in self._client.cluster.brokers()]
        random.shuffle(nodes)
        if ("bootstrap", 0) in self._client._conns:
            nodes.append("bootstrap")
        asked: set[asyncio.Task[Any]] = set()
        try:
            while nodes or asked:
                if nodes:
                    asked.add(asyncio.create_task(self._metadata(nodes.pop(0), topics)))
                done, asked = await asyncio.wait(
                    asked, timeout=HEDGE_SECONDS if nodes else None, return_when=asyncio.FIRST_COMPLETED
                )
                for answer in done:
                    if (metadata := answer.result()) is not None:
                        return self._learn(cluster, metadata)
        finally:
            for task in asked:
                task.cancel()
        cluster.failed_update(None)
        return False

    async def _metadata(self, node_id: Any, topics: Any) -> Any:
        conn = await self._client._get_conn(node_id)
        if conn is None:
            return None
        try:
            return await conn.send(MetadataRequest(list(topics) if topics else None))
        except (KafkaError, TimeoutError) as error:
            log.debug("no_metadata", node=node_id, error=repr(error))
            return None

    def _learn(self, cluster: Any, metadata: Any) -> bool:
        if not metadata.brokers:
            return False
        cluster.update_metadata(metadata)
        bootstrap = self._client._conns.get(("bootstrap", 0))
        if bootstrap is not None and self._client.cluster.brokers():
            del self._client._conns["bootstrap", 0]
            bootstrap.close()
        return True

    def _drop(self, cluster: Any) -> None:
        """Metadata has come: end what waits for brokers that it no longer names."""
        alive = {broker.nodeId for broker in cluster.brokers()}
        for (node_id, _), conn in list(self._client._conns.items()):
            if alive and node_id != "bootstrap" and node_id not in alive and conn.connected():
                log.warning("broker_left", node=node_id)
                conn.close(reason=CloseReason.SHUTDOWN)
