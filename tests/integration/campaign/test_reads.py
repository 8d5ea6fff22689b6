"""What clients see of their campaigns."""

from typing import Any
from uuid import UUID

import pytest

from infra.postgres.pool import Pool
from infra.process.world import SystemIds
from tests.integration.campaign.conftest import ADA, BOB, HELLO, LIVE, SEND, Client, Start
from tests.integration.campaign.test_refusals import check_problem

ADD_CAMPAIGN = """
insert into live.campaigns values ($1, 'Spring', 'Hello', null, $2, null, '2026-03-01 12:00+00', $3, $4, $5, $6)
"""
ADD_MESSAGE = """
insert into live.messages values ($1, $2, 0, '', 1, $3, $4, $5, $6, 1, 'B', '2026-03-01 12:00+00', $7)
"""


async def get(client: Client, path: str) -> Any:
    """The answer's body; it must be 200."""
    answer = await client.get(path)
    assert answer.status == 200, await answer.text()
    return await answer.json()


async def project(live: Pool, campaign_id: str | UUID, status: str = "completed", seen: int = 1) -> str:
    """A campaign of one chunk with one delivered message, as the projector would show it."""
    await live.execute(ADD_CAMPAIGN, campaign_id, status, 1, {"delivered": 1}, 1, seen)
    return str(campaign_id)


async def test_a_new_campaign_is_shown_at_once(client: Client) -> None:
    """From the 202 until the projection has caught up, all of it is pending, and the answer says so."""
    sent = await (await client.post(SEND, json=HELLO | {"name": "Spring", "from": "Us"})).json()
    seen = await get(client, sent["status_url"])
    assert (seen["status"], seen["counts"], seen["projected"]) == ("sending", {"pending": 2}, False)
    assert (seen["name"], seen["message"], seen["from"], seen["requested"]) == ("Spring", "Hello", "Us", 2)
    assert (await get(client, "/api/campaigns"))["campaigns"] == [seen]


async def test_a_half_projected_campaign_is_shown_as_accepted(live: Pool, client: Client) -> None:
    """Counts of some chunks only would not add up to what was requested."""
    sent = await (await client.post(SEND, json=HELLO)).json()
    await project(live, sent["campaign_id"], seen=0)
    seen = await get(client, sent["status_url"])
    assert (seen["counts"], seen["projected"]) == ({"pending": 2}, False)


async def test_a_projected_campaign_is_shown_as_it_stands(live: Pool, client: Client) -> None:
    """With its status in plain words."""
    sent = await (await client.post(SEND, json=HELLO)).json()
    await project(live, sent["campaign_id"])
    seen = await get(client, sent["status_url"])
    assert (seen["status"], seen["counts"], seen["projected"]) == ("completed", {"delivered": 1}, True)
    assert seen["meaning"] == "Every message has reached its end."
    assert seen["requested_at"] == "2026-03-01T12:00:00.000Z"


async def test_campaigns_come_in_pages(live: Pool, client: Client) -> None:
    """The newest first, each once, whatever the page's size."""
    ids = [await project(live, SystemIds().uuid7()) for _ in range(5)]
    found, path = [], "/api/campaigns?limit=2"
    while True:
        page = await get(client, path)
        assert len(page["campaigns"]) <= 2
        found += [campaign["campaign_id"] for campaign in page["campaigns"]]
        if page["next_cursor"] is None:
            break
        path = f"/api/campaigns?limit=2&cursor={page['next_cursor']}"
    assert found == sorted(ids, reverse=True)


async def test_campaigns_are_found_by_status(live: Pool, client: Client) -> None:
    """Those that are not projected yet count as sending."""
    failed = await project(live, SystemIds().uuid7(), "failed")
    new = (await (await client.post(SEND, json=HELLO)).json())["campaign_id"]
    for status, expected in (("failed", [failed]), ("sending", [new]), ("completed", [])):
        page = await get(client, f"/api/campaigns?status={status}")
        assert [campaign["campaign_id"] for campaign in page["campaigns"]] == expected


async def test_a_message_is_explained(live: Pool, client: Client) -> None:
    """Status, code and number come as people read them, with the names that we know."""
    body = {"recipients": [{"phone": ADA, "first_name": "Ada", "last_name": "L."}], "message": "Hello"}
    sent = await (await client.post(SEND, json=body)).json()
    campaign_id = await project(live, sent["campaign_id"])
    await live.execute(ADD_MESSAGE, campaign_id, 15551231234, "aborted", True, "Aborted", 411, None)
    page = await get(client, f"/api/campaigns/{campaign_id}/messages")
    assert page == {
        "messages": [
            {
                "recipient": ADA,
                "first_name": "Ada",
                "last_name": "L.",
                "status": "aborted",
                "meaning": "Stopped by Sinch before it reached an operator.",
                "final": True,
                "provider_status": "Aborted",
                "code": {
                    "code": 411,
                    "name": "Exceeded parts limit",
                    "permanence": "permanent",
                    "advice": "Do not send again to this number: the same error is likely.",
                },
                "parts": 1,
                "chunk": 0,
                "attempt": 1,
                "client_reference": f"{campaign_id}.0.1",
                "batch_id": "B",
                "reported_at": "2026-03-01T12:00:00.000Z",
                "finalized_at": None,
            }
        ],
        "projected": True,
        "next_cursor": None,
    }


async def test_messages_come_in_pages(live: Pool, client: Client) -> None:
    """By number, each once; the status filters them."""
    campaign_id = await project(live, SystemIds().uuid7())
    for n in range(7):
        status = "delivered" if n % 2 == 0 else "sent"
        await live.execute(ADD_MESSAGE, campaign_id, 15_550_000_000 + n, status, n % 2 == 0, None, None, None)
    found, path = [], f"/api/campaigns/{campaign_id}/messages?limit=2&status=delivered"
    while True:
        page = await get(client, path)
        found += [message["recipient"] for message in page["messages"]]
        if page["next_cursor"] is None:
            break
        path = f"/api/campaigns/{campaign_id}/messages?limit=2&status=delivered&cursor={page['next_cursor']}"
    assert found == [f"+{15_550_000_000 + n}" for n in (0, 2, 4, 6)]


@pytest.mark.parametrize("rest", ["", "/messages"])
@pytest.mark.parametrize("campaign_id", ["x", "018f0000-0000-7000-8000-000000000001", "%00", "%ff"])
async def test_an_unknown_campaign(standing: Client, campaign_id: str, rest: str) -> None:
    """404, whether the id is none of ours or none at all."""
    answer: Any = await standing.get(f"/api/campaigns/{campaign_id}{rest}")
    await check_problem(answer, 404, "not_found")


@pytest.mark.parametrize(
    "query", ["limit=0", "limit=1001", "limit=x", "status=done", "status=%00", "cursor=x", "status=a&status=b"]
)
async def test_a_wrong_parameter_is_named(standing: Client, query: str) -> None:
    """400 with the parameter's name."""
    answer: Any = await standing.get(f"/api/campaigns?{query}")
    body = await check_problem(answer, 400, "invalid_request")
    assert body["errors"][0]["pointer"] == query.partition("=")[0]


async def test_the_projectors_views_have_what_is_read(pool: Pool, start: Start) -> None:
    """The real views take the place of this module's tables: same names, and the queries run on them."""
    client = await start()
    assert await get(client, "/api/campaigns") == {"campaigns": [], "next_cursor": None}
    columns = "select table_name, column_name from information_schema.columns where table_schema = 'live'"
    real = {tuple(row) for row in await pool.fetch(columns)}
    await pool.execute(LIVE)
    assert {tuple(row) for row in await pool.fetch(columns)} <= real


async def test_people_are_joined_by_number(live: Pool, client: Client) -> None:
    """Somebody whose name we do not know is shown without."""
    campaign_id = await project(live, SystemIds().uuid7())
    await live.execute(ADD_MESSAGE, campaign_id, int(BOB[1:]), "sent", False, None, None, None)
    (message,) = (await get(client, f"/api/campaigns/{campaign_id}/messages"))["messages"]
    assert (message["first_name"], message["last_name"]) == (None, None)
