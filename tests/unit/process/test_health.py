"""Liveness and readiness pages."""

from typing import Any

import aiohttp
import pytest
from aiohttp import web

from infra.http.application import health_application, new_application
from infra.postgres.ready import postgres_check
from infra.process.health import NotReady, add_health_routes, readiness_of, same_health, serving
from infra.process.ports import free_port
from infra.process.settings import Settings


async def _answer() -> None:
    """A dependency that answers."""


async def _refuse() -> None:
    raise ConnectionRefusedError


async def _get(app: web.Application, path: str) -> tuple[int, dict[str, object]]:
    async with (
        serving(app, "127.0.0.1", 0) as port,
        aiohttp.ClientSession(f"http://127.0.0.1:{port}") as session,
        session.get(path) as response,
    ):
        return response.status, await response.json(content_type=None)


@pytest.fixture
def app() -> web.Application:
    """An application with the pages."""
    app = web.Application()
    add_health_routes(app)
    return app


async def test_ready_when_all_dependencies_answer(app: web.Application) -> None:
    """`/readyz` is 200 when every check passes."""
    readiness_of(app)["postgres"] = _answer
    assert await _get(app, "/readyz") == (200, {"status": "ready", "checks": {"postgres": "ok"}})


async def test_not_ready_names_the_dependency(app: web.Application) -> None:
    """`/readyz` is 503 and says which dependency does not answer."""
    readiness_of(app)["postgres"] = _answer
    readiness_of(app)["kafka"] = _refuse
    checks = {"postgres": "ok", "kafka": "ConnectionRefusedError"}
    assert await _get(app, "/readyz") == (503, {"status": "not ready", "checks": checks})


async def test_not_ready_says_why(app: web.Application) -> None:
    """What a dependency says that answers and yet cannot be worked with stands in its place."""

    async def read_only() -> None:
        raise NotReady("read-only")

    readiness_of(app)["postgres"] = read_only
    assert await _get(app, "/readyz") == (503, {"status": "not ready", "checks": {"postgres": "read-only"}})


async def test_alive_though_not_ready(app: web.Application) -> None:
    """A process whose dependency is away is alive: restarting it would not help."""
    readiness_of(app)["kafka"] = _refuse
    assert (await _get(app, "/healthz"))[0] == 200


async def test_check_of_an_absent_server_fails(app: web.Application) -> None:
    """Where nobody listens, PostgreSQL does not count as reachable."""
    readiness_of(app)["postgres"] = postgres_check(f"postgresql://u:p@127.0.0.1:{free_port()}/d")
    assert await _get(app, "/readyz") == (
        503,
        {"status": "not ready", "checks": {"postgres": "ConnectionRefusedError"}},
    )


async def test_on_a_port_of_its_own_all_is_told() -> None:
    """What the published port keeps back once there are keys stands on METRICS_PORT, with the same checks."""
    keys: dict[str, Any] = {"api_keys": "name:secret-of-sixteen", "_env_file": None}
    public, own = new_application(Settings(**keys)), health_application(Settings(**keys))
    add_health_routes(public)
    readiness_of(public)["kafka"] = _refuse
    same_health(public, own)
    assert await _get(public, "/readyz") == (503, {"status": "not ready"})
    assert await _get(own, "/readyz") == (
        503, {"status": "not ready", "checks": {"kafka": "ConnectionRefusedError"}},
    )  # fmt: skip
    assert (await _get(public, "/metrics"))[0] == 404
    async with (
        serving(own, "127.0.0.1", 0) as port,
        aiohttp.ClientSession() as session,
        session.get(f"http://127.0.0.1:{port}/metrics") as answer,
    ):
        assert "heliograph_" in await answer.text()
