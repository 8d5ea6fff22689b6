"""Replies through the gateway, and the one message that may come in answer to them."""

from collections import Counter
from datetime import UTC, datetime, timedelta

import pytest

from contracts import topics
from contracts.events import CampaignRequested, RecipientOptedOut, RecipientsSuppressed, SendAttempted
from contracts.identity import derived_id, pseudonym
from infra.process.world import World, iso
from services.cli.audit_consent import SLACK_SECONDS, audit_consent
from services.dispatcher.app import run
from services.dispatcher.ledger import DECIDED_SINCE
from tests.integration.dispatcher.parts import CAMPAIGN, NUMBERS, Parts, dispatching
from tests.reading import events_of
from tests.waiting import until

OURS = "15550008888"
OUT, IN = "You are out.", "You are in."
TEXTS = {"consent_opt_out_confirmation": OUT, "consent_opt_in_confirmation": IN}
ADA, BOB = NUMBERS[:2]
READ = "SELECT coalesce(sum(next_offset), 0) FROM dispatch.offsets WHERE topic = 'consent'"
HOLD = "UPDATE dispatch.plan SET blocked_reason = 'a test'"
GO_ON = "UPDATE dispatch.plan SET blocked_reason = NULL"


def ago(seconds: float) -> str:
    """A moment before now, as events write it."""
    return iso(datetime.now(UTC) - timedelta(seconds=seconds))


async def reply(these: Parts, text: str, at: str) -> None:
    """Sinch calls back with a reply of Ada's."""
    body = {"type": "mo_text", "id": "M", "from": ADA, "to": OURS, "body": text, "received_at": at}
    async with these.http.post(f"{these.gateway}/api/webhooks/delivery-reports", json=body) as answer:
        assert answer.status == 200, await answer.text()


async def taken_in(these: Parts) -> None:
    """Wait until all of `consent` is in the ledger; what had to be asked for then stands in the log."""
    said = len(await events_of(these.kafka, topics.CONSENT))

    async def is_read() -> bool:
        return int(await these.ledger.fetchval(READ)) >= said

    await until(is_read, "consent is taken in", within=20.0)


async def settled(these: Parts) -> None:
    """Wait until what was said is taken in, and what was asked for is sent or never will be."""
    await taken_in(these)
    await these.settled(chunks=len({request.campaign_id for request in await asked(these)}))


async def asked(these: Parts) -> list[CampaignRequested]:
    """Every record of `campaign-requests`."""
    return await these.events(CampaignRequested, topics.CAMPAIGN_REQUESTS)


async def texts(these: Parts) -> Counter[tuple[str, str]]:
    """What Ada got: (from, text), how often."""
    async with these.http.get(f"{these.simulator.url}/simulator/sends") as answer:
        sends = (await answer.json())["sends"]
    return Counter((send["from"], send["body"]) for send in sends if ADA in send["recipients"])


async def test_a_stop_is_confirmed_once_and_nothing_else_is_sent(these: Parts) -> None:
    """By the number that it was sent to; other campaigns leave the recipient out, and the audit finds no fault."""
    async with dispatching(these, **TEXTS):
        await reply(these, "STOP", ago(1))
        await settled(these)
        await these.ask([ADA, BOB])
        await settled(these)
    assert await texts(these) == {(OURS, OUT): 1}
    assert await these.sent() == {ADA: 1, BOB: 1}
    (attempt,) = [attempt for attempt in await these.events(SendAttempted) if attempt.recipients == [ADA]]
    (confirmation,) = [request for request in await asked(these) if request.campaign_id == attempt.campaign_id]
    assert attempt.confirms == confirmation.confirms
    assert (await audit_consent(these.kafka, reader_lag=-SLACK_SECONDS)).breaches == []


async def test_a_start_is_confirmed_and_lets_campaigns_through_again(these: Parts) -> None:
    """Each change of mind has one confirmation."""
    async with dispatching(these, **TEXTS):
        for text, seconds in (("STOP", 3), ("START", 2), ("stop!", 1)):
            await reply(these, text, ago(seconds))
            await settled(these)
        await reply(these, "Start", ago(0))
        await settled(these)
        await these.ask([ADA])
        await settled(these)
    assert await texts(these) == {(OURS, OUT): 2, (OURS, IN): 2, ("15550009999", "Hello"): 1}


async def test_a_repeated_stop_is_not_confirmed_again(these: Parts) -> None:
    """Neither Sinch's repetition of the callback nor a second reply of the same mind."""
    first = ago(2)
    async with dispatching(these, **TEXTS):
        for at in (first, first, ago(1), ago(0)):
            await reply(these, "STOP", at)
            await settled(these)
    assert await texts(these) == {(OURS, OUT): 1}
    assert len(await asked(these)) == 1


async def test_nothing_is_confirmed_by_default(these: Parts) -> None:
    """Without the texts nothing is even asked for."""
    async with dispatching(these):
        await reply(these, "STOP", ago(1))
        await settled(these)
        await reply(these, "START", ago(0))
        await settled(these)
    assert await asked(these) == []


async def test_an_old_reply_is_not_confirmed(these: Parts) -> None:
    """A callback that comes late, a dead letter that is fed in again."""
    async with dispatching(these, **TEXTS):
        await reply(these, "STOP", ago(2 * 3600))
        await settled(these)
    assert await asked(these) == []


async def test_an_intake_that_dies_before_its_commit_asks_for_the_same_again(these: Parts) -> None:
    """The request is in the log twice, under one id; the message is sent once."""

    def die(point: str) -> None:
        if point == "intake.said":
            raise ConnectionAbortedError(point)

    await reply(these, "STOP", ago(1))
    world = World(at=die)
    with pytest.raises(ConnectionAbortedError):
        await run(these.settings(**TEXTS), world)
    await world.tasks.stop()
    assert len(await asked(these)) == 1
    async with dispatching(these, **TEXTS):
        await settled(these)
    first, second = await asked(these)
    assert first == second
    assert await texts(these) == {(OURS, OUT): 1}


async def test_a_ledger_that_reads_consent_anew_sends_nothing_again(these: Parts) -> None:
    """It comes to the same requests, which are there already."""
    async with dispatching(these, **TEXTS):
        await reply(these, "STOP", ago(2))
        await settled(these)
        await reply(these, "STOP", ago(1))
        await settled(these)
    await these.ledger.execute("DELETE FROM dispatch.offsets WHERE topic = 'consent'")
    await these.ledger.execute("DELETE FROM dispatch.consent")
    async with dispatching(these, **TEXTS):
        await settled(these)
        await these.ask([BOB])
        await settled(these)
    assert await texts(these) == {(OURS, OUT): 1}
    assert len({request.event_id for request in await asked(these) if request.confirms}) == 1


async def test_a_start_overtakes_the_confirmation_of_a_stop(these: Parts) -> None:
    """What is confirmed must still be so when the message goes: only the last change of mind is."""
    await these.ledger.execute(HOLD)
    async with dispatching(these, **TEXTS):
        for text, seconds in (("STOP", 2), ("START", 1)):
            await reply(these, text, ago(seconds))
            await taken_in(these)
        await these.ledger.execute(GO_ON)
        await settled(these)
    assert await texts(these) == {(OURS, IN): 1}
    assert [event.reason for event in await these.events(RecipientsSuppressed)] == [DECIDED_SINCE]


@pytest.mark.parametrize("source", ["api", "delivery_code"])
async def test_an_opt_out_by_another_way_holds_the_confirmation_back(these: Parts, source: str) -> None:
    """Only the very reply is passed; and what is no reply is never confirmed."""
    await these.ledger.execute(HOLD)
    async with dispatching(these, **TEXTS):
        await reply(these, "STOP", ago(2))
        await taken_in(these)
        at = ago(1)
        other = RecipientOptedOut(
            event_id=derived_id("other"), occurred_at=at, recipient=ADA, received_at=at, source=source
        )
        await these.say(topics.CONSENT, pseudonym(ADA, "k" * 16), other)
        await taken_in(these)
        await these.ledger.execute(GO_ON)
        await settled(these)
    assert await texts(these) == {}
    assert len(await asked(these)) == 1


async def test_a_request_that_confirms_no_such_reply_is_not_sent(these: Parts) -> None:
    """Whoever wrote it: naming a reply lets nothing through but that reply's own confirmation."""
    await these.ask([ADA, BOB], campaign=CAMPAIGN, confirms=derived_id("no such reply"))
    async with dispatching(these, **TEXTS):
        await settled(these)
    assert await these.sent() == {}
    assert [sorted(event.recipients) for event in await these.events(RecipientsSuppressed)] == [[ADA, BOB]]
