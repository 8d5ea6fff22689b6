"""The health check of the image."""

import asyncio

from aiohttp import web

from infra.images.healthy import healthy
from infra.process.health import add_health_routes, serving


async def test_the_port_that_answers_counts() -> None:
    """A worker answers on METRICS_PORT and not on PORT, an API the other way round: either is healthy."""
    app = web.Application()
    add_health_routes(app)
    async with serving(app, "127.0.0.1", 0) as port:
        for name in ("METRICS_PORT", "PORT"):
            ports = {"METRICS_PORT": "0", "PORT": "1", name: str(port)}
            assert await asyncio.to_thread(healthy, ports)


async def test_another_answer_than_200_is_unhealthy() -> None:
    """A server that does not know /healthz is not ours."""
    async with serving(web.Application(), "127.0.0.1", 0) as port:
        assert not await asyncio.to_thread(healthy, {"PORT": str(port)})


def test_silence_is_unhealthy() -> None:
    """Nobody listens, or no port is set: unhealthy."""
    assert not healthy({"METRICS_PORT": "1", "PORT": "1"})
    assert not healthy({"METRICS_PORT": "0"})
