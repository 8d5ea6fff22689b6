"""Opt-outs against the real dispatcher."""

import asyncio
from collections import Counter
from typing import Any

from contracts import topics
from contracts.events import RecipientOptedOut, RecipientsSuppressed, SendAttempted, encode
from infra.kafka.connection import KafkaConnection
from infra.kafka.log import Appender, Entry
from infra.process.world import World, iso
from services.cli.audit_consent import SLACK_SECONDS, audit_consent
from tests.integration.dispatcher.controls.whole import CHUNK, Whole, command, settings_of
from tests.reading import events_of
from tests.waiting import until

ADA, BOB = "+15551231234", "+15551256344"
CHUNKS = 80
KNOWN = "SELECT opted_out FROM dispatch.consent WHERE recipient = $1::text::bigint"


async def decided(system: Whole, method: str, phone: str) -> None:
    """Opt a number out or in, and wait until the dispatcher has read it."""
    async with system.api.request(method, f"/api/opt-outs/{phone}") as answer:
        assert answer.status == 202
        out = (await answer.json())["opted_out"]

    async def known() -> bool:
        return await system.pool.fetchval(KNOWN, phone.removeprefix("+")) is out

    await until(known, f"{method} is known")


async def sent_to(system: Whole, *phones: str) -> list[str]:
    """Send to these numbers; gives those that got it once the campaign is over."""
    async with system.api.post("/api/campaigns/send", json={"recipients": phones, "message": "Hello"}) as answer:
        campaign_id = (await answer.json())["campaign_id"]
    await system.reaches(campaign_id, "completed")
    return system.sent(campaign_id)


async def test_an_opted_out_number_is_left_out_until_it_opts_in_again(system: Whole) -> None:
    """Out by PUT, in again by DELETE; GET says what the log says."""
    await decided(system, "PUT", ADA)
    assert await sent_to(system, ADA, BOB) == ["15551256344"]
    async with system.api.get(f"/api/opt-outs/{ADA}") as answer:
        assert (await answer.json())["opted_out"] is True
    await decided(system, "DELETE", ADA)
    assert sorted(await sent_to(system, ADA, BOB)) == ["15551231234", "15551256344"]


async def test_opt_outs_in_the_middle_of_a_campaign(system: Whole, kafka: KafkaConnection) -> None:
    """Each comes before or after its message's claim: then it is sent or suppressed, never both, and the audit is 0."""
    campaign_id, recipients = await system.request(chunks=CHUNKS)
    await system.has_sent(campaign_id, 5 * CHUNK)
    wanting_out = recipients[::CHUNK]

    async def opt_out(phone: str) -> int:
        async with system.api.put(f"/api/opt-outs/+{phone}") as answer:
            return answer.status

    assert set(await asyncio.gather(*map(opt_out, wanting_out))) == {202}
    await system.reaches(campaign_id, "completed")
    events = await events_of(kafka, topics.DISPATCHES)
    suppressed = Counter(r for e in events if isinstance(e, RecipientsSuppressed) for r in e.recipients)
    sent = Counter(system.sent(campaign_id))
    assert sent + suppressed == Counter(recipients)
    assert set(suppressed) <= set(wanting_out)
    assert 0 < len(suppressed) < len(wanting_out)
    audit = await audit_consent(kafka, reader_lag=0.5)
    assert (audit.breaches, audit.unreadable, len(audit.consent)) == ([], 0, len(wanting_out))
    assert audit.attempts == CHUNKS
    strict = await audit_consent(kafka, reader_lag=-SLACK_SECONDS)
    assert {breach.recipient for breach in strict.breaches} <= set(wanting_out)


async def test_the_audit_finds_what_was_sent_after_an_opt_out(
    kafka: KafkaConnection, database: str, world: World
) -> None:
    """Named with the number masked, and exit code 1; within the time that the dispatcher may lag it counts for nothing."""
    common: dict[str, Any] = {"event_id": str(world.ids.uuid7()), "occurred_at": iso(world.clock.wall())}
    out = RecipientOptedOut(**common, recipient="15551231234", received_at=common["occurred_at"], source="api")
    campaign_id = str(world.ids.uuid7())
    attempt = SendAttempted(
        **common, campaign_id=campaign_id, chunk=0, attempt=1, client_reference=f"{campaign_id}.0.1", sender="1",
        recipients=["15551231234", "15551256344"],
    )  # fmt: skip
    appender = Appender(kafka, world, name="test")
    await appender.start()
    opted_out = await appender.append(Entry(topics.CONSENT, "pseudonym", encode(out)))
    assert opted_out.offset == 0
    old_enough = world.clock.boot() + 2.1
    settings = settings_of(kafka, database)
    await until(lambda: world.clock.boot() > old_enough, "the opt-out is old enough")
    await appender.append(Entry(topics.DISPATCHES, f"{campaign_id}.0", encode(attempt)))
    await appender.stop()
    code, told = await command(settings.model_copy(update={"reader_lag": 1.0}), "audit", "consent")
    assert (code, "+1555•••1234" in told, "15551231234" in told) == (1, True, False), told
    assert "1 messages sent after a known opt-out (1 attempts" in told
    code, told = await command(settings, "audit", "consent")
    assert (code, told.startswith("0 messages sent after a known opt-out")) == (0, True), told
