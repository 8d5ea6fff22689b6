"""Options of a campaign: from the request into the log."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.integration.campaign.conftest import ADA, BOB, HELLO, SEND, Client, Logged
from tests.integration.campaign.test_refusals import check_problem


def later(**how_much: float) -> str:
    """A moment from now."""
    return (datetime.now(UTC) + timedelta(**how_much)).strftime("%Y-%m-%dT%H:%M:%S.000Z")


async def test_all_options_are_in_the_log(client: Client, logged: Logged) -> None:
    """The event is all that the dispatcher needs."""
    options = {
        "send_at": later(hours=1),
        "expire_at": later(hours=2),
        "priority": 9,
        "delivery_policy": "at_least_once",
    }
    answer = await client.post(SEND, json=HELLO | options | {"retry": {"delays": [1, 259_200]}})
    assert answer.status == 202, await answer.text()
    (event,) = await logged()
    assert (event.send_at, event.expire_at) == (options["send_at"], options["expire_at"])
    assert (event.priority, event.delivery_policy, event.retry_delays) == (9, "at_least_once", [1, 259_200])


async def test_default_parameters_stand_under_default(client: Client, logged: Logged) -> None:
    """In Sinch's form, in every chunk, beside what single recipients have of their own."""
    recipients = [{"phone": ADA, "parameters": {"name": "Ada"}}, BOB, *(f"+1555{n:07d}" for n in range(1_000))]
    body = {"recipients": recipients, "message": "Hi ${name}", "parameters": {"name": "you", "shop": "X"}}
    assert (await client.post(SEND, json=body)).status == 202
    first, second = await logged()
    assert first.parameters == {"name": {"15551231234": "Ada", "default": "you"}, "shop": {"default": "X"}}
    assert second.parameters == {"name": {"default": "you"}, "shop": {"default": "X"}}


async def test_a_campaign_for_later_is_scheduled(client: Client) -> None:
    """At once, before any table has heard of it."""
    send_at = later(hours=1)
    campaign_id = (await (await client.post(SEND, json=HELLO | {"send_at": send_at})).json())["campaign_id"]
    shown = await (await client.get(f"/api/campaigns/{campaign_id}")).json()
    assert (shown["status"], shown["scheduled_at"]) == ("scheduled", send_at)


@pytest.mark.parametrize(
    ("change", "pointer", "detail"),
    [
        ({"priority": 10}, "/priority", "must be at most 9"),
        ({"priority": -1}, "/priority", "must be at least 0"),
        ({"priority": "5"}, "/priority", "must be a whole number"),
        ({"priority": True}, "/priority", "must be a whole number"),
        ({"delivery_policy": "twice"}, "/delivery_policy", "must be 'at_most_once' or 'at_least_once'"),
        ({"retry": {"delays": [0]}}, "/retry/delays/0", "must be at least 1"),
        ({"retry": {"delays": [259_201]}}, "/retry/delays/0", "must be at most 259200"),
        ({"retry": {"delays": [1.5]}}, "/retry/delays/0", "must be a whole number"),
        ({"retry": {"delays": [60] * 11}}, "/retry/delays", "may have at most 10 entries"),
        ({"retry": {}}, "/retry/delays", "is missing"),
        ({"retry": {"delays": [], "times": 1}}, "/retry/times", "is not a field that is known here"),
        ({"parameters": {"na me": "x"}}, "/parameters/na me",
         "the name may hold letters, digits, dots, dashes and underscores only"),
        ({"parameters": {"name": 1}}, "/parameters/name", "must be a text"),
        ({"send_at": 5}, "/send_at", "must be a text"),
        ({"expire_at": "2020-01-01T00:00:00Z"}, "/expire_at", "must be in the future"),
    ],
)  # fmt: skip
async def test_a_wrong_option_is_named(standing: Client, change: dict[str, Any], pointer: str, detail: str) -> None:
    """400 says which, and in words what is wrong with it; `detail` says it too."""
    body = await check_problem(await standing.post(SEND, json=HELLO | change), 400, "invalid_request")
    assert [(fault["pointer"], fault["detail"]) for fault in body["errors"]] == [(pointer, detail)]
    assert f"`{pointer.removeprefix('/')}` {detail}" in body["detail"]


async def test_wrong_options_and_recipients_are_told_together(standing: Client) -> None:
    """One answer names everything that is wrong."""
    body = {"recipients": ["+1555"], "message": "Hello", "send_at": "soon"}
    problem = await check_problem(await standing.post(SEND, json=body), 400, "invalid_request")
    assert [fault["pointer"] for fault in problem["errors"]] == ["/send_at", "/recipients/0"]


async def test_other_options_are_another_request(standing: Client) -> None:
    """The same Idempotency-Key with another time is refused."""
    key = {"Idempotency-Key": "options"}
    assert (await standing.post(SEND, json=HELLO | {"send_at": later(hours=1)}, headers=key)).status == 202
    again = await standing.post(SEND, json=HELLO | {"send_at": later(hours=2)}, headers=key)
    await check_problem(again, 422, "idempotency_key_reused")
