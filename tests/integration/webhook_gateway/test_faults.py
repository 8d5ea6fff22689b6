"""Kafka or the gateway killed, frozen or stopped under load, while Sinch retries: nothing answered 200 is missing."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp
import pytest

from contracts.topics import TOPICS
from infra.kafka.connection import KafkaConnection
from infra.kafka.embedded import EmbeddedKafka
from infra.kafka.provision import provision
from infra.process.gone import wait_gone
from infra.process.ports import free_port
from infra.process.world import SystemIds
from infra.sinch.simulator.server import serve_simulator
from infra.sinch.wire.signature import signature_headers
from tests.integration.webhook_gateway.processes import RETRIES, SECRET, GatewayProcess, Sinch, kept
from tests.waiting import until

pytestmark = pytest.mark.faults

BATCHES, RECIPIENTS = 20, 50
CALLBACKS = BATCHES * RECIPIENTS * 2  # Dispatched and the end
ALL_SECONDS = 40.0


@pytest.fixture(scope="module")
async def broker(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[EmbeddedKafka]:
    """A broker on a fixed port that these tests may harm."""
    broker = EmbeddedKafka(Path(tmp_path_factory.mktemp("broker")), free_port())
    await broker.start()
    yield broker
    await broker.stop()


@asynccontextmanager
async def _system(broker: EmbeddedKafka, folder: Path, *arguments: str) -> AsyncIterator[Sinch]:
    """Gateway and simulator on topics of their own."""
    kafka = KafkaConnection(broker.bootstrap_servers, topic_prefix=f"t{SystemIds().uuid7().hex}-")
    await provision(kafka, topics=TOPICS)
    gateway = GatewayProcess(kafka, folder, arguments)
    await gateway.start()
    try:
        async with serve_simulator(RETRIES) as simulator:
            yield Sinch(simulator, gateway)
    finally:
        await gateway.stop()


@pytest.fixture
async def sinch(broker: EmbeddedKafka, tmp_path: Path) -> AsyncIterator[Sinch]:
    """One system for one test."""
    async with _system(broker, tmp_path) as sinch:
        yield sinch


async def _all_in_the_log(sinch: Sinch) -> None:
    """What every fault comes to: each callback was sent, answered 200 in the end, and is in the log."""
    await sinch.until_answered(CALLBACKS, ALL_SECONDS)
    assert await kept(sinch.gateway.kafka) == sinch.tried() == sinch.answered()


async def test_a_broker_killed_under_load_loses_nothing(sinch: Sinch, broker: EmbeddedKafka) -> None:
    """Kill -9 and a new start on the same data, while reports come; meanwhile Sinch hears 503."""
    await sinch.send(BATCHES, RECIPIENTS)
    await sinch.until_answered(100, 20.0)
    killed = broker.pid
    os.kill(killed, signal.SIGKILL)
    assert await wait_gone(killed, 5.0)
    await until(lambda: sinch.failures() > 0, "a callback is put off", 10.0)
    await broker.stop()
    await broker.start()
    await _all_in_the_log(sinch)


async def test_a_frozen_broker_loses_nothing(sinch: Sinch, broker: EmbeddedKafka) -> None:
    """Appends that timed out may have landed all the same: the set of ids is what it is without a fault."""
    await sinch.send(BATCHES, RECIPIENTS)
    await sinch.until_answered(100, 20.0)
    os.kill(broker.pid, signal.SIGSTOP)
    try:
        await until(lambda: sinch.failures() > 0, "a callback is put off", 10.0)
    finally:
        os.kill(broker.pid, signal.SIGCONT)
    await _all_in_the_log(sinch)


async def test_a_gateway_killed_under_load_loses_nothing(sinch: Sinch) -> None:
    """Kill -9 in the middle, then a new start: what was not answered is sent again."""
    await sinch.send(BATCHES, RECIPIENTS)
    await sinch.until_answered(100, 20.0)
    await sinch.gateway.kill()
    await until(lambda: sinch.failures() > 0, "a callback finds nobody", 10.0)
    await sinch.gateway.start()
    await _all_in_the_log(sinch)


async def test_with_a_frozen_broker_the_answer_comes_quickly(sinch: Sinch, broker: EmbeddedKafka) -> None:
    """503 with Retry-After within our deadline at first, and then much sooner; after the thaw it is 200 again."""
    body = b'{"type":"beam"}'  # a type nobody knows
    loop = asyncio.get_running_loop()
    gateway, nonces = sinch.gateway, SystemIds()
    async with aiohttp.ClientSession() as session:

        async def post() -> tuple[int, float]:
            began = loop.time()
            headers = signature_headers(body, SECRET, nonces.uuid7().hex, "1736760161")  # another: no repetition
            async with session.post(gateway.callback_url, data=body, headers=headers) as response:
                assert response.status == 200 or "Retry-After" in response.headers
                return response.status, loop.time() - began

        assert (await post())[0] == 200
        os.kill(broker.pid, signal.SIGSTOP)
        await until(lambda: _is_stopped(broker.pid), "every thread of the broker stands still", 5.0)
        try:
            first, second = await post(), await post()
        finally:
            os.kill(broker.pid, signal.SIGCONT)
        assert (first[0], second[0]) == (503, 503)
        assert first[1] < 4.5
        assert second[1] < 2.0

        async def is_taken() -> bool:
            return (await post())[0] == 200

        await until(is_taken, "reports are taken again", 15.0)


async def test_a_stop_under_load_finishes_what_was_accepted(sinch: Sinch) -> None:
    """SIGTERM: exit code 0 within the deadline; what was answered 200 is in the log, nothing else is lost."""
    await sinch.send(BATCHES, RECIPIENTS)
    await sinch.until_answered(100, 20.0)
    child = sinch.gateway.child
    assert child is not None
    child.send_signal(signal.SIGTERM)
    assert await asyncio.wait_for(child.wait(), 6.0) == 0
    await until(lambda: sinch.failures() > 0, "a callback finds nobody", 10.0)
    assert sinch.answered() <= await kept(sinch.gateway.kafka)
    await sinch.gateway.start()
    await _all_in_the_log(sinch)


async def test_two_processes_share_one_port_and_outlive_each_other(broker: EmbeddedKafka, tmp_path: Path) -> None:
    """With --processes 2 both take callbacks; one that is killed is started again, and nothing is lost."""
    async with _system(broker, tmp_path, "--processes", "2") as sinch:
        parent = sinch.gateway.child
        assert parent is not None
        await until(lambda: len(_children(parent.pid)) == 2, "two processes", 20.0)
        await sinch.send(BATCHES, RECIPIENTS)
        await sinch.until_answered(100, 20.0)
        killed = _children(parent.pid)[0]
        os.kill(killed, signal.SIGKILL)
        await _all_in_the_log(sinch)
        await until(lambda: len(set(_children(parent.pid)) - {killed}) == 2, "two processes again", 20.0)


def _children(pid: int) -> list[int]:
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def _is_stopped(pid: int) -> bool:
    """On a busy machine threads go on for a moment after SIGSTOP, long enough to acknowledge."""
    stats = [(thread / "stat").read_bytes() for thread in Path(f"/proc/{pid}/task").iterdir()]
    return all(stat.rpartition(b")")[2].split()[0] == b"T" for stat in stats)
