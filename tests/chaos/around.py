"""What a run has around its dispatchers: a Sinch that refuses some batches without a name, the gateway, a projector."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from collections.abc import Set as AbstractSet
from contextlib import asynccontextmanager
from typing import Any

import msgspec
from aiohttp import web
from aiohttp.test_utils import TestServer

from infra.kafka.connection import KafkaConnection
from infra.process.settings import Settings
from infra.process.world import World
from infra.sinch.simulator.app import PLAN, create_app
from infra.sinch.simulator.http_input import body_bytes
from infra.sinch.simulator.server import RunningSimulator
from infra.sinch.wire.errors import encode_error
from services.projector.app import run as project
from services.webhook_gateway.app import setup as gateway

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
BAD_REQUEST = 400


class _To(msgspec.Struct):
    to: list[str]


_to = msgspec.json.Decoder(_To)


@asynccontextmanager
async def serve_sinch(cursed: AbstractSet[str], world: World) -> AsyncIterator[RunningSimulator]:
    """The simulator; a batch with a cursed number in it gets a 400 that names nobody."""

    @web.middleware
    async def curse(request: web.Request, handler: Handler) -> web.StreamResponse:
        """Refuse what is cursed."""
        is_offer = request.method == "POST" and request.path.endswith("/batches")
        if cursed and is_offer and not cursed.isdisjoint(_to.decode(await body_bytes(request)).to):
            body = encode_error("syntax_constraint_violation", "Something in here is not acceptable.")
            return web.Response(status=BAD_REQUEST, body=body, content_type="application/json")
        return await handler(request)

    app = create_app(None, world)
    app.middlewares.append(curse)
    server = TestServer(app)
    await server.start_server(access_log=None, shutdown_timeout=1.0)
    try:
        yield RunningSimulator(str(server.make_url("")).rstrip("/"), app[PLAN])
    finally:
        await server.close()


@asynccontextmanager
async def serve_gateway(kafka: KafkaConnection, world: World) -> AsyncIterator[str]:
    """The webhook gateway's own application; gives its address."""
    app = web.Application()
    await gateway(app, _settings(kafka, privacy_key="k" * 16), world)
    server = TestServer(app)
    await server.start_server(access_log=None)
    try:
        yield str(server.make_url("")).rstrip("/")
    finally:
        await server.close()


class Projecting:
    """The projector's own loop. What ends it is seen by whoever stops it."""

    def __init__(self, kafka: KafkaConnection, dsn: str) -> None:
        self._settings = _settings(kafka, database_url=dsn)
        self._world = World()
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Fold from where the tables stand."""
        self._world = World()
        self._task = asyncio.create_task(project(self._settings, self._world))

    async def stop(self) -> BaseException | None:
        """End it. Gives what had ended it before."""
        if self._task is None:
            return None
        task, self._task = self._task, None
        ended = task.exception() if task.done() else None
        task.cancel()
        await asyncio.wait({task})
        await self._world.tasks.stop()
        return ended


def _settings(kafka: KafkaConnection, **more: Any) -> Settings:
    values: dict[str, Any] = {"_env_file": None, "kafka_bootstrap_servers": kafka.bootstrap_servers}
    return Settings(**values, kafka_topic_prefix=kafka.topic_prefix, **more)
