"""Who may call."""

from typing import Any

import pytest

from infra.postgres.pool import Pool
from tests.integration.campaign.conftest import HELLO, SEND, Client, Start
from tests.integration.campaign.test_refusals import check_problem

SETTINGS = {"api_keys": "web:open-sesame-forty,an-old-secret-too"}


@pytest.mark.parametrize(
    "headers",
    [
        {"Authorization": "Bearer open-sesame-forty"},
        {"Authorization": "bearer  open-sesame-forty"},
        {"X-API-Key": "open-sesame-forty"},
        {"X-API-Key": "an-old-secret-too"},
    ],
)
async def test_a_key_opens(standing: Client, headers: dict[str, str]) -> None:
    """Either header, each of the configured keys."""
    assert (await standing.get("/api/campaigns", headers=headers)).status == 200


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Authorization": "Bearer"},
        {"Authorization": "Bearer wrong"},
        {"Authorization": "Basic open-sesame-forty"},
        {"X-API-Key": ""},
        {"X-API-Key": "open-sesame-fort\u00e9"},
        {"X-API-Key": "web:open-sesame-forty"},
    ],
)
async def test_without_a_key_nothing_opens(standing: Client, headers: dict[str, str]) -> None:
    """401 with WWW-Authenticate, as a problem document, whatever else is wrong with the request."""
    answer: Any = await standing.post(SEND, data=b"{", headers=headers)
    await check_problem(answer, 401, "unauthorized")
    assert answer.headers["WWW-Authenticate"] == "Bearer"


@pytest.mark.parametrize("path", ["/", "/healthz", "/readyz", "/docs", "/openapi.json"])
async def test_what_holds_no_data_needs_no_key(standing: Client, path: str) -> None:
    """Probes, the banner and the documentation stand open."""
    assert (await standing.get(path)).status == 200


async def test_the_published_port_tells_nothing_of_the_inside(standing: Client) -> None:
    """With keys, /readyz says ready and no more, and /metrics says where metrics are."""
    assert await (await standing.get("/readyz")).json() == {"status": "ready"}
    metrics: Any = await standing.get("/metrics")
    assert "METRICS_PORT" in (await check_problem(metrics, 404, "not_found"))["detail"]


async def test_the_actor_is_the_keys_name(start: Start, pool: Pool) -> None:
    """Who asked is recorded by the key's name, never by its secret."""
    client = await start(**SETTINGS)
    await client.post(SEND, json=HELLO, headers={"X-API-Key": "open-sesame-forty"})
    assert await pool.fetchval("select actor from campaign.campaigns") == "web"
