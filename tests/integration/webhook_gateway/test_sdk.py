"""Sinch's own SDK (PyPI `sinch`) beside ours: what its helpers take for genuine, and what it would make of our callbacks."""

from collections.abc import AsyncIterator

import pytest
from aiohttp import web
from sinch.domains.sms.sinch_events.v1.sms_sinch_event import SmsSinchEvent

from infra.kafka.connection import KafkaConnection
from infra.process.ports import free_port
from infra.sinch.simulator.server import serve_simulator
from infra.sinch.simulator.settings import SimulatorSettings
from tests.integration.webhook_gateway.conftest import PATH, Client, Start
from tests.integration.webhook_gateway.processes import GatewayProcess, Sinch, kept

SECRET = "sdk-secret"
Heard = list[tuple[dict[str, str], bytes]]


@pytest.fixture
async def heard(start: Start) -> AsyncIterator[tuple[Client, Heard, Sinch]]:
    """A gateway, the simulator that reports to it, and every callback as it went over the wire, headers and bytes."""
    client = await start(sinch_webhook_secret=SECRET)
    found: Heard = []

    async def relay(request: web.Request) -> web.Response:
        body = await request.read()
        found.append((dict(request.headers), body))
        answer = await client.post(PATH, data=body, headers=request.headers)
        return web.Response(status=answer.status, body=await answer.read())

    app = web.Application()
    app.router.add_post(PATH, relay)
    runner = web.AppRunner(app)
    await runner.setup()
    port = free_port()
    await web.TCPSite(runner, "127.0.0.1", port).start()
    target = _Target(port)
    async with serve_simulator(SimulatorSettings(webhook_secret=SECRET, default_originator="1555")) as simulator:
        yield client, found, Sinch(simulator, target)
    await runner.cleanup()


class _Target(GatewayProcess):
    """Stands where a gateway process would: only its address counts."""

    def __init__(self, port: int) -> None:
        self.port = port

    @property
    def callback_url(self) -> str:
        """The relay."""
        return f"http://127.0.0.1:{self.port}{PATH}"


async def test_what_the_simulator_signs_is_genuine_to_both(
    heard: tuple[Client, Heard, Sinch], kafka: KafkaConnection
) -> None:
    """Each callback passes Sinch's own validation and ours, parses as Sinch's own event, and is in the log."""
    _, found, sinch = heard
    await sinch.send(1, 5)
    await sinch.until_answered(10, 20.0)
    sdk = SmsSinchEvent(SECRET)
    assert all(sdk.validate_authentication_header(headers, body) for headers, body in found)
    assert {sdk.parse_event(body).type for _, body in found} == {"recipient_delivery_report_sms"}
    assert await kept(kafka) == sinch.answered()


async def test_what_is_wrong_to_the_sdk_is_wrong_to_us(heard: tuple[Client, Heard, Sinch]) -> None:
    """A changed body, under the same headers."""
    client, found, sinch = heard
    await sinch.send(1, 1)
    await sinch.until_answered(2, 20.0)
    headers, body = found[0]
    changed = body.replace(b"Dispatched", b"Delivered_")
    assert not SmsSinchEvent(SECRET).validate_authentication_header(headers, changed)
    assert (await client.post(PATH, data=changed, headers=headers)).status == 503
