"""The servers of HELIOGRAPH_TEST_BACKEND=containers: the official images, with the embedded servers' own settings.

Without a registry, POSTGRES_IMAGE and KAFKA_IMAGE name stand-ins (infra/images/README.md), and
TESTCONTAINERS_RYUK_DISABLED=true keeps testcontainers from fetching its cleaner.
"""

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from testcontainers.community.postgres import PostgresContainer
from testcontainers.core.container import DockerContainer

from infra.kafka import embedded as kafka
from infra.kafka.connection import KafkaConnection
from infra.kafka.jars import KAFKA_VERSION
from infra.postgres import embedded as postgres
from infra.process.ports import free_port
from tests.waiting import until

KAFKA_IMAGE = os.environ.get("KAFKA_IMAGE", f"apache/kafka:{KAFKA_VERSION}")
POSTGRES_IMAGE = os.environ.get("POSTGRES_IMAGE", "postgres:18")
UP_SECONDS = 120.0  # a broker on a busy machine; images are fetched before the clock starts
INSIDE = 9092  # the broker's port in its container
PLACED_BY_IMAGE = ("listen_addresses", "unix_socket_directories")  # the image's own start needs its socket


@asynccontextmanager
async def postgres_container() -> AsyncIterator[str]:
    """A PostgreSQL; gives its administrator's DSN."""
    options = [f"-c{name}={value}" for name, value in postgres.SETTINGS.items() if name not in PLACED_BY_IMAGE]
    container = PostgresContainer(
        POSTGRES_IMAGE, username=postgres.USER, password="heliograph", dbname=postgres.DATABASE
    )
    container.with_command(["postgres", *options])
    container.with_env(
        "POSTGRES_INITDB_ARGS",
        " ".join(arg for arg in postgres.INITDB if arg.startswith(("--enc", "--loc", "--builtin"))),
    )
    await asyncio.to_thread(container.start)
    try:
        yield container.get_connection_url(driver=None)
    finally:
        await asyncio.to_thread(container.stop)


@asynccontextmanager
async def kafka_container() -> AsyncIterator[str]:
    """A broker of one node; gives its bootstrap servers."""
    port = free_port()
    container = DockerContainer(KAFKA_IMAGE).with_bind_ports(INSIDE, port)
    for name, value in broker_environment(port).items():
        container.with_env(name, value)
    await asyncio.to_thread(container.start)
    try:
        await until(
            lambda: kafka.answers(KafkaConnection(f"127.0.0.1:{port}")), "the broker answers", within=UP_SECONDS
        )
        yield f"127.0.0.1:{port}"
    finally:
        await asyncio.to_thread(container.stop)


def broker_environment(port: int) -> dict[str, str]:
    """The embedded broker's settings as the image takes them, with a container's own addresses."""
    lines = kafka.Node(1, {1: INSIDE + 1}).filled(port, Path("/var/lib/kafka/data"), None).splitlines()
    settings = dict(line.split("=", 1) for line in lines)
    settings["listeners"] = f"CLIENTS://:{INSIDE},CONTROLLER://:{INSIDE + 1}"
    environment = {f"KAFKA_{name.upper().replace('.', '_')}": value for name, value in settings.items()}
    return {**environment, "CLUSTER_ID": kafka.CLUSTER_ID, "KAFKA_HEAP_OPTS": " ".join(kafka.JVM)}
