"""Caps in message parts and countries: judged before anything is stored, counted once, right with several replicas."""

import asyncio
from datetime import UTC, datetime
from typing import Any

import pytest

from infra.postgres.pool import Pool
from infra.process.access import key_id
from services.campaign.access.callers import Limits
from tests.integration.campaign.access.conftest import MakeKey
from tests.integration.campaign.conftest import ADA, BOB, HELLO, SEND, Client, Logged, Start
from tests.integration.campaign.test_refusals import check_problem

KEYS = {"api_keys": "web:open-sesame-forty"}
WEB = {"X-API-Key": "open-sesame-forty"}
TWO_PARTS = {"recipients": [ADA], "message": "x" * 161}
STORED = "select count(*) from campaign.campaigns"
USED = "select parts from campaign.parts_used where key_id = $1"


async def refused(client: Client, body: Any, status: int, code: str, headers: Any = WEB) -> dict[str, Any]:
    """The problem document of a request that must be refused."""
    answer: Any = await client.post(SEND, json=body, headers=headers)
    problem: dict[str, Any] = await check_problem(answer, status, code)
    return problem


async def test_a_request_has_a_most_of_parts(start: Start, pool: Pool, logged: Logged) -> None:
    """422 with how many there are and may be; nothing is stored, nothing logged, and the Idempotency-Key is free."""
    client, again = await start(parts_per_request=2), {"Idempotency-Key": "k"}
    assert (await client.post(SEND, json=HELLO, headers=again)).status == 202
    problem = await refused(client, HELLO | {"message": "ж" * 71}, 422, "too_many_parts", {})
    assert (problem["parts"], problem["limit"]) == (4, 2)
    assert "4 message parts (2 recipients, 2 parts each)" in problem["detail"]
    await refused(client, TWO_PARTS | {"recipients": [ADA, BOB]}, 422, "too_many_parts", {"Idempotency-Key": "l"})
    assert (await client.post(SEND, json=TWO_PARTS, headers={"Idempotency-Key": "l"})).status == 202
    assert (await pool.fetchval(STORED), len(await logged())) == (2, 2)
    assert await pool.fetchval("select sum(parts) from campaign.campaigns") == 4


async def test_a_key_may_have_more_or_less(start: Start, make_key: MakeKey) -> None:
    """Its own limit goes before the setting."""
    more, less = await make_key(limits=Limits(parts_per_request=4)), await make_key(limits=Limits(parts_per_request=1))
    client = await start(parts_per_request=2)
    assert (await client.post(SEND, json=HELLO | {"message": "ж" * 71}, headers=more)).status == 202
    await refused(client, HELLO, 422, "too_many_parts", less)


async def test_a_day_has_a_most_of_parts(start: Start, pool: Pool, logged: Logged) -> None:
    """403 with what was used and when there is room again; repeats count once, refusals and other keys not at all."""
    client = await start(api_keys="web:open-sesame-forty,crm:another-long-secret", parts_per_day=5)
    for _ in range(3):
        answer = await client.post(SEND, json=TWO_PARTS, headers=WEB | {"Idempotency-Key": "same"})
        assert answer.status == 202
    assert (await client.post(SEND, json=HELLO, headers=WEB)).status == 202
    problem = await refused(client, TWO_PARTS, 403, "parts_of_the_day_used_up")
    assert (problem["parts"], problem["limit"], problem["used"]) == (2, 5, 4)
    assert "Send fewer, send it after " in problem["detail"]
    assert (await client.post(SEND, json=TWO_PARTS, headers={"X-API-Key": "another-long-secret"})).status == 202
    assert (await client.post(SEND, json=HELLO | {"recipients": [ADA]}, headers=WEB)).status == 202
    assert [await pool.fetchval(USED, key) for key in ("web", "crm")] == [5, 2]
    assert len(await logged()) == 4


async def test_several_replicas_do_not_exceed_a_day_together(start: Start, pool: Pool, logged: Logged) -> None:
    """Forty at once through two of them, with room for seven, on a day that has no row yet: seven."""
    clients = [await start(**KEYS, parts_per_day=15), await start(**KEYS, parts_per_day=15)]
    sends = (clients[number % 2].post(SEND, json=TWO_PARTS, headers=WEB) for number in range(40))
    statuses = [answer.status for answer in await asyncio.gather(*sends)]
    assert (statuses.count(202), statuses.count(403)) == (7, 33)
    assert await pool.fetchval(USED, "web") == 14
    assert (await pool.fetchval(STORED), len(await logged())) == (7, 7)


async def test_equal_requests_at_once_count_once(start: Start, pool: Pool) -> None:
    """With one Idempotency-Key, through two replicas."""
    clients, again = [await start(**KEYS, parts_per_day=100) for _ in range(2)], WEB | {"Idempotency-Key": "same"}
    answers = await asyncio.gather(*(clients[n % 2].post(SEND, json=TWO_PARTS, headers=again) for n in range(20)))
    assert {answer.status for answer in answers} <= {202, 409}
    assert await pool.fetchval(USED, "web") == 2


async def test_a_limit_that_is_set_at_noon_knows_the_morning(start: Start, pool: Pool) -> None:
    """What the day's campaigns have counts, also where no limit was; what is of yesterday does not."""
    before = await start(**KEYS)
    for _ in range(2):
        assert (await before.post(SEND, json=TWO_PARTS, headers=WEB)).status == 202
    assert await pool.fetchval("select count(*) from campaign.parts_used") == 0
    await pool.execute(
        "update campaign.campaigns set created_at = created_at - interval '1 day' where campaign_id = "
        "(select min(campaign_id::text)::uuid from campaign.campaigns)"
    )
    after = await start(**KEYS, parts_per_day=4)
    assert (await after.post(SEND, json=TWO_PARTS, headers=WEB)).status == 202
    await refused(after, TWO_PARTS, 403, "parts_of_the_day_used_up")
    assert await pool.fetchval(USED, "web") == 4


async def test_the_day_is_of_utc_and_ends(start: Start, pool: Pool) -> None:
    """Tomorrow has a row of its own."""
    client = await start(**KEYS, parts_per_day=2)
    assert (await client.post(SEND, json=TWO_PARTS, headers=WEB)).status == 202
    await refused(client, TWO_PARTS, 403, "parts_of_the_day_used_up")
    assert await pool.fetchval("select day from campaign.parts_used") == datetime.now(UTC).date()
    await pool.execute("update campaign.parts_used set day = day - 1")
    await pool.execute("update campaign.campaigns set created_at = created_at - interval '1 day'")
    assert (await client.post(SEND, json=TWO_PARTS, headers=WEB)).status == 202


async def test_a_cancelled_campaign_gives_nothing_back(start: Start, pool: Pool) -> None:
    """What was accepted may have been sent."""
    client = await start(**KEYS, parts_per_day=2)
    sent = await (await client.post(SEND, json=TWO_PARTS, headers=WEB)).json()
    assert (await client.post(f"/api/campaigns/{sent['campaign_id']}/cancel", headers=WEB)).status == 202
    await refused(client, TWO_PARTS, 403, "parts_of_the_day_used_up")
    assert await pool.fetchval(USED, "web") == 2


@pytest.mark.parametrize(("setting", "own"), [(("US",), None), ((), ("US",)), (("US", "GB"), ("US",))])
async def test_only_allowed_countries(
    start: Start, make_key: MakeKey, pool: Pool, setting: tuple[str, ...], own: tuple[str, ...] | None
) -> None:
    """By the setting, or the key's own; 403 names how many, which and where it may, and nothing is stored."""
    key = await make_key(limits=Limits(countries=own))
    client = await start(allowed_countries=setting)
    numbers = ["+442079460958", "+12025550123", "+14165550123"]
    problem = await refused(client, HELLO | {"recipients": numbers}, 403, "country_not_allowed", key)
    assert problem["allowed"] == ["US"]
    assert (
        f"2 of 3 recipients are of countries to which the key {key_id(key['X-API-Key'])} may not send"
        in problem["detail"]
    )
    assert [(f["value"], f["detail"]) for f in problem["errors"]] == [
        (numbers[0], "is of GB"),
        (numbers[2], "is of CA"),
    ]
    assert await pool.fetchval(STORED) == 0
    assert (await client.post(SEND, json=HELLO | {"recipients": numbers[1:2]}, headers=key)).status == 202
