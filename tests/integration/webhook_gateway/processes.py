"""The gateway as a process, Sinch as the simulator, and what each of them knows of the callbacks."""

import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import aiohttp

from contracts import topics
from contracts.events import decode
from contracts.identity import derived_id
from infra.kafka.connection import KafkaConnection
from infra.kafka.log import scan
from infra.process.children import Child, start_child
from infra.process.ports import free_port
from infra.sinch.simulator.server import RunningSimulator
from infra.sinch.simulator.settings import SimulatorSettings
from tests.waiting import until

TOKEN, SECRET = "gateway-token", "gateway-secret"
ROOT = Path(__file__).parents[3]
READY_SECONDS = 30.0
RETRIES = SimulatorSettings(
    webhook_secret=SECRET, default_originator="15550100000", first_retry=0.3, callback_timeout=6.0
)
"""Sinch's rule, sixteen times as fast."""


@dataclass
class GatewayProcess:
    """`heliograph webhook-gateway` on a port that stays the same when it is started again."""

    kafka: KafkaConnection
    folder: Path
    arguments: tuple[str, ...] = ()
    port: int = field(default_factory=free_port)
    child: Child | None = None

    @property
    def url(self) -> str:
        """Its address."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def callback_url(self) -> str:
        """What Sinch is told."""
        return f"{self.url}/api/webhooks/delivery-reports?token={TOKEN}"

    @property
    def environment(self) -> Mapping[str, str]:
        """Its settings."""
        return os.environ | {
            "KAFKA_BOOTSTRAP_SERVERS": self.kafka.bootstrap_servers, "KAFKA_TOPIC_PREFIX": self.kafka.topic_prefix,
            "WEBHOOK_PORT": str(self.port), "WEBHOOK_TOKEN": TOKEN, "SINCH_WEBHOOK_SECRET": SECRET,
            "PRIVACY_KEY": "k" * 16, "LOG_FORMAT": "json",
        }  # fmt: skip

    async def start(self) -> None:
        """Start it and wait until it is ready."""
        argv = (sys.executable, "-m", "services.cli", "webhook-gateway", *self.arguments)
        self.child = await start_child(
            argv, name="gateway", env=self.environment, cwd=ROOT, output=self.folder / "gateway.log"
        )
        await until(self.is_ready, "the gateway is ready", READY_SECONDS)

    async def is_ready(self) -> bool:
        """Whether it answers and reaches Kafka."""
        async with aiohttp.ClientSession() as session:
            try:
                async with session.get(f"{self.url}/readyz") as response:
                    return response.status == 200
            except aiohttp.ClientError:
                return False

    async def kill(self) -> None:
        """Kill -9."""
        assert self.child is not None
        self.child.kill()
        await self.child.wait()

    async def stop(self) -> None:
        """As a supervisor does."""
        if self.child is not None:
            await self.child.stop()


@dataclass
class Sinch:
    """The simulator's side of a test."""

    simulator: RunningSimulator
    gateway: GatewayProcess

    async def send(self, batches: int, recipients: int) -> None:
        """Batches that report every recipient's end to the gateway."""
        async with aiohttp.ClientSession(headers={"Authorization": "Bearer simulator"}) as session:
            for number in range(batches):
                first = 12010000000 + number * recipients
                body = {
                    "to": [str(first + n) for n in range(recipients)], "body": "x", "delivery_report": "per_recipient",
                    "callback_url": self.gateway.callback_url,
                }  # fmt: skip
                async with session.post(f"{self.simulator.url}/xms/v1/simulator/batches", json=body) as response:
                    assert response.status == 201, await response.text()

    def tried(self) -> set[str]:
        """The event ids of all callbacks that were tried."""
        return {derived_id("callback", one.body.encode()) for one in self.simulator.plan.deliverer.log}

    def answered(self) -> set[str]:
        """Those that were answered 200."""
        log = self.simulator.plan.deliverer.log
        return {derived_id("callback", one.body.encode()) for one in log if one.status == 200}

    def failures(self) -> int:
        """Tries that were not answered 200."""
        return sum(one.status != 200 for one in self.simulator.plan.deliverer.log)

    async def until_answered(self, count: int, within: float) -> None:
        """Wait until so many different callbacks have been answered 200."""
        await until(lambda: len(self.answered()) >= count, f"{count} callbacks answered 200", within)


async def kept(kafka: KafkaConnection) -> set[str]:
    """The event ids in the log."""
    found: set[str] = set()
    async for batch in scan(kafka, [topics.DELIVERY_REPORTS]):
        found.update(decode(record.value).event_id for records in batch.values() for record in records)
    return found
