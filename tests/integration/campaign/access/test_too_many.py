"""Too many requests, and too many wrong keys, as a client sees them."""

import asyncio
from typing import Any

import pytest
from structlog.testing import capture_logs

from services.campaign.access.callers import Limits
from services.campaign.access.wrong_keys import AT_ONCE
from tests.integration.campaign.access.conftest import MakeKey
from tests.integration.campaign.conftest import HELLO, SEND, Start
from tests.integration.campaign.test_refusals import check_problem

HERE = "/api/campaigns"


async def test_a_key_has_its_share(start: Start, make_key: MakeKey) -> None:
    """Each answer says what is left, also one that refuses; beyond it 429 with Retry-After, and nothing is sent."""
    key = await make_key(limits=Limits(requests_per_minute=3))
    client = await start()
    answers = [await client.get(path, headers=key) for path in (HERE, "/api/nothing", f"{HERE}?limit=0")]
    assert [answer.status for answer in answers] == [200, 404, 400]
    assert [answer.headers["RateLimit"].split(";")[1] for answer in answers] == ["r=2", "r=1", "r=0"]
    assert {answer.headers["RateLimit-Policy"] for answer in answers} == {'"requests";q=3;w=60'}
    answer: Any = await client.post(SEND, json=HELLO, headers=key)
    await check_problem(answer, 429, "too_many_requests")
    assert 1 <= int(answer.headers["Retry-After"]) <= 60
    assert answer.headers["RateLimit"] == f'"requests";r=0;t={answer.headers["Retry-After"]}'


async def test_the_usual_share_is_a_setting(start: Start) -> None:
    """For keys of API_KEYS, and made ones without a limit of their own."""
    client = await start(api_keys="web:open-sesame-forty", api_requests_per_minute=1)
    key = {"X-API-Key": "open-sesame-forty"}
    assert [(await client.get(HERE, headers=key)).status for _ in range(2)] == [200, 429]


async def test_an_open_api_says_nothing_of_shares(start: Start) -> None:
    """Who is alone with it needs none."""
    assert "RateLimit" not in (await (await start()).get(HERE)).headers


async def test_wrong_keys_are_slowed_counted_and_logged(start: Start, make_key: MakeKey) -> None:
    """Of 500 at once ten are 401, the others 429; few lines, no key in them; and a right key passes all the while."""
    key = await make_key()
    client = await start()
    with capture_logs() as lines:
        wrong = [client.get(HERE, headers={"X-API-Key": f"wrong-key-number-{number}"}) for number in range(500)]
        *answers, right = await asyncio.gather(*wrong, client.get(HERE, headers=key))
    assert [answer.status for answer in answers].count(401) in range(AT_ONCE, AT_ONCE + 5)  # more where it takes long
    assert {answer.status for answer in answers} == {401, 429}
    assert right.status == 200
    refused = [line for line in lines if line["event"] == "key_refused"]
    assert 1 <= len(refused) < 60
    assert refused[0]["address"] == "127.0.0.1"
    assert "wrong-key" not in str(lines)
    limited = next(answer for answer in answers if answer.status == 429)
    await check_problem(limited, 429, "too_many_wrong_keys")
    assert int(limited.headers["Retry-After"]) >= 1


@pytest.mark.parametrize("wrong", ["hg_mistyped", "a-word-that-is-none"])
async def test_a_wrong_key_says_what_is_wrong(start: Start, make_key: MakeKey, wrong: str) -> None:
    """And is never in a log line."""
    await make_key()
    client = await start()
    with capture_logs() as lines:
        assert (await client.get(HERE, headers={"X-API-Key": wrong})).status == 401
    line = next(line for line in lines if line["event"] == "key_refused")
    assert (line["reason"], wrong in str(line)) == ("mistyped" if wrong.startswith("hg_") else "unknown", False)
