"""Batches whose reports do not come, against the real dispatcher."""

from collections import Counter
from datetime import UTC, datetime, timedelta

from contracts import topics
from contracts.events import DeliveryReported
from infra.kafka.connection import KafkaConnection
from infra.postgres.pool import Pool
from infra.process.world import iso
from infra.sinch.simulator.rules import decode_rules
from tests.integration.dispatcher.controls.whole import CHUNK, Whole, whole
from tests.integration.dispatcher.parts import CAMPAIGN, NUMBERS, Parts, dispatching
from tests.reading import events_of
from tests.waiting import until

LOOK_NOW = "UPDATE dispatch.batches SET next_look_at = now()"
HAS_LOOKED = "SELECT bool_and(next_look_at > now()) FROM dispatch.batches"
HOUR = 3600.0


async def test_a_batch_that_stays_silent_is_asked_for_long_before_it_expires(these: Parts) -> None:
    """Sinch dropped the callbacks: the reports are fetched and enter the log as ordinary events."""
    await these.rules(callbacks={"drop": 1.0}, delays={"final": {"min": 0.1, "max": 0.1}})
    await these.ask(NUMBERS[:2])
    async with dispatching(these, pull_after_silence=0.5):

        async def pulled() -> bool:
            reports = await these.events(DeliveryReported, topics.DELIVERY_REPORTS)
            return {r.recipient for r in reports if r.source == "pull" and r.status == "Delivered"} == set(NUMBERS[:2])

        await until(pulled, "the reports are fetched", within=20.0)


async def test_it_is_asked_for_right_after_it_expired_as_well(these: Parts) -> None:
    """However long the pause after an earlier look would be."""
    await these.rules(callbacks={"drop": 1.0}, delays={"final": {"min": HOUR, "max": HOUR}})
    expire_at = iso(datetime.now(UTC) + timedelta(seconds=8))
    await these.ask(NUMBERS[:1], expire_at=expire_at)
    async with dispatching(these, pull_after_silence=0.5):

        async def looked() -> bool:
            reports = await these.events(DeliveryReported, topics.DELIVERY_REPORTS)
            return bool(reports)

        await until(looked, "the first look is done")
        next_look = await these.ledger.fetchval("SELECT next_look_at FROM dispatch.batches")
    assert iso(next_look) == expire_at


async def test_a_batch_that_a_report_proved_is_asked_for_too(these: Parts) -> None:
    """The 201 was lost and Sinch's list does not answer, but one callback came: the others may still be missing."""
    faults = [{"kind": "cut_after", "times": 1}, {"kind": "error_before", "on": "list"}]
    await these.rules(faults=faults, delays={"final": {"min": HOUR, "max": HOUR}})
    await these.ask(NUMBERS[:2])
    async with dispatching(these, pull_after_silence=HOUR):
        await these.settled()
        accepted = "SELECT next_look_at - now() FROM dispatch.batches WHERE state = 'accepted'"
        look_in = await these.ledger.fetchval(accepted)
    assert timedelta(minutes=55) < look_in < timedelta(minutes=61)


async def _look_again(system: Whole) -> None:
    await system.pool.execute(LOOK_NOW)

    async def has_looked() -> bool:
        return bool(await system.pool.fetchval(HAS_LOOKED))

    await until(has_looked, "it was looked at again")


async def _counts(system: Whole, campaign_id: str) -> dict[str, int]:
    async with system.api.get(f"/api/campaigns/{campaign_id}") as answer:
        return dict((await answer.json()).get("counts", {}))


async def test_looking_again_and_again_says_nothing_twice(kafka: KafkaConnection, database: str, pool: Pool) -> None:
    """One event for each status of each message, however often Sinch is asked while a phone is off."""
    async with whole(kafka, database, pool, pull_after_silence=0.5) as system:
        rules = b'{"callbacks": {"drop": 1.0}, "delays": {"final": {"min": 3600, "max": 3600}}}'
        system.simulator.plan.follow(decode_rules(rules))
        campaign_id, recipients = await system.request(chunks=1)

        async def dispatched() -> bool:
            return await _counts(system, campaign_id) == {"dispatched": CHUNK}

        await until(dispatched, "the tables show what was fetched", within=30.0)
        for _ in range(3):
            await _look_again(system)
        await system.simulator.plan.advance(HOUR)
        await system.pool.execute(LOOK_NOW)
        await system.reaches(campaign_id, "completed")
        said = [e for e in await events_of(kafka, topics.DELIVERY_REPORTS) if isinstance(e, DeliveryReported)]
    assert {event.source for event in said} == {"pull"}
    once = {(recipient, status): 1 for recipient in recipients for status in ("Dispatched", "Delivered")}
    assert Counter((event.recipient, event.status) for event in said) == once


async def test_tables_that_do_not_know_the_request_yet_do_not_end_the_look(these: Parts) -> None:
    """They have the batch and none of its members: 0 of 0 is not all; the reports that are missing are still fetched."""
    await these.rules(callbacks={"drop": 1.0}, delays={"final": {"min": 0.1, "max": 0.1}})
    build = "build_1.batches (campaign_id, chunk, attempt, part, requested, rank, status, reason, batch_id, recipients"
    behind = f"INSERT INTO {build}, members, queued, dispatched, unrecognised, settled) "
    await these.ledger.execute(behind + "VALUES ($1, 0, 1, '', false, 4, 'sent', '', 'b', 2, 0, 0, 0, 0, 0)", CAMPAIGN)
    await these.ask(NUMBERS[:2])
    async with dispatching(these, pull_after_silence=0.5):

        async def pulled() -> bool:
            reports = await these.events(DeliveryReported, topics.DELIVERY_REPORTS)
            return {r.recipient for r in reports if r.source == "pull" and r.status == "Delivered"} == set(NUMBERS[:2])

        await until(pulled, "the reports are fetched", within=40.0)
