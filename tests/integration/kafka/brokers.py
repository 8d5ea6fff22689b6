"""A broker that may be harmed, and what stands in it."""

import os
import signal
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from aiokafka.admin import AIOKafkaAdminClient, NewTopic, RecordsToDelete
from aiokafka.structs import TopicPartition

from infra.kafka.embedded import EmbeddedKafka
from infra.kafka.log import KafkaConnection, Partition, Record, Scanner
from infra.process.world import SystemIds

TOPIC = "facts"
PARTITIONS = 4


class Broker:
    """A broker of a test's own: it can be frozen, thawed and killed, and its topics made and unmade."""

    def __init__(self, kafka: EmbeddedKafka) -> None:
        self.kafka = kafka
        self.connection = KafkaConnection(kafka.bootstrap_servers)

    def own(self) -> "Broker":
        """The same broker with a prefix of its own, so that tests do not meet."""
        broker = Broker(self.kafka)
        broker.connection = replace(self.connection, topic_prefix=f"{SystemIds().uuid7().hex}.")
        return broker

    @contextmanager
    def frozen(self) -> Iterator[None]:
        """The broker stopped by SIGSTOP for a while: its sockets stay open and nothing is answered."""
        os.kill(self.kafka.pid, signal.SIGSTOP)
        wait_frozen(self.kafka.pid)
        try:
            yield
        finally:
            os.kill(self.kafka.pid, signal.SIGCONT)

    async def make_topic(self, name: str = TOPIC, partitions: int = PARTITIONS, **configs: str) -> None:
        """Create a topic, its settings written with underscores for dots."""
        dotted = {key.replace("_", "."): value for key, value in configs.items()}
        topic = NewTopic(self.connection.topic(name), partitions, 1, topic_configs=dotted)
        await self._administer(lambda admin: admin.create_topics([topic]))

    async def delete_topic(self, name: str = TOPIC) -> None:
        """Delete a topic with all that is in it."""
        await self._administer(lambda admin: admin.delete_topics([self.connection.topic(name)]))

    async def delete_records(self, partition: Partition, before: int) -> None:
        """Let the partition begin at offset `before`, as retention would."""
        at = TopicPartition(self.connection.topic(partition.topic), partition.partition)
        await self._administer(lambda admin: admin.delete_records({at: RecordsToDelete(before)}))

    async def _administer(self, act: Callable[[AIOKafkaAdminClient], Awaitable[object]]) -> None:
        admin = AIOKafkaAdminClient(**self.connection.client_arguments())
        await admin.start()
        try:
            await act(admin)
        finally:
            await admin.close()


def wait_frozen(pid: int, within: float = 10.0) -> None:
    """Wait until every thread stands still: a SIGSTOP takes its time on a busy machine, and one thread can still answer."""
    deadline = time.monotonic() + within
    while not all(_stands_still(task) for task in Path(f"/proc/{pid}/task").iterdir()):
        assert time.monotonic() < deadline, f"process {pid} still runs after SIGSTOP"


def _stands_still(task: Path) -> bool:
    try:
        state = (task / "stat").read_text().rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):  # a thread that has ended meanwhile
        return True
    return state == "T"


async def all_values(connection: KafkaConnection, topic: str = TOPIC) -> dict[Partition, list[bytes | None]]:
    """Every value of a topic, by partition, in order."""
    found: dict[Partition, list[Record]] = {}
    async with Scanner(connection) as scanner:
        bounds = await scanner.bounds(await scanner.partitions([topic]))
        starts = {partition: begin for partition, (begin, _) in bounds.items()}
        ends = {partition: end for partition, (_, end) in bounds.items()}
        async for batch in scanner.read(starts, ends, patience=10.0):
            for partition, records in batch.items():
                found.setdefault(partition, []).extend(records)
    return {partition: [record.value for record in records] for partition, records in found.items()}
