"""Pause, resume and cancel: from the request into the log."""

from collections.abc import Mapping
from typing import Any
from uuid import uuid4

import pytest

from contracts import topics
from contracts.events import CampaignPaused
from contracts.events.campaign import Control
from infra.kafka.connection import KafkaConnection
from infra.postgres.pool import Pool
from infra.process.ports import free_port
from tests.integration.campaign.conftest import HELLO, SEND, Client, Start
from tests.integration.campaign.test_refusals import check_problem
from tests.reading import events_of, keys_of


async def _campaign(client: Client) -> str:
    campaign_id: str = (await (await client.post(SEND, json=HELLO)).json())["campaign_id"]
    return f"/api/campaigns/{campaign_id}"


async def test_each_word_is_an_event(client: Client, kafka: KafkaConnection) -> None:
    """In their order, under the campaign's id, with what the campaign becomes in the answer."""
    campaign = await _campaign(client)
    said = []
    for word in ("pause", "resume", "cancel"):
        answer = await client.post(f"{campaign}/{word}")
        assert answer.status == 202
        said.append((await answer.json())["status"])
    assert said == ["paused", "sending", "cancelling"]
    events = await events_of(kafka, topics.CAMPAIGN_CONTROL)
    assert [type(event).__name__ for event in events] == ["CampaignPaused", "CampaignResumed", "CampaignCancelled"]
    assert set(await keys_of(kafka, topics.CAMPAIGN_CONTROL)) == {campaign.rpartition("/")[2]}


async def test_decisions_are_counted_in_the_order_of_their_answers(
    start: Start, kafka: KafkaConnection, pool: Pool
) -> None:
    """Whichever replica answers, whatever its clock says: the later answer has the greater number (FAULTS C10)."""
    here, there = await start(), await start()
    campaign, other = await _campaign(here), await _campaign(there)
    for client, address, word in ((here, campaign, "pause"), (there, campaign, "resume"), (here, other, "pause"),
                                  (here, campaign, "pause"), (there, campaign, "cancel")):  # fmt: skip
        assert (await client.post(f"{address}/{word}")).status == 202
    said = [event for event in await events_of(kafka, topics.CAMPAIGN_CONTROL) if isinstance(event, Control)]
    own = {(type(event).__name__, event.decision) for event in said if event.campaign_id in campaign}
    assert own == {("CampaignPaused", 1), ("CampaignResumed", 2), ("CampaignPaused", 3), ("CampaignCancelled", 4)}
    assert [event.decision for event in said if event.campaign_id in other] == [1]
    assert await pool.fetchval("select count(*) from campaign.decisions") == 2


async def test_decisions_go_on_from_what_the_log_has(start: Start, kafka: KafkaConnection, pool: Pool) -> None:
    """A database restored from before a pause: the next number is above that of the pause, which the ledger read."""
    client = await start()
    campaign = await _campaign(client)
    await pool.execute("alter table dispatch.campaigns add column if not exists decision bigint not null default 0")
    await pool.execute(
        "insert into dispatch.campaigns (campaign_id, chunks, arrived, decision) values ($1, 1, 1, 7)",
        campaign.rpartition("/")[2],
    )
    for _ in range(2):
        assert (await client.post(f"{campaign}/pause")).status == 202
    said = await events_of(kafka, topics.CAMPAIGN_CONTROL)
    assert [event.decision for event in said if isinstance(event, Control)] == [8, 9]


async def test_who_and_why_are_in_the_log(start: Start, kafka: KafkaConnection) -> None:
    """The key's id, and the reason that the client gave."""
    client, key = await start(api_keys="ops:letmein-letmein-1"), {"X-API-Key": "letmein-letmein-1"}
    campaign_id = (await (await client.post(SEND, json=HELLO, headers=key)).json())["campaign_id"]
    answer = await client.post(f"/api/campaigns/{campaign_id}/pause", json={"reason": "wrong price"}, headers=key)
    body = await answer.json()
    assert body == {
        "message": "Nothing more of it is given to Sinch until it is resumed.",
        "campaign_id": campaign_id,
        "status": "paused",
        "meaning": "Stopped until it is resumed.",
        "status_url": f"/api/campaigns/{campaign_id}",
    }
    (event,) = await events_of(kafka, topics.CAMPAIGN_CONTROL)
    assert isinstance(event, CampaignPaused)
    assert (event.campaign_id, event.actor, event.reason) == (campaign_id, "ops", "wrong price")


async def test_twice_is_the_same_as_once(client: Client) -> None:
    """A client whose answer was lost says it again."""
    campaign = await _campaign(client)
    answers = [await (await client.post(f"{campaign}/cancel")).json() for _ in range(2)]
    assert answers[0] == answers[1]


async def test_an_unknown_campaign(standing: Client) -> None:
    """404, and nothing in the log."""
    await check_problem(await standing.post(f"/api/campaigns/{uuid4()}/pause"), 404, "not_found")
    await check_problem(await standing.post("/api/campaigns/x/pause"), 404, "not_found")


@pytest.mark.parametrize(
    ("arguments", "status", "code"),
    [
        ({"json": {"why": "x"}}, 400, "invalid_request"),
        ({"json": {"reason": "x" * 501}}, 400, "invalid_request"),
        ({"json": []}, 400, "not_an_object"),
        ({"data": "{}"}, 415, "not_json"),
        ({"json": {}}, 202, ""),
        ({}, 202, ""),
    ],
)
async def test_the_body_may_be_left_out(standing: Client, arguments: Mapping[str, Any], status: int, code: str) -> None:
    """But what is there must be right."""
    answer: Any = await standing.post(f"{await _campaign(standing)}/pause", **arguments)
    if status == 202:
        assert answer.status == status
    else:
        await check_problem(answer, status, code)


ENDED = """
insert into live.campaigns (campaign_id, body, status, requested_at, requested, counts, chunks, chunks_seen)
select campaign_id, body, $1, created_at, 2, '{"delivered": 2}', 1, 1 from campaign.campaigns
"""


@pytest.mark.parametrize(
    ("word", "status"),
    [("pause", "completed"), ("cancel", "completed"), ("pause", "cancelled"), ("resume", "cancelled")],
)
async def test_what_makes_no_sense(live: Pool, start: Start, kafka: KafkaConnection, word: str, status: str) -> None:
    """409 in words, with the campaign's status, and nothing in the log."""
    client = await start()
    campaign = await _campaign(client)
    await live.execute(ENDED, status)
    problem = await check_problem(await client.post(f"{campaign}/{word}"), 409, "not_possible_now")
    assert problem["campaign_status"] == status
    assert word in problem["detail"]
    assert await events_of(kafka, topics.CAMPAIGN_CONTROL) == []


async def test_without_kafka_nothing_is_promised(start: Start) -> None:
    """503 with Retry-After says to send it again."""
    here = await start()
    campaign = await _campaign(here)
    away = await start(kafka_bootstrap_servers=f"127.0.0.1:{free_port()}")
    answer: Any = await away.post(f"{campaign}/pause")
    await check_problem(answer, 503, "log_away")
    assert int(answer.headers["Retry-After"]) > 0
