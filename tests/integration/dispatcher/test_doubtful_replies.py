"""Replies that are, or probably are, opt-outs, before the messages of a campaign (FAULTS D1, D3)."""

from collections.abc import AsyncIterator
from typing import Any

import pytest

from contracts import topics
from contracts.events import (
    InboundReceived,
    OptOutDismissed,
    OptOutSuspected,
    RecipientOptedIn,
    RecipientOptedOut,
    RecipientsSuppressed,
)
from contracts.identity import derived_id, pseudonym
from infra.kafka.connection import KafkaConnection
from infra.process.world import World
from services.cli.audit_consent import audit_consent
from services.dispatcher.consented import IN_DOUBT, OPTED_OUT
from tests.integration.dispatcher.parts import NUMBERS, Parts, dispatching, parts
from tests.integration.dispatcher.test_dispatch import soon

STOPPED, DOUBTED, READ, STARTED, FREE = NUMBERS[:5]


@pytest.fixture
async def these(kafka: KafkaConnection, database: str, world: World) -> AsyncIterator[Parts]:
    """Kafka, PostgreSQL, a simulated Sinch and a gateway."""
    async with parts(kafka, database, world) as found:
        yield found


async def replied(these: Parts, number: str, body: str, verdict: str | None = None) -> InboundReceived:
    """A reply as a gateway of before the three verdicts, or one of now, has put it into the log."""
    at = soon(-20)
    event = InboundReceived(
        event_id=derived_id("reply", number), occurred_at=at, inbound_id=f"01{number}", sender=number, originator="",
        kind="text", received_at=at, body=body, verdict=verdict,
    )  # fmt: skip
    await these.say(topics.INBOUND_MESSAGES, pseudonym(number, "k" * 16), event)
    return event


async def dismiss(these: Parts, reply: InboundReceived) -> None:
    """A person read it."""
    event = OptOutDismissed(
        event_id=derived_id("dismissed", reply.event_id), occurred_at=soon(0), recipient=reply.sender,
        received_at=reply.received_at, inbound_id=reply.inbound_id, actor="anna", reason="asked for the price",
    )  # fmt: skip
    await these.say(topics.CONSENT, pseudonym(reply.sender, "k" * 16), event)


async def decide(these: Parts, number: str, kind: Any, source: str, received_at: str) -> None:
    """A word about consent."""
    event = kind(
        event_id=derived_id(number, source, received_at), occurred_at=soon(-1), recipient=number, source=source,
        received_at=received_at,
    )  # fmt: skip
    await these.say(topics.CONSENT, pseudonym(number, "k" * 16), event)


async def reasons(these: Parts) -> dict[str, str]:
    """Why who got nothing."""
    return {r: e.reason for e in await these.events(RecipientsSuppressed) for r in e.recipients}


async def test_replies_of_a_log_of_before_count_by_the_words_of_now(these: Parts) -> None:
    """An opt-out that was taken for nothing is one; a doubtful one is held, until a person has read it or a START came."""
    await replied(these, STOPPED, "Stop please")
    for number in (DOUBTED, READ, STARTED):
        reply = await replied(these, number, "Who is this?")
        if number == READ:
            await dismiss(these, reply)
    await decide(these, STARTED, RecipientOptedIn, "reply", soon(-5))
    await replied(these, FREE, "don't stop")
    await these.ask([STOPPED, DOUBTED, READ, STARTED, FREE])
    async with dispatching(these):
        await these.settled()
    assert await these.sent() == dict.fromkeys([READ, STARTED, FREE], 1)
    assert await reasons(these) == {STOPPED: OPTED_OUT, DOUBTED: IN_DOUBT}
    assert [e.recipient for e in await these.events(RecipientOptedOut, topics.CONSENT)] == [STOPPED]
    assert {e.recipient for e in await these.events(OptOutSuspected, topics.CONSENT)} == {DOUBTED, READ, STARTED}
    audit = await audit_consent(these.kafka, 0.0)
    assert audit.breaches == []


async def test_holding_back_can_be_turned_off(these: Parts) -> None:
    """What is an opt-out still is one."""
    await replied(these, STOPPED, "Stop please")
    await replied(these, DOUBTED, "Who is this?")
    await these.ask([STOPPED, DOUBTED])
    async with dispatching(these, consent_hold_probable=False):
        await these.settled()
    assert await these.sent() == {DOUBTED: 1}


@pytest.mark.parametrize("source", ["reply", "api", "delivery_code"])
async def test_a_start_of_2099_keeps_no_later_opt_out_from_working(these: Parts, source: str) -> None:
    """FAULTS D1: nor does it stand in the way of anybody else."""
    await decide(these, STOPPED, RecipientOptedIn, "reply", "2099-01-01T00:00:00.000Z")
    await decide(these, STOPPED, RecipientOptedOut, source, soon(0))
    await these.ask([STOPPED, FREE])
    async with dispatching(these):
        await these.settled()
    assert await these.sent() == {FREE: 1}
