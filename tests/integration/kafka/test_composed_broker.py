"""The broker as docker-compose.yml sets it up, run from these very settings with the secrets that its script makes."""

import asyncio
import os
import re
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaConnectionError

from infra.kafka import embedded
from infra.kafka.access.users import MECHANISM
from infra.kafka.connection import KafkaConnection
from infra.kafka.jars import class_path
from infra.kafka.java import find_java
from infra.kafka.log import Appender, Entry
from infra.process.children import start_child
from infra.process.ports import free_port
from infra.process.world import World
from tests.waiting import until

ROOT = Path(__file__).parents[3]


def _settings(name: str) -> dict[str, str]:
    """The environment of a service in docker-compose.yml, without what stands between ${…:-}."""
    block = re.split(r"\n  (?=\S)", (ROOT / "docker-compose.yml").read_text().split("\nservices:\n")[1])
    service = next(part for part in block if part.strip().startswith(f"{name}:"))
    lines = service.split("    environment:\n")[1].splitlines()
    found = {}
    for line in lines:
        if not line.startswith("      "):
            break
        key, _, value = line.strip().partition(": ")
        found[key] = re.sub(r"\$\{[A-Z_]+:-(.*?)}", r"\1", value.partition("  #")[0]).strip('"')
    return found


def _properties(data: Path, port: int, controller: int) -> tuple[str, dict[str, str]]:
    """What the image makes of these variables, at this machine's ports, and the variables."""
    given = _settings("kafka")
    lines = {
        name.removeprefix("KAFKA_").lower().replace("_", "."): value
        for name, value in given.items()
        if name.startswith("KAFKA_") and name not in ("KAFKA_OPTS", "KAFKA_HEAP_OPTS")
    }
    lines |= {
        "listeners": f"CLIENTS://127.0.0.1:{port},CONTROLLER://127.0.0.1:{controller}",
        "advertised.listeners": f"CLIENTS://127.0.0.1:{port}",
        "controller.quorum.voters": f"1@127.0.0.1:{controller}",
        "log.dirs": str(data),
    }
    return "".join(f"{name}={value}\n" for name, value in lines.items()), given


@pytest.fixture(scope="module")
def secrets(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What `infra/images/secrets.sh` makes."""
    directory = tmp_path_factory.mktemp("composed") / "secrets"
    subprocess.run([ROOT / "infra/images/secrets.sh", directory], check=True, capture_output=True)
    return directory


@pytest.fixture(scope="module")
async def bootstrap(secrets: Path) -> AsyncIterator[str]:
    """That broker, with an administrator and nothing else."""
    home, port = secrets.parent, free_port()
    properties = home / "server.properties"
    text, given = _properties(home / "data", port, free_port())
    properties.write_text(text)
    options = given["KAFKA_OPTS"].replace("/run/secrets", str(secrets))
    java, jars = await find_java(), await class_path()
    argv = [str(java), *embedded.JVM, options, "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn", "-cp", jars]
    kept = [
        "kafka.tools.StorageTool",
        "format",
        "-t",
        given["CLUSTER_ID"].split(":-")[-1].rstrip("}"),
        "-c",
        str(properties),
    ]
    assert await (await start_child([*argv, *kept], name="format", output=home / "kafka.log")).wait() == 0
    broker = await start_child([*argv, "kafka.Kafka", str(properties)], name="kafka", output=home / "kafka.log")
    admin = KafkaConnection(
        f"127.0.0.1:{port}", "", "SASL_PLAINTEXT", "PLAIN", "admin", (secrets / "kafka_password_admin").read_text()
    )

    async def up() -> bool:
        assert broker.running, (home / "kafka.log").read_text()[-2000:]
        return await embedded.answers(admin)

    try:
        await until(up, "the broker answers its administrator", within=90.0)
        yield admin.bootstrap_servers
    finally:
        await broker.stop()


async def _topics(bootstrap: str, secrets: Path, *more: str) -> str:
    """`heliograph topics` with the settings of the service `topics`."""
    given = {
        name: value.replace("/run/secrets", str(secrets)) for name, value in _settings("topics").items() if name != "<<"
    }
    environment = {
        **os.environ, **given, "KAFKA_BOOTSTRAP_SERVERS": bootstrap, "KAFKA_REPLICATION": "1",
        "KAFKA_SECURITY_PROTOCOL": "SASL_PLAINTEXT", "HELIOGRAPH_HOME": str(secrets.parent),
    }  # fmt: skip
    argv = (sys.executable, "-m", "services.cli", "topics", *more)
    process = await asyncio.create_subprocess_exec(
        *argv, cwd=ROOT, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    )
    said, _ = await asyncio.wait_for(process.communicate(), 60)
    assert process.returncode == 0, said.decode()
    return said.decode()


async def test_topics_makes_the_users_who_then_do_their_work(bootstrap: str, secrets: Path, world: World) -> None:
    """After `topics --users` each service enters by its secret; nobody enters without one."""
    for _ in range(2):  # at every `up`
        said = await _topics(bootstrap, secrets, "--users", str(secrets))
        assert "have their rights" in said
    password = (secrets / "kafka_password_webhook_gateway").read_text()
    gateway = KafkaConnection(bootstrap, "", "SASL_PLAINTEXT", MECHANISM, "webhook_gateway", password)
    appender = Appender(gateway, world, name="gateway")
    await appender.start()
    await appender.append(Entry("delivery-reports", "k", b"{}"))
    await appender.stop()
    stranger = AIOKafkaAdminClient(bootstrap_servers=bootstrap, request_timeout_ms=5_000)
    with pytest.raises(KafkaConnectionError):
        await stranger.start()
    await stranger.close()


async def test_a_directory_without_secrets_is_refused(bootstrap: str, secrets: Path, tmp_path: Path) -> None:
    """A wrong directory is said, not passed over."""
    with pytest.raises(AssertionError, match=r"has no file kafka_password_…"):
        await _topics(bootstrap, secrets, "--users", str(tmp_path))
