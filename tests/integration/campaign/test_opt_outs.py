"""Opt-outs through the API: from the request into the log, and from the tables back."""

from typing import Any

import pytest

from contracts import topics
from contracts.events import RecipientOptedIn, RecipientOptedOut
from contracts.identity import pseudonym
from infra.kafka.connection import KafkaConnection
from infra.postgres.pool import Pool
from infra.process.ports import free_port
from tests.integration.campaign.conftest import PRIVACY_KEY, Client, Start
from tests.integration.campaign.test_refusals import check_problem
from tests.reading import events_of, keys_of

PLACE = "/api/opt-outs/+15551231234"


async def test_an_opt_out_is_in_the_log(client: Client, kafka: KafkaConnection) -> None:
    """Under the number's pseudonym, decided now, by whoever called."""
    answer = await client.put(PLACE)
    body = await answer.json()
    (event,) = await events_of(kafka, topics.CONSENT)
    assert isinstance(event, RecipientOptedOut)
    assert (event.recipient, event.source, event.actor) == ("15551231234", "api", "anonymous")
    assert await keys_of(kafka, topics.CONSENT) == [pseudonym("15551231234", PRIVACY_KEY)]
    assert answer.status == 202
    assert body == {
        "message": "Nothing more is sent to this number until it opts in again.",
        "phone": "+15551231234",
        "opted_out": True,
        "opted_out_at": event.received_at,
    }


async def test_opting_in_again_comes_later(client: Client, kafka: KafkaConnection) -> None:
    """The last word counts, so the second event's moment is after the first one's."""
    await client.put(PLACE)
    body = await (await client.delete(PLACE)).json()
    out, in_ = await events_of(kafka, topics.CONSENT)
    assert isinstance(out, RecipientOptedOut)
    assert isinstance(in_, RecipientOptedIn)
    assert in_.received_at > out.received_at
    assert (body["opted_out"], body["opted_out_at"]) == (False, None)


@pytest.mark.parametrize("spelling", ["+1.555.123.1234", "%2B1%20(555)%20123-1234", "0015551231234"])
async def test_any_spelling_is_the_same_number(standing: Client, spelling: str) -> None:
    """As in a request to send."""
    assert (await (await standing.get(f"/api/opt-outs/{spelling}")).json())["phone"] == "+15551231234"


async def test_an_unknown_number_may_be_sent_to(standing: Client) -> None:
    """Nothing is known of it."""
    body = await (await standing.get(PLACE)).json()
    assert (body["opted_out"], body["opted_out_at"]) == (False, None)
    assert body["message"] == "Nothing is known of this number, so it may be sent to."


KNOWN = """
insert into build_1.recipients (phone, is_opted_out, decided_at, source)
values (15551231234, $1, '2026-03-01T12:00:00Z', 'reply')
"""


@pytest.mark.parametrize(("is_opted_out", "at"), [(True, "2026-03-01T12:00:00.000Z"), (False, None)])
async def test_what_is_known_is_shown(pool: Pool, start: Start, is_opted_out: bool, at: str | None) -> None:
    """Whoever said it: a reply, an operator, the API."""
    await pool.execute(KNOWN, is_opted_out)
    body = await (await (await start()).get(PLACE)).json()
    assert (body["opted_out"], body["opted_out_at"]) == (is_opted_out, at)


@pytest.mark.parametrize("method", ["put", "delete", "get"])
async def test_what_is_no_number_is_refused(standing: Client, method: str) -> None:
    """400 says why."""
    problem = await check_problem(await getattr(standing, method)("/api/opt-outs/12"), 400, "invalid_request")
    assert problem["errors"][0]["pointer"] == "phone"


async def test_without_kafka_nothing_is_promised(start: Start) -> None:
    """503: send it again."""
    client = await start(kafka_bootstrap_servers=f"127.0.0.1:{free_port()}")
    answer: Any = await client.put(PLACE)
    await check_problem(answer, 503, "log_away")
