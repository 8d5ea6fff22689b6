"""A page of another site, in a real browser, against API and gateway that stand open (issue 17, part 5)."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiohttp import web

from contracts import topics
from infra.http.application import new_application
from infra.kafka.connection import KafkaConnection
from infra.process.health import add_health_routes, serving
from infra.process.settings import Settings
from infra.process.world import World
from infra.sinch.simulator.server import serve_simulator
from services.campaign.app import setup as campaign
from services.webhook_gateway.app import setup as webhook_gateway
from tests.integration.http.chromium import Seen, opened
from tests.reading import events_of

PAGE = Path(__file__).with_name("foreign_page.html")
PHONE = "+15551231234"
SECRET_NAME = "the operator's own campaign"


@pytest.fixture
async def api(database: str, kafka: KafkaConnection, world: World) -> AsyncIterator[str]:
    """API and gateway without keys, as `heliograph run` has them: their address. One number has opted out."""
    values: dict[str, Any] = {
        "_env_file": None, "database_url": database, "kafka_bootstrap_servers": kafka.bootstrap_servers,
        "kafka_topic_prefix": kafka.topic_prefix, "privacy_key": "k" * 16,
    }  # fmt: skip
    settings = Settings(**values)
    app = new_application(settings)
    add_health_routes(app)
    for setup in (campaign, webhook_gateway):
        await setup(app, settings, world)
    async with serving(app, "127.0.0.1", 0) as port, aiohttp.ClientSession(f"http://127.0.0.1:{port}") as session:
        async with session.put(f"/api/opt-outs/{PHONE}") as answer:
            assert answer.status == 202
        body = {"recipients": ["+15551256344"], "message": "Hello", "name": SECRET_NAME}
        async with session.post("/api/campaigns/send", json=body) as answer:
            assert answer.status == 202
        yield f"http://127.0.0.1:{port}"


@asynccontextmanager
async def page_of_another_site() -> AsyncIterator[str]:
    """Serves the foreign page: its address, under a name of its own."""

    async def show(_request: web.Request) -> web.Response:
        return web.Response(text=PAGE.read_text(encoding="utf-8"), content_type="text/html")

    app = web.Application()
    app.router.add_get("/", show)
    async with serving(app, "127.0.0.1", 0) as port:
        yield f"http://evil.example:{port}/"


async def attacked(target: str, folder: Path) -> Seen:
    """What a page of another site saw that tried everything with `target`."""
    async with page_of_another_site() as page:
        return await opened(f"{page}?target={target}", folder / "profile")


@pytest.mark.parametrize("name", ["127.0.0.1", "rebound.example"])
async def test_a_foreign_page_reads_sends_and_undoes_nothing(
    api: str, name: str, kafka: KafkaConnection, tmp_path: Path
) -> None:
    """By fetch, form, beacon and frame, in JSON and text/plain, by the address and by a name that leads to it."""
    seen = await attacked(api.replace("127.0.0.1", name), tmp_path)
    assert {what: one for what, one in seen.result.items() if one["text"]} == {}
    assert len(await events_of(kafka, topics.CAMPAIGN_REQUESTS)) == 1
    assert len(await events_of(kafka, topics.CONSENT)) == 1
    assert await events_of(kafka, topics.INBOUND_MESSAGES) == []
    assert await events_of(kafka, topics.DEAD_LETTERS) == []


async def test_a_page_under_a_name_that_leads_here_reads_nothing(api: str, tmp_path: Path) -> None:
    """After DNS rebinding the browser takes us for the page's own server, and we say that we are not."""
    ours = await opened(f"{api}/api/campaigns", tmp_path / "ours")
    assert SECRET_NAME in ours.dom
    rebound = await opened(f"{api.replace('127.0.0.1', 'rebound.example')}/api/campaigns", tmp_path / "rebound")
    assert SECRET_NAME not in rebound.dom
    assert "unknown_host" in rebound.dom


async def test_the_attacks_are_real(tmp_path: Path) -> None:
    """The same page gets through to a server without a door: reads by CORS, sends by fetch, beacon and form."""
    came: list[tuple[str, str, str]] = []

    async def take(request: web.Request) -> web.Response:
        came.append((request.method, request.path, (await request.read()).decode()))
        headers = {
            "Access-Control-Allow-Origin": "*",
            "Access-Control-Allow-Headers": "*",
            "Access-Control-Allow-Methods": "*",
        }
        return web.Response(text="read", headers=headers)

    app = web.Application()
    app.router.add_route("*", "/{path:.*}", take)
    async with serving(app, "127.0.0.1", 0) as port:
        seen = await attacked(f"http://127.0.0.1:{port}", tmp_path)
    assert seen.result["read cors"]["text"] == "read"
    assert seen.result["send json"]["text"] == "read"
    sends = [body for method, path, body in came if (method, path) == ("POST", "/api/campaigns/send")]
    hooks = [body for method, path, body in came if (method, path) == ("POST", "/api/webhooks/delivery-reports")]
    assert len(sends) >= 6
    assert len(hooks) >= 4
    assert {method for method, *_ in came} >= {"GET", "POST", "PUT", "DELETE"}


async def test_the_pages_of_our_own_work(api: str, tmp_path: Path) -> None:
    """/docs shows every call, the simulator's page its state; under their policies nothing of theirs is refused."""
    docs = await opened(f"{api}/docs", tmp_path / "docs")
    assert docs.console == []
    assert docs.dom.count('class="opblock ') > 5
    async with serve_simulator() as simulator:
        page = await opened(f"{simulator.url}/", tmp_path / "simulator", 3_000)
    assert page.console == []
    assert "0 batches" in page.dom
