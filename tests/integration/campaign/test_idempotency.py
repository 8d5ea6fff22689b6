"""Repeating a request."""

import asyncio

import pytest

from tests.integration.campaign.conftest import ADA, HELLO, SEND, Client, Logged, Start
from tests.integration.campaign.test_refusals import check_problem

KEY = {"Idempotency-Key": "order-66"}


async def test_a_repeated_request_gets_the_same_answer(client: Client, logged: Logged) -> None:
    """Byte for byte, and nothing is sent again."""
    answers = [await client.post(SEND, json=HELLO, headers=KEY) for _ in range(3)]
    assert [answer.status for answer in answers] == [202] * 3
    assert len({await answer.read() for answer in answers}) == 1
    assert len(await logged()) == 1


async def test_a_restart_does_not_matter(start: Start, logged: Logged) -> None:
    """The key is kept where the campaign is."""
    bodies = [await (await (await start()).post(SEND, json=HELLO, headers=KEY)).read() for _ in range(2)]
    assert bodies[0] == bodies[1]
    assert len(await logged()) == 1


async def test_spelling_of_the_json_does_not_matter(client: Client, logged: Logged) -> None:
    """The same fields in another order, with other spaces, are the same request."""
    for raw in (
        b'{"message":"Hello","recipients":["+15551231234"]}',
        b'{ "recipients": ["+15551231234"], "message": "Hello" }',
    ):
        answer = await client.post(SEND, data=raw, headers=KEY | {"Content-Type": "application/json"})
        assert answer.status == 202
    assert len(await logged()) == 1


async def test_another_body_is_refused(client: Client, logged: Logged) -> None:
    """422: a key stands for one campaign."""
    await client.post(SEND, json=HELLO, headers=KEY)
    answer = await client.post(SEND, json=HELLO | {"message": "Bye"}, headers=KEY)
    await check_problem(answer, 422, "idempotency_key_reused")
    assert len(await logged()) == 1


async def test_a_key_belongs_to_its_actor(start: Start, logged: Logged) -> None:
    """Two clients may choose the same key."""
    client = await start(api_keys="a:one-long-secret-a,b:one-long-secret-b")
    for secret in ("one-long-secret-a", "one-long-secret-b"):
        answer = await client.post(SEND, json=HELLO, headers=KEY | {"X-API-Key": secret})
        assert answer.status == 202
    assert {event.actor for event in await logged()} == {"a", "b"}


async def test_equal_requests_at_once_make_one_campaign(start: Start, logged: Logged) -> None:
    """Through two processes, twenty at a time: one is sent, the others get its answer or 409."""
    clients = [await start(), await start()]
    answers = await asyncio.gather(*(clients[n % 2].post(SEND, json=HELLO, headers=KEY) for n in range(20)))
    assert {answer.status for answer in answers} <= {202, 409}
    accepted = {await answer.read() for answer in answers if answer.status == 202}
    assert len(accepted) == 1
    assert all("Retry-After" in answer.headers for answer in answers if answer.status == 409)
    assert len({event.campaign_id for event in await logged()}) == 1


@pytest.mark.parametrize("key", ["", "k" * 256, "k\u00e9y", "k\ty"])
async def test_a_key_that_is_none(standing: Client, key: str) -> None:
    """1 to 255 printable ASCII characters, else 400."""
    answer = await standing.post(SEND, json=HELLO, headers={"Idempotency-Key": key})
    await check_problem(answer, 400, "invalid_idempotency_key")


async def test_a_refused_request_uses_up_no_key(client: Client) -> None:
    """After a 400 the corrected request may come with the same key."""
    assert (await client.post(SEND, json=HELLO | {"recipients": ["x"]}, headers=KEY)).status == 400
    assert (await client.post(SEND, json=HELLO | {"recipients": [ADA]}, headers=KEY)).status == 202
