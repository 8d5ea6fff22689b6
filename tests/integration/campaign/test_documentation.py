"""The OpenAPI page."""

from typing import Any

import pytest

from tests.integration.campaign.conftest import SEND, Client


@pytest.fixture
async def spec(standing: Client) -> dict[str, Any]:
    """The specification as clients get it."""
    body: dict[str, Any] = await (await standing.get("/openapi.json")).json()
    return body


async def test_every_call_is_described(spec: dict[str, Any]) -> None:
    """Each with a summary, its answer and at least the errors that every call can have."""
    assert set(spec["paths"]) == {
        "/api/campaigns/send",
        "/api/campaigns",
        "/api/campaigns/{campaign_id}",
        "/api/campaigns/{campaign_id}/messages",
        "/api/campaigns/{campaign_id}/pause",
        "/api/campaigns/{campaign_id}/resume",
        "/api/campaigns/{campaign_id}/cancel",
        "/api/opt-outs/{phone}",
        "/api/replies",
        "/api/replies/{inbound_id}/settle",
    }
    for operations in spec["paths"].values():
        for operation in operations.values():
            assert operation["summary"]
            assert {"401", "503"} < set(operation["responses"])
            for status, response in operation["responses"].items():
                kind = "application/problem+json" if int(status) >= 400 else "application/json"
                assert set(response["content"]) == {kind}


async def test_every_reference_leads_somewhere(spec: dict[str, Any]) -> None:
    """No schema is named that is not there."""

    def references(value: Any) -> set[str]:
        if isinstance(value, dict):
            own = {value["$ref"]} if "$ref" in value else set()
            return own.union(*(references(inner) for inner in value.values()))
        return set().union(*(references(inner) for inner in value)) if isinstance(value, list) else set()

    named = {reference.removeprefix("#/components/schemas/") for reference in references(spec)}
    assert named <= set(spec["components"]["schemas"])


async def test_the_page_loads_nothing_from_elsewhere(standing: Client) -> None:
    """Every address in it is ours, relative, so that a proxy may put the API below a path of its own."""
    html = await (await standing.get("/docs")).text()
    assert "//" not in html.replace("<!DOCTYPE html>", "")
    for path in ("docs/swagger-ui.css", "docs/swagger-ui-bundle.js", "docs/docs.js", "docs/favicon-32x32.png"):
        assert f'"{path}"' in html
        assert (await standing.get(f"/{path}")).status == 200
    assert '"openapi.json"' in await (await standing.get("/docs/docs.js")).text()


@pytest.mark.parametrize("asset", ["nothing.js", "..%2f__init__.py", "index.html"])
async def test_nothing_else_is_served(standing: Client, asset: str) -> None:
    """The page's own files only."""
    assert (await standing.get(f"/docs/{asset}")).status == 404


async def test_a_body_is_described_as_needed_where_it_is(standing: Client) -> None:
    """A client that is made from the description sends one where we ask for it."""
    paths = (await (await standing.get("/openapi.json")).json())["paths"]
    assert paths[SEND]["post"]["requestBody"]["required"] is True
    assert paths["/api/campaigns/{campaign_id}/pause"]["post"]["requestBody"]["required"] is False
