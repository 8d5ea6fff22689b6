"""The gateway as it runs, in front of a real Kafka."""

from collections.abc import Awaitable, Callable, Iterator
from typing import Any

import pytest
import structlog
from aiohttp import web
from aiohttp.test_utils import TestClient
from pytest_aiohttp import AiohttpClient

from infra.http.application import new_application
from infra.kafka.connection import KafkaConnection
from infra.process.health import add_health_routes
from infra.process.settings import Settings
from infra.process.world import World
from services.webhook_gateway.app import setup
from tests.served import ServedAsRun

PATH = "/api/webhooks/delivery-reports"

Client = TestClient[web.Request, web.Application]
Start = Callable[..., Awaitable[Client]]


@pytest.fixture
def log_output() -> Iterator[list[Any]]:
    """The log lines of this test, as values."""
    with structlog.testing.capture_logs() as lines:
        yield lines


@pytest.fixture
async def start(kafka: KafkaConnection, world: World, aiohttp_client: AiohttpClient) -> Start:
    """Starts a gateway on this test's topics; keyword arguments are further settings."""

    async def go(**more: Any) -> Client:
        values = {
            "kafka_bootstrap_servers": kafka.bootstrap_servers,
            "kafka_topic_prefix": kafka.topic_prefix,
            "privacy_key": "k" * 16,
        }
        settings = Settings(**(values | more))
        app = new_application(settings)
        add_health_routes(app)
        await setup(app, settings, world)
        return await aiohttp_client(ServedAsRun(app))  # type: ignore[return-value]

    return go
