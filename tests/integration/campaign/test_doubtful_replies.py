"""Replies that are probably opt-outs, through the API and by hand."""

import asyncio
import sys
from asyncio.subprocess import PIPE, STDOUT
from typing import Any

import pytest

from contracts import topics
from contracts.events import OptOutDismissed, RecipientOptedOut
from infra.kafka.connection import KafkaConnection
from infra.postgres.pool import Pool
from tests.integration.campaign.conftest import PRIVACY_KEY, Client, Start
from tests.integration.campaign.test_refusals import check_problem
from tests.integration.projector.processes import ROOT, environment
from tests.reading import events_of, keys_of

WAITS = """
with r as (insert into build_1.recipients (phone, is_opted_out, decided_at, source, suspected_at)
           values (15551231234, false, '-infinity', '', '2026-03-01T12:00:00Z')),
     m as (insert into build_1.replies (inbound_id, sender, originator, kind, body, received_at)
           values ('01A', 15551231234, '15550009999', 'text', 'Who is this?', '2026-03-01T12:00:00Z'))
insert into build_1.doubtful_replies (inbound_id, phone, received_at, words)
values ('01A', 15551231234, '2026-03-01T12:00:00Z', 'WHO IS THIS')
"""
SETTLE = "/api/replies/01A/settle"


@pytest.fixture
async def waiting(pool: Pool, start: Start) -> Client:
    """A service whose tables have a reply that waits."""
    await pool.execute(WAITS)
    return await start()


async def test_what_waits_is_listed(waiting: Client) -> None:
    """With what was written, and what of it makes it probable; the number's own page says that it is held."""
    body = await (await waiting.get("/api/replies?verdict=probable")).json()
    assert body == {
        "replies": [{
            "inbound_id": "01A", "phone": "+15551231234", "to": "15550009999", "body": "Who is this?",
            "received_at": "2026-03-01T12:00:00.000Z", "words": "WHO IS THIS",
        }],
        "more": False,
    }  # fmt: skip
    known = await (await waiting.get("/api/opt-outs/+15551231234")).json()
    assert known["opted_out"] is False
    assert "probably an opt-out" in known["message"]


async def test_one_is_settled_as_no_opt_out(waiting: Client, kafka: KafkaConnection) -> None:
    """Who, why, and which reply stand in the log; the date is the reply's."""
    answer = await waiting.post(SETTLE, json={"opted_out": False, "reason": "asked who we are"})
    assert (answer.status, (await answer.json())["opted_out"]) == (202, False)
    (event,) = await events_of(kafka, topics.CONSENT)
    assert isinstance(event, OptOutDismissed)
    assert (event.recipient, event.inbound_id, event.received_at) == ("15551231234", "01A", "2026-03-01T12:00:00.000Z")
    assert (event.actor, event.reason) == ("anonymous", "asked who we are")
    assert "15551231234" not in (await keys_of(kafka, topics.CONSENT))[0]


async def test_one_is_settled_as_an_opt_out(waiting: Client, kafka: KafkaConnection) -> None:
    """By hand, so it holds against all that stands before it."""
    await waiting.post(SETTLE, json={"opted_out": True, "reason": "meant it"})
    (event,) = await events_of(kafka, topics.CONSENT)
    assert isinstance(event, RecipientOptedOut)
    assert (event.source, event.reason) == ("operator", "meant it")


@pytest.mark.parametrize(
    ("place", "body", "status"),
    [("/api/replies/01B/settle", {"opted_out": True, "reason": "x"}, 404), (SETTLE, {"opted_out": True}, 400),
     (SETTLE, {"opted_out": True, "reason": " "}, 400), (SETTLE, {"reason": "x"}, 400)],
)  # fmt: skip
async def test_what_does_not_wait_or_has_no_reason_is_refused(
    waiting: Client, place: str, body: dict[str, Any], status: int
) -> None:
    """In words."""
    await check_problem(
        await waiting.post(place, json=body), status, "not_found" if status == 404 else "invalid_request"
    )


async def test_the_command_lists_and_settles(waiting: Client, kafka: KafkaConnection, database: str) -> None:
    """`heliograph replies`: numbers masked, the decision in the log with its actor."""
    del waiting  # it has put the reply there
    listed = await _typed(kafka, database, "replies", "--probable")
    assert "01A" in listed
    assert "Who is this?" in listed
    assert "15551231234" not in listed
    said = await _typed(kafka, database, "replies", "settle", "01A", "not", "--why", "a question", "--actor", "anna")
    assert "settled" in said
    (event,) = await events_of(kafka, topics.CONSENT)
    assert isinstance(event, OptOutDismissed)
    assert (event.actor, event.reason) == ("anna", "a question")


async def _typed(kafka: KafkaConnection, database: str, *words: str) -> str:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "services.cli", *words, env=environment(kafka, database) | {"PRIVACY_KEY": PRIVACY_KEY},
        cwd=ROOT, stdout=PIPE, stderr=STDOUT,
    )  # fmt: skip
    out, _ = await process.communicate()
    assert process.returncode == 0, out.decode()
    return out.decode()
