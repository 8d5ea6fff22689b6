"""POST /api/campaigns/send, from the request to the log."""

import asyncio

from infra.postgres.pool import Pool
from tests.integration.campaign.conftest import ADA, BOB, HELLO, SEND, Client, Logged, Start
from tests.waiting import until


async def test_the_guides_request_is_accepted(client: Client) -> None:
    """Its clients find what they know in the answer."""
    answer = await client.post(SEND, json=HELLO)
    body = await answer.json()
    campaign_id = body["campaign_id"]
    assert answer.status == 202
    assert body == {
        "message": "Campaign accepted for delivery.",
        "campaign_id": campaign_id,
        "batch_id": None,
        "client_reference": f"{campaign_id}.0.1",
        "status_url": f"/api/campaigns/{campaign_id}",
        "recipients": 2,
        "duplicates": 0,
        "details": [{"chunk": 0, "client_reference": f"{campaign_id}.0.1", "recipients": 2, "batch_id": None}],
        "notes": [],
    }


async def test_after_202_the_campaign_is_in_the_log(client: Client, logged: Logged) -> None:
    """The record is there when the answer comes, and has all that is needed to send."""
    body = {
        "recipients": [{"phone": ADA, "parameters": {"n": "Ada"}}, {"phone": BOB, "parameters": {"n": "Bob"}}],
        "message": "Hi ${n}",
        "from": "Us",
        "name": "X",
    }
    campaign_id = (await (await client.post(SEND, json=body)).json())["campaign_id"]
    (event,) = await logged()
    assert (event.campaign_id, event.chunk, event.chunks, event.actor) == (campaign_id, 0, 1, "anonymous")
    assert (event.body, event.sender, event.name) == ("Hi ${n}", "Us", "X")
    assert event.recipients == ["15551231234", "15551256344"]
    assert event.parameters == {"n": {"15551231234": "Ada", "15551256344": "Bob"}}


async def test_a_large_campaign_is_cut(client: Client, logged: Logged) -> None:
    """2,500 recipients are three chunks; the answer tells each, and the log has each."""
    numbers = [f"+1555{n:07d}" for n in range(2_500)]
    body = await (await client.post(SEND, json={"recipients": numbers, "message": "Hello"})).json()
    events = await logged()
    assert (body["client_reference"], body["batch_id"]) == (None, None)
    assert [detail["recipients"] for detail in body["details"]] == [1_000, 1_000, 500]
    assert [(event.chunk, event.chunks, len(event.recipients)) for event in events] == [
        (0, 3, 1_000), (1, 3, 1_000), (2, 3, 500)
    ]  # fmt: skip
    assert ["+" + number for event in events for number in event.recipients] == numbers


async def test_a_repeated_number_gets_one_message(client: Client, logged: Logged) -> None:
    """In any spelling; how many were left out is told."""
    answer = await client.post(SEND, json={"recipients": [ADA, "+1 555 123 1234"], "message": "Hello"})
    assert (await answer.json())["duplicates"] == 1
    assert [event.recipients for event in await logged()] == [["15551231234"]]


async def test_names_are_kept_out_of_the_log(client: Client, pool: Pool, logged: Logged) -> None:
    """First and last names are remembered in PostgreSQL; a later request changes only what it gives."""
    for person in ({"first_name": "Ada", "last_name": "L."}, {"first_name": "Adelaide"}):
        await client.post(SEND, json={"recipients": [{"phone": ADA} | person], "message": "Hello"})
    rows = await pool.fetch("select phone, first_name, last_name from campaign.people")
    assert [tuple(row) for row in rows] == [(15551231234, "Adelaide", "L.")]
    assert "Adelaide" not in str(await logged())


async def test_with_a_base_url_the_status_url_is_absolute(start: Start) -> None:
    """BASE_URL says how clients reach us."""
    client = await start(base_url="https://sms.example.com", api_keys="web:open-sesame-forty")
    answer = await client.post(SEND, json=HELLO, headers={"X-API-Key": "open-sesame-forty"})
    body = await answer.json()
    assert body["status_url"] == f"https://sms.example.com/api/campaigns/{body['campaign_id']}"


async def test_prefer_wait_ends_with_the_time(client: Client) -> None:
    """Nobody sends here: after the time the answer comes without batch id, and says that it waited."""
    answer = await client.post(SEND, json=HELLO, headers={"Prefer": "wait=0"})
    assert answer.status == 202
    assert answer.headers["Preference-Applied"] == "wait=0"
    assert (await answer.json())["batch_id"] is None


ACCEPT = """
insert into live.batches (campaign_id, chunk, part, attempt, client_reference, batch_id)
select campaign_id, 0, '', 1, campaign_id || '.0.1', '01FC66621XXXXX119Z8PMV1QPQ'
from campaign.campaigns where published_at is not null
"""


async def test_prefer_wait_gives_the_batch_id(live: Pool, start: Start) -> None:
    """The answer comes as soon as Sinch's is known."""
    client = await start()
    answering = client.post(SEND, json=HELLO, headers={"Prefer": "wait=30"})

    async def accepted() -> bool:
        return str(await live.execute(ACCEPT)).endswith(" 1")

    answer, _ = await asyncio.gather(answering, until(accepted, "a campaign was published"))
    assert (await answer.json())["batch_id"] == "01FC66621XXXXX119Z8PMV1QPQ"
