"""What benchmarks of the gateway share: its broker, the gateway as it is run, and signed reports."""

import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

from contracts.topics import TOPICS
from infra.kafka.connection import KafkaConnection
from infra.kafka.embedded import EmbeddedKafka
from infra.kafka.provision import provision
from infra.process.ports import free_port
from infra.process.world import SystemIds
from infra.sinch.wire.callback_bytes import encode_callback
from infra.sinch.wire.callbacks import RecipientReport
from infra.sinch.wire.signature import signature_headers
from tests.bench.generator import post
from tests.bench.harness import measured_core, other_cores
from tests.bench.processes import pin_all, pinned, until_answers

CONNECTIONS = 64
TOKEN, SECRET = "benchmark-token", "benchmark-secret"
TARGET = f"/api/webhooks/delivery-reports?token={TOKEN}"


@asynccontextmanager
async def broker(folder: Path) -> AsyncIterator[tuple[KafkaConnection, int]]:
    """A broker with all topics, held to the cores that are not measured: its connection and its process id."""
    embedded = EmbeddedKafka(folder / "kafka")
    await embedded.start()
    try:
        pin_all(embedded.pid, other_cores())
        kafka = KafkaConnection(embedded.bootstrap_servers)
        await provision(kafka, topics=TOPICS, replication_factor=1, min_insync_replicas=1)
        yield kafka, embedded.pid
    finally:
        await embedded.stop()


@asynccontextmanager
async def gateway(
    folder: Path, kafka: KafkaConnection, *, on: list[int] | None = None, processes: int = 1, proofs: bool = True
) -> AsyncIterator[tuple[int, int]]:
    """The gateway as `heliograph webhook-gateway` runs it: gives its port and process id."""
    port = free_port()
    env = {
        "KAFKA_BOOTSTRAP_SERVERS": kafka.bootstrap_servers, "PRIVACY_KEY": "benchmark-privacy-key",
        "WEBHOOK_PORT": str(port), "LOG_FORMAT": "json", "METRICS_PORT": "0",
        "WEBHOOK_TOKEN": TOKEN if proofs else "", "SINCH_WEBHOOK_SECRET": SECRET if proofs else "",
    }  # fmt: skip
    argv = [sys.executable, "-m", "services.cli", "webhook-gateway", "--processes", str(processes)]
    async with pinned(argv, on or [measured_core()], output=folder / "gateway.log", env=env) as child:
        await until_answers(f"http://127.0.0.1:{port}/readyz")
        yield port, child.pid


def reports(count: int) -> Iterator[bytes]:
    """Signed requests with a recipient's report each, every one its own; no two calls give the same."""
    ids, nonce = SystemIds(), SystemIds().uuid7().hex[:16]
    campaign = ids.uuid7()
    for number in range(count):
        report = RecipientReport(
            type="recipient_delivery_report_sms", batch_id=f"01W4FFL35P4NC4K35{number // 1000:09d}",
            recipient=str(12010000000 + number), code=0, status="Delivered", at="2024-06-06T08:17:19.210Z",
            operator_status_at="2024-06-06T08:17:00.000Z", client_reference=f"{campaign}.{number // 1000}.1",
        )  # fmt: skip
        body = encode_callback(report)
        yield post(TARGET, body, signature_headers(body, SECRET, f"{nonce}{number:010d}", "1736760161"))
