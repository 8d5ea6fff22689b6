"""The embedded broker: real, keeps its data, says clearly why it cannot start, ends with its parent."""

import asyncio
import json
import os
import signal
import socket
import sys
from pathlib import Path
from subprocess import PIPE

import pytest

from infra.kafka.embedded import EmbeddedKafka
from infra.kafka.errors import EmbeddedError
from infra.kafka.log import Appender, Entry, partition_for
from infra.process.gone import is_gone, wait_gone
from infra.process.ports import PortTaken
from infra.process.world import World
from tests.integration.kafka.brokers import PARTITIONS, TOPIC, Broker, all_values

PARENT = """
import asyncio, sys
from pathlib import Path
from infra.kafka.embedded import EmbeddedKafka
async def main():
    kafka = EmbeddedKafka(Path(sys.argv[1]))
    await kafka.start()
    print(kafka.pid, flush=True)
    await asyncio.Event().wait()
asyncio.run(main())
"""


async def test_data_is_kept_between_runs(tmp_path: Path, world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """`stop` ends the process; a second run on the same home, on another port, finds the records of the first.

    And the classes: the first has left them parsed, the second maps that file, where Java has an archive of its own (the
    wheel's has none).
    """
    cache = tmp_path / "cache"
    cache.mkdir()
    monkeypatch.setattr("infra.kafka.embedded.cache_directory", lambda: cache)
    kafka = EmbeddedKafka(tmp_path / "home")
    first = await kafka.start()
    await Broker(kafka).make_topic()
    appender = Appender(Broker(kafka).connection, world, name="keeper")
    await appender.start()
    await appender.append(Entry(TOPIC, "k", b"kept"))
    await appender.stop()
    pid = kafka.pid
    await kafka.stop()
    assert is_gone(pid)
    second = await kafka.start()
    try:
        assert first != second
        if "/lib/server/classes" in maps(kafka.pid):
            (archive,) = cache.iterdir()
            assert str(archive) in maps(kafka.pid)
        assert list((await all_values(Broker(kafka).connection)).values()) == [[b"kept"]]
    finally:
        await kafka.stop()


def maps(pid: int) -> str:
    """The files that the process has mapped, among other things."""
    return Path(f"/proc/{pid}/maps").read_text()


async def test_a_taken_port_is_named(tmp_path: Path) -> None:
    """A port that another program listens on is refused with words, before anything starts."""
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        with pytest.raises(PortTaken, match=f"Port {port} is taken"):
            await EmbeddedKafka(tmp_path, port=port).start()


async def test_a_second_broker_on_the_same_data_is_refused(harmed: EmbeddedKafka) -> None:
    """While a broker runs on a home another one is refused, naming the first, which it would have ended too."""
    with pytest.raises(EmbeddedError, match=f"already runs on the data in .*: process {harmed.pid}"):
        await EmbeddedKafka(harmed.output.parent).start()


async def test_a_broker_that_dies_at_start_shows_its_last_words(tmp_path: Path) -> None:
    """When the broker cannot use its data, its own words come out."""
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "meta.properties").write_text("version=1\ncluster.id=another\nnode.id=99\n")
    with pytest.raises(EmbeddedError, match=r"(?s)ended while starting.*Stored node id 99"):
        await EmbeddedKafka(tmp_path).start()


async def test_the_broker_ends_with_its_killed_parent(tmp_path: Path) -> None:
    """Kill -9 of the process that started it takes the broker along."""
    parent = await asyncio.create_subprocess_exec(sys.executable, "-c", PARENT, str(tmp_path), stdout=PIPE)
    assert parent.stdout is not None
    async for line in parent.stdout:
        if line.strip().isdigit():
            break
    broker = int(line)
    assert not is_gone(broker)
    os.kill(parent.pid, signal.SIGKILL)
    await parent.wait()
    assert await wait_gone(broker, 5.0)


async def _run(argv: list[str], given: bytes = b"") -> bytes:
    process = await asyncio.create_subprocess_exec(*argv, stdin=PIPE, stdout=PIPE, stderr=PIPE)
    said, complained = await asyncio.wait_for(process.communicate(given), 60.0)
    assert process.returncode == 0, complained.decode()
    return said


async def test_kafkas_own_consumer_shows_plain_json(broker: Broker, appender: Appender) -> None:
    """`kafka-console-consumer` prints what was appended, as it is."""
    event = {"type": "BatchAccepted.v1", "client_reference": "c.0.1"}
    await appender.append(Entry(TOPIC, "c.0", json.dumps(event).encode()))
    argv = broker.kafka.console_tool(
        "kafka-console-consumer",
        *(
            "--topic",
            broker.connection.topic(TOPIC),
            "--from-beginning",
            "--max-messages",
            "1",
            "--timeout-ms",
            "30000",
        ),
    )
    assert json.loads(await _run(argv)) == event


async def test_kafkas_own_producer_chooses_our_partitions(broker: Broker) -> None:
    """Keys written by `kafka-console-producer` land where `partition_for` says."""
    keys = [f"0190c9b4-1111-7000-8000-00000000000{number % 10}.{number}" for number in range(40)] + ["ü", "x"]
    argv = broker.kafka.console_tool(
        "kafka-console-producer",
        *("--topic", broker.connection.topic(TOPIC)),
        *("--reader-property", "parse.key=true", "--reader-property", "key.separator=="),
    )
    await _run(argv, "".join(f"{key}={key}\n" for key in keys).encode())
    landed = {
        (value or b"").decode(): partition.partition
        for partition, values in (await all_values(broker.connection)).items()
        for value in values
    }
    assert landed == {key: partition_for(key, PARTITIONS) for key in keys}
