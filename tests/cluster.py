"""Three brokers of a test's own: each can be frozen, killed and started again."""

import asyncio
import json
import os
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType

from contracts.topics import TOPICS
from infra.kafka.connection import KafkaConnection
from infra.kafka.embedded import EmbeddedKafka, Node
from infra.kafka.provision import provision
from infra.kafka.safety import topic_configs
from infra.process.ports import free_port
from tests.waiting import until

NODES = 3


class Cluster:
    """Three nodes, each a broker and a controller; replication 3, two must have a record before it counts."""

    def __init__(self, home: Path) -> None:
        self._home = home
        controllers: dict[int, int] = {}
        while len(controllers) < NODES:
            if (port := free_port()) not in controllers.values():
                controllers[len(controllers) + 1] = port
        self.nodes = {
            n: EmbeddedKafka(home / f"kafka-{n}", free_port(), Node(n, controllers)) for n in sorted(controllers)
        }
        self.connection = KafkaConnection("")

    async def start(self) -> KafkaConnection:
        """All three, with the topics."""
        servers = await asyncio.gather(*(node.start() for node in self.nodes.values()))
        self.connection = KafkaConnection(",".join(servers))
        await provision(self.connection, topics=TOPICS, replication_factor=NODES, min_insync_replicas=NODES - 1)
        return self.connection

    async def stop(self) -> None:
        """All of them, frozen ones too."""
        for node in self.nodes:
            self.thaw(node)
        await asyncio.gather(*(node.stop() for node in self.nodes.values()))

    def freeze(self, node: int) -> None:
        """Stop it by SIGSTOP: its sockets stay open and nothing is answered."""
        os.kill(self.nodes[node].pid, signal.SIGSTOP)

    def thaw(self, node: int) -> None:
        """Let it go on."""
        try:
            os.kill(self.nodes[node].pid, signal.SIGCONT)
        except (RuntimeError, ProcessLookupError):
            return

    async def kill(self, node: int) -> None:
        """End it by SIGKILL."""
        os.kill(self.nodes[node].pid, signal.SIGKILL)
        await self.nodes[node].stop()

    async def revive(self, node: int) -> None:
        """Start it again on its data."""
        await self.nodes[node].start()

    async def leader(self, topic: str, partition: int = 0) -> int:
        """The node that leads this partition."""
        async with self._admin() as admin:
            described = await admin.describe_topics([self.connection.topic(topic)])
        leaders = {found["partition"]: int(found["leader"]) for found in described[0]["partitions"]}
        return leaders[partition]

    async def active_controller(self) -> int:
        """The node that leads the controllers; the one that brokers name is any of them."""
        states = [
            json.loads(path.read_text()) for path in self._home.glob("kafka-*/data/__cluster_metadata-0/quorum-state")
        ]
        return int(max(states, key=lambda state: state["leaderEpoch"])["leaderId"])

    async def configure(self, topic: str, setting: str, value: str) -> None:
        """Change one setting of a topic; comes back when the brokers say so."""
        name = self.connection.topic(topic)
        async with self._admin() as admin:
            await admin.alter_configs([ConfigResource(ConfigResourceType.TOPIC, name, {setting: value})])

            async def is_set() -> bool:
                return (await topic_configs(admin, [name]))[name].get(setting) == value

            await until(is_set, f"{setting} is {value}")

    @asynccontextmanager
    async def _admin(self) -> AsyncIterator[AIOKafkaAdminClient]:
        admin = AIOKafkaAdminClient(**self.connection.client_arguments())
        await admin.start()
        try:
            yield admin
        finally:
            await admin.close()
