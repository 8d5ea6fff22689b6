"""A real Kafka broker of our own: KRaft mode, one node, on a loopback port, for `run` and for tests (DESIGN §2)."""

import asyncio
import contextlib
import os
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import structlog
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaError

from infra.kafka.access.users import admit
from infra.kafka.connection import KafkaConnection
from infra.kafka.errors import EmbeddedError
from infra.kafka.jars import cache_directory, class_path
from infra.kafka.java import ClassArchive, find_java
from infra.kafka.occupant import note, occupant
from infra.process.children import Child, Killed, start_child
from infra.process.ports import PortTaken, free_port, is_free

log = structlog.get_logger(__name__)

CLUSTER_ID = "heliograph-embedded-kf"  # 22 characters, as Kafka demands; the data directory holds it
JVM = ("-Xmx512m", "-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC")
"""Compiled at once instead of well: this broker lives for minutes, shares two cores, and mostly moves bytes. Without it a
gateway's load or a rebuild takes turns with the compiler for the first minute (docs/performance.md).
"""
START_SECONDS = 90.0  # 1 to 2 s on an idle machine; 4 s after kill -9; longer when both cores are busy
ENDED_BY_SIGTERM = 143  # a JVM's exit code when it has done all that it does at its end
STOP_SECONDS = 10.0
STOP_AND_WRITE_SECONDS = (
    30.0  # the first one, which leaves its classes (infra/kafka/java.py): 2 s more on an idle machine
)
POLL_SECONDS = 0.05
ERROR_LINES = 15  # of the broker's own output, shown when it does not start

# The first three let a broker that was killed come back in 4 s instead of 12, and groups settle at once (PITFALLS).
PROPERTIES = """\
process.roles=broker,controller
node.id={node}
controller.listener.names=CONTROLLER
controller.quorum.voters={voters}
listeners=CLIENTS://127.0.0.1:{port},CONTROLLER://127.0.0.1:{controller_port}
advertised.listeners=CLIENTS://127.0.0.1:{port}
inter.broker.listener.name=CLIENTS
listener.security.protocol.map=CLIENTS:{protocol},CONTROLLER:{protocol}
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

ADMIN = "admin"
ADMIN_BYTES = 32
LOCKED = """\
listener.name.clients.sasl.enabled.mechanisms=SCRAM-SHA-256,PLAIN
listener.name.clients.scram-sha-256.sasl.jaas.config=org.apache.kafka.common.security.scram.ScramLoginModule required;
listener.name.clients.plain.sasl.jaas.config={plain}
listener.name.controller.sasl.enabled.mechanisms=PLAIN
listener.name.controller.plain.sasl.jaas.config={plain}
sasl.mechanism.inter.broker.protocol=PLAIN
sasl.mechanism.controller.protocol=PLAIN
authorizer.class.name=org.apache.kafka.metadata.authorizer.StandardAuthorizer
super.users=User:{admin}
"""
"""What keeps the other users of the machine out. The administrator is in no metadata, so he enters data of any age, and
his password is another one at every start; with it the users of `infra/kafka/access/` are made, who come by SCRAM.
"""
PLAIN = (
    "org.apache.kafka.common.security.plain.PlainLoginModule required "
    'username="{admin}" password="{password}" user_{admin}="{password}";'
)

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

    def filled(self, port: int, data: Path, password: str | None) -> str:
        """The properties of this node. With three, two must have a record before it counts. No password: open to all."""
        nodes = len(self.controller_ports)
        plain = PLAIN.format(admin=ADMIN, password=password)
        return (PROPERTIES + (LOCKED if password else "")).format(
            node=self.number,
            voters=",".join(f"{number}@127.0.0.1:{at}" for number, at in self.controller_ports.items()),
            port=port,
            controller_port=self.controller_ports[self.number],
            data=data,
            replication=nodes,
            in_sync=max(1, nodes - 1),
            protocol="SASL_PLAINTEXT" if password else "PLAINTEXT",
            plain=plain,
            admin=ADMIN,
        )


class EmbeddedKafka:
    """One broker with its data under `home`, kept between runs. `port` None takes a free one each time.

    `node`: one of a cluster, which is up only when most of its nodes are. `users`, with their passwords (and the prefix
    of our topics): the only ones who enter, each with the rights of `infra/kafka/access/rights.py`. Without: open to all
    of the machine, for tests.
    """

    def __init__(
        self,
        home: Path,
        port: int | None = None,
        node: Node | None = None,
        *,
        users: Mapping[str, str] | None = None,
        topic_prefix: str = "",
    ) -> None:
        self._node = node
        self._users = users
        self._topic_prefix = topic_prefix
        self._admin_password: str | None = None
        self._home = home.absolute()
        self._wanted_port = port
        self._child: Child | None = None
        self._class_path = ""
        self._java = Path()
        self._archive: ClassArchive | None = None
        self.bootstrap_servers = ""

    @property
    def pid(self) -> int:
        """The broker's process id."""
        return self._running().pid

    @property
    def admin(self) -> KafkaConnection:
        """Who may do everything; to nobody but those who start the broker."""
        if self._admin_password is None:
            return KafkaConnection(self.bootstrap_servers, self._topic_prefix)
        return KafkaConnection(
            self.bootstrap_servers, self._topic_prefix, "SASL_PLAINTEXT", "PLAIN", ADMIN, self._admin_password
        )

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
        self._archive = ClassArchive(cache_directory(), self._java, self._class_path)
        properties = self._write_properties(port)
        await self._format(properties)
        self._draft.unlink(missing_ok=True)
        argv = self._argv("kafka.Kafka", str(properties), options=self._archive.options(self._draft))
        self._child = await start_child(argv, name="kafka", output=self.output)
        note(self._home, self._child.pid)
        self.bootstrap_servers = f"127.0.0.1:{port}"
        try:
            async with asyncio.timeout(START_SECONDS):
                await self._wait_until_up()
            if self._users is not None:
                await admit(self.admin, self._users)
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
        """Stop the broker in order, by force after ten seconds (a frozen one, say), or thirty the very first time."""
        child, self._child = self._child, None
        if child is None or self._archive is None:
            return
        within = STOP_SECONDS if self._archive.options_to_read() else STOP_AND_WRITE_SECONDS
        if await child.stop(within) == ENDED_BY_SIGTERM:
            self._archive.keep(self._draft)

    def console_tool(self, name: str, *arguments: str) -> list[str]:
        """The command line of one of Kafka's own console tools (`CONSOLE_TOOLS`), pointed at this broker."""
        return self._argv(CONSOLE_TOOLS[name], "--bootstrap-server", self.bootstrap_servers, *arguments)

    def _write_properties(self, port: int) -> Path:
        data = self._home / "data"
        data.mkdir(mode=0o700, parents=True, exist_ok=True)
        properties = self._home / "server.properties"
        node = self._node or Node(1, {1: free_port()})
        if self._users is not None:
            self._admin_password = secrets.token_hex(ADMIN_BYTES)
        properties.unlink(missing_ok=True)  # it may be open to others
        with os.fdopen(os.open(properties, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            file.write(node.filled(port, data, self._admin_password))
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

    async def _wait_until_up(self) -> None:
        while not await answers(self.admin):
            if not (child := self._running()).running:
                if child.killed:
                    raise Killed("Kafka was killed while it started")
                raise EmbeddedError(f"Kafka ended while starting.\n{self._last_words()}")
            await asyncio.sleep(POLL_SECONDS)

    @property
    def _draft(self) -> Path:
        return self._home / "classes.jsa"

    def _argv(self, main: str, *arguments: str, options: Sequence[str] = ()) -> list[str]:
        if not options and self._archive is not None:
            options = self._archive.options_to_read()
        options = (*JVM, *options, "-Djava.awt.headless=true", "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn")
        return [str(self._java), *options, "-cp", self._class_path, main, *arguments]

    def _last_words(self) -> str:
        with contextlib.suppress(OSError):
            return "\n".join(self.output.read_text(errors="replace").splitlines()[-ERROR_LINES:])
        return ""

    def _running(self) -> Child:
        if self._child is None:
            raise RuntimeError("the embedded Kafka is not running")
        return self._child


async def answers(connection: KafkaConnection) -> bool:
    """Whether the broker of this machine takes connections and has been admitted by its controller."""
    host, _, port = connection.bootstrap_servers.rpartition(":")
    try:
        _, writer = await asyncio.open_connection(host, int(port))  # aiokafka would log an error for each try
    except OSError:
        return False
    writer.close()
    admin = AIOKafkaAdminClient(**connection.client_arguments(), request_timeout_ms=2_000)
    try:
        await admin.start()
        return bool((await admin.describe_cluster())["brokers"])
    except (KafkaError, OSError, TimeoutError):
        return False
    finally:
        await admin.close()
