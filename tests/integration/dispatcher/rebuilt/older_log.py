"""The log as an older copy of it has it, and the operator's commands on these parts."""

import asyncio
import sys
from subprocess import PIPE, STDOUT

from contracts import topics
from infra.kafka.connection import KafkaConnection
from infra.kafka.log import Appender, Entry, Partition, Scanner
from infra.process.world import World
from tests.integration.dispatcher.parts import Parts
from tests.integration.projector.processes import ROOT, environment
from tests.places import made_anew

NAMES = [topic.name for topic in topics.TOPICS]
SECONDS = 90.0


async def ends(kafka: KafkaConnection) -> dict[Partition, int]:
    """Where the log ends: what a copy of this moment has."""
    async with Scanner(kafka) as scanner:
        bounds = await scanner.bounds(await scanner.partitions(NAMES))
    return {partition: end for partition, (_, end) in bounds.items()}


async def restore(kafka: KafkaConnection, copied: dict[Partition, int]) -> None:
    """Kafka was lost and comes again from that copy: the same records at the same places, and nothing behind them."""
    kept = dict[Partition, list[Entry]]()
    async with Scanner(kafka) as scanner:
        async for batch in scanner.read(dict.fromkeys(copied, 0), copied):
            for partition, records in batch.items():
                some = kept.setdefault(partition, [])
                some += [Entry(partition.topic, (r.key or b"").decode(), r.value or b"") for r in records]
    for name in NAMES:
        await made_anew(kafka, name)
    appender = Appender(kafka, World(), name="copy")
    await appender.start()
    for entries in kept.values():
        await appender.append_all(entries, within=60.0)
    await appender.stop()
    again = await ends(kafka)
    assert all(again[partition] >= end for partition, end in copied.items())


async def typed(these: Parts, *words: str) -> tuple[int, str]:
    """Exit code and output of `heliograph restore <words> --reason …`."""
    more = {
        "PRIVACY_KEY": "k" * 16, "SINCH_SERVICE_PLAN_ID": "simulator", "SINCH_API_TOKEN": "simulator",
        "SINCH_BASE_URL": these.simulator.url, "IN_DOUBT_SETTLE": "0.4", "IN_DOUBT_LOOKS": "2",
    }  # fmt: skip
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "services.cli", "restore", *words, "--reason", "a test",
        env=environment(these.kafka, these.database) | more, cwd=ROOT, stdout=PIPE, stderr=STDOUT,
    )  # fmt: skip
    output, _ = await asyncio.wait_for(process.communicate(), SECONDS)
    return process.returncode or 0, output.decode()


async def done(these: Parts, *words: str) -> str:
    """The same with --apply; it must end well."""
    code, said = await typed(these, *words, "--apply")
    assert code == 0, said
    return said
