"""A real Kafka broker of our own: KRaft mode, one node, on a loopback port, for `run` and for tests (DESIGN §2)."""

import asyncio
import contextlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import structlog
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaError

from infra.kafka.errors import EmbeddedError
from infra.kafka.jars import class_path
from infra.kafka.java import find_java
from infra.kafka.occupant import note, occupant
from infra.process.children import Child, Killed, start_child
from infra.process.ports import PortTaken, free_port, is_free

log = structlog.get_logger(__name__)

CLUSTER_ID = "heliograph-embedded-kf"  # 22 characters, as Kafka demands; the data directory holds it
JVM = ("-Xmx512m", "-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC")
"""Compiled at once instead of well: this broker lives for minutes, shares two cores, and mostly moves bytes. Without it a
gateway's load or a rebuild takes turns with the compiler for the first minute (docs/performance.md).
"""
START_SECONDS = 90.0  # 2 s on an idle machine; 4 s after kill -9; longer when both cores are busy
STOP_SECONDS = 10.0
POLL_SECONDS = 0.05
ERROR_LINES = 15  # of the broker's own output, shown when it does not start

# The first three let a broker that was killed come back in 4 s instead of 12, and groups settle at once (PITFALLS).
PROPERTIES = """\
process.roles=broker,controller
node.id={node}
controller.listener.names=CONTROLLER
controller.quorum.voters={voters}
listeners=PLAINTEXT://127.0.0.1:{port},CONTROLLER://127.0.0.1:{controller_port}
advertised.listeners=PLAINTEXT://127.0.0.1:{port}
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT
log.dirs={data}
broker.session.timeout.ms=2000
broker.heartbeat.interval.ms=500
group.initial.rebalance.delay.ms=0
group.min.session.timeout.ms=500
auto.create.topics.enable=false
num.partitions=1
default.replication.factor={replication}
min.insync.replicas={in_sync}
offsets.topic.num.partitions=1
offsets.topic.replication.factor={replication}
transaction.state.log.num.partitions=1
transaction.state.log.replication.factor={replication}
transaction.state.log.min.isr={in_sync}
share.coordinator.state.topic.num.partitions=1
share.coordinator.state.topic.replication.factor={replication}
share.coordinator.state.topic.min.isr={in_sync}
num.network.threads=2
num.io.threads=4
log.cleaner.dedupe.buffer.size=16777216
"""

CONSOLE_TOOLS = {
    "kafka-console-consumer": "org.apache.kafka.tools.consumer.ConsoleConsumer",
    "kafka-console-producer": "org.apache.kafka.tools.ConsoleProducer",
    "kafka-topics": "org.apache.kafka.tools.TopicCommand",
    "kafka-consumer-groups": "org.apache.kafka.tools.consumer.group.ConsumerGroupCommand",
    "kafka-get-offsets": "org.apache.kafka.tools.GetOffsetShell",
}


@dataclass(frozen=True, slots=True)
class Node:
    """A broker's place in a cluster whose nodes are all brokers and controllers: its number, and all controllers' ports."""

    number: int
    controller_ports: Mapping[int, int]

    def filled(self, port: int, data: Path) -> str:
        """The properties of this node. With three, two must have a record before it counts."""
        nodes = len(self.controller_ports)
        return PROPERTIES.format(
            node=self.number,
            voters=",".join(f"{number}@127.0.0.1:{at}" for number, at in self.controller_ports.items()),
            port=port,
            controller_port=self.controller_ports[self.number],
            data=data,
            replication=nodes,
            in_sync=max(1, nodes - 1),
        )


class EmbeddedKafka:
    """One broker with its data under `home`, kept between runs. `port` None takes a free one each time.

    `node`: one of a cluster, which is up only when most of its nodes are.
    """

    def __init__(self, home: Path, port: int | None = None, node: Node | None = None) -> None:
        self._node = node
        self._home = home.absolute()
        self._wanted_port = port
        self._child: Child | None = None
        self._class_path = ""
        self._java = Path()
        self.bootstrap_servers = ""

    @property
    def pid(self) -> int:
        """The broker's process id."""
        return self._running().pid

    @property
    def output(self) -> Path:
        """The file that holds what the broker says."""
        return self._home / "kafka.log"

    async def start(self) -> str:
        """Start the broker and wait until it answers. Gives its bootstrap servers.

        PortTaken, JarsUnavailable, EmbeddedError: it cannot be started, with words that say what to do. Killed: somebody
        else ended it on the way.
        """
        if (other := await occupant(self._home)) is not None:
            raise EmbeddedError(f"A Kafka already runs on the data in {self._home}: process {other}. Stop it first.")
        port = self._wanted_port or free_port()
        if not is_free(port):
            raise PortTaken(
                f"Port {port} is taken by another program; set another one for Kafka, or none for a free one."
            )
        self._java, self._class_path = await asyncio.gather(find_java(), class_path())
        properties = self._write_properties(port)
        await self._format(properties)
        self._child = await start_child(self._argv("kafka.Kafka", str(properties)), name="kafka", output=self.output)
        note(self._home, self._child.pid)
        self.bootstrap_servers = f"127.0.0.1:{port}"
        try:
            async with asyncio.timeout(START_SECONDS):
                await self._wait_until_up(port)
        except BaseException as error:
            await self.stop()
            if isinstance(error, TimeoutError):
                raise EmbeddedError(
                    f"Kafka did not answer within {START_SECONDS:g} s.\n{self._last_words()}"
                ) from error
            raise
        log.info("kafka_started", bootstrap_servers=self.bootstrap_servers, pid=self.pid, home=str(self._home))
        return self.bootstrap_servers

    async def stop(self) -> None:
        """Stop the broker in order, by force after ten seconds (a frozen one, say)."""
        child, self._child = self._child, None
        if child is not None:
            await child.stop(STOP_SECONDS)

    def console_tool(self, name: str, *arguments: str) -> list[str]:
        """The command line of one of Kafka's own console tools (`CONSOLE_TOOLS`), pointed at this broker."""
        return self._argv(CONSOLE_TOOLS[name], "--bootstrap-server", self.bootstrap_servers, *arguments)

    def _write_properties(self, port: int) -> Path:
        data = self._home / "data"
        data.mkdir(mode=0o700, parents=True, exist_ok=True)
        properties = self._home / "server.properties"
        node = self._node or Node(1, {1: free_port()})
        properties.write_text(node.filled(port, data))
        return properties

    async def _format(self, properties: Path) -> None:
        if (self._home / "data" / "meta.properties").exists():
            return
        argv = self._argv(
            "kafka.tools.StorageTool", "format", "--ignore-formatted", "-t", CLUSTER_ID, "-c", str(properties)
        )
        child = await start_child(argv, name="kafka-format", output=self.output)
        if await child.wait() != 0:
            if child.killed:
                raise Killed("the program that formats Kafka's data was killed")
            raise EmbeddedError(f"Kafka could not format its data directory.\n{self._last_words()}")

    async def _wait_until_up(self, port: int) -> None:
        while not await _answers(port):
            if not (child := self._running()).running:
                if child.killed:
                    raise Killed("Kafka was killed while it started")
                raise EmbeddedError(f"Kafka ended while starting.\n{self._last_words()}")
            await asyncio.sleep(POLL_SECONDS)

    def _argv(self, main: str, *arguments: str) -> list[str]:
        options = (*JVM, "-Djava.awt.headless=true", "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn")
        return [str(self._java), *options, "-cp", self._class_path, main, *arguments]

    def _last_words(self) -> str:
        with contextlib.suppress(OSError):
            return "\n".join(self.output.read_text(errors="replace").splitlines()[-ERROR_LINES:])
        return ""

    def _running(self) -> Child:
        if self._child is None:
            raise RuntimeError("the embedded Kafka is not running")
        return self._child


async def _answers(port: int) -> bool:
    """Whether the broker takes connections and has been admitted by its controller."""
    try:
        _, writer = await asyncio.open_connection("127.0.0.1", port)  # aiokafka would log an error for each try
    except OSError:
        return False
    writer.close()
    admin = AIOKafkaAdminClient(bootstrap_servers=f"127.0.0.1:{port}", request_timeout_ms=2_000)
    try:
        await admin.start()
        return bool((await admin.describe_cluster())["brokers"])
    except (KafkaError, OSError, TimeoutError):
        return False
    finally:
        await admin.close()
