"""A simulator, a client's side and a webhook's side of it, in one loop."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

import aiohttp
import msgspec
from aiohttp import web
from aiohttp.test_utils import TestServer

from infra.process.world import World
from infra.sinch.simulator.server import serve_simulator
from infra.sinch.simulator.settings import SimulatorSettings

DEADLINE = 20.0  # seconds
ONE, TWO = "15550001111", "15550002222"
AT_ONCE = {"final": {"min": 0, "max": 0}}
NEVER_YET = {"final": {"min": 3600, "max": 3600}}


class Desk:
    """Asks the simulator, and answers its callbacks."""

    def __init__(self, url: str, hook: str, session: aiohttp.ClientSession) -> None:
        self.url, self.hook, self._session = url, hook, session
        self.headers = {"Authorization": "Bearer simulator", "Content-Type": "application/json"}
        self.callbacks: list[dict[str, Any]] = []
        self.raw: list[tuple[dict[str, str], bytes]] = []
        self.answer: Callable[[dict[str, Any]], int] = lambda _: 200
        self._came = asyncio.Condition()

    async def ask(self, method: str, path: str, value: Any = None, **more: Any) -> tuple[int, Any]:
        """A call under the plan's path: status and JSON, None for an empty body."""
        return await self._call(method, f"{self.url}/xms/v1/simulator{path}", value, **more)

    async def control(self, method: str, path: str, value: Any = None) -> Any:
        """A call of the simulator's own; it must succeed."""
        status, body = await self._call(method, f"{self.url}/simulator{path}", value)
        assert status < 300, body
        return body

    async def rules(self, **rules: Any) -> None:
        """Put rules in force."""
        await self.control("PUT", "/rules", rules)

    async def send(self, *to: str, **fields: Any) -> Any:
        """Send a batch that is accepted."""
        status, batch = await self.ask("POST", "/batches", self.request(*to, **fields))
        assert status == 201, batch
        return batch

    def request(self, *to: str, **fields: Any) -> dict[str, Any]:
        """The body of a send: to these numbers, or to one."""
        return {"to": list(to or (ONE,)), "from": "12065550100", "body": "Hi", "callback_url": self.hook} | fields

    async def advance(self, seconds: float) -> None:
        """Let simulated time pass."""
        await self.control("POST", "/clock", {"advance": seconds})

    async def until(self, good: Callable[[], bool]) -> None:
        """Wait until the callbacks that came are so; an error after 20 s."""
        async with asyncio.timeout(DEADLINE), self._came:
            await self._came.wait_for(good)

    async def came(self, many: int) -> list[dict[str, Any]]:
        """The callbacks, when there are so many."""
        await self.until(lambda: len(self.callbacks) >= many)
        return self.callbacks

    async def receive(self, request: web.Request) -> web.Response:
        """The webhook."""
        raw = await request.read()
        body = msgspec.json.decode(raw)
        async with self._came:
            self.callbacks.append(body)
            self.raw.append((dict(request.headers), raw))
            self._came.notify_all()
        return web.Response(status=self.answer(body))

    async def _call(self, method: str, url: str, value: Any, **more: Any) -> tuple[int, Any]:
        data = value if isinstance(value, bytes) or value is None else msgspec.json.encode(value)
        async with self._session.request(method, url, data=data, headers=self.headers, **more) as response:
            raw = await response.read()
            is_json = response.content_type == "application/json" and raw
            return response.status, msgspec.json.decode(raw) if is_json else raw or None


@asynccontextmanager
async def at_desk(settings: SimulatorSettings | None = None, *, plan_url: bool = False) -> AsyncIterator[Desk]:
    """A simulator and a webhook; with `plan_url` the webhook is the plan's own address too."""
    app, world = web.Application(), World()
    desks: list[Desk] = []

    async def receive(request: web.Request) -> web.Response:
        """Pass it on."""
        return await desks[0].receive(request)

    app.router.add_post("/hook", receive)
    async with TestServer(app) as server, aiohttp.ClientSession() as session:
        hook = str(server.make_url("/hook"))
        settings = replace(settings or SimulatorSettings(), callback_url=hook if plan_url else None)
        async with serve_simulator(settings, world=world) as simulator:
            desks.append(Desk(simulator.url, hook, session))
            yield desks[0]
    await world.tasks.stop()
