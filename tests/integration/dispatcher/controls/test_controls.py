"""Pause, resume and cancel in the middle of a campaign: real dispatcher, log, tables and simulator."""

from collections import Counter
from datetime import UTC, datetime, timedelta
from statistics import median

import pytest
import structlog

from infra.process.metrics import REGISTRY
from tests.integration.dispatcher.controls.whole import CHUNK, Whole, slow_delivery
from tests.waiting import until

log = structlog.get_logger(__name__)

MOST_SECONDS = 1.0
"""From the request to pause or cancel until the last POST: what issue 5 asks for."""
STOPPED = "SELECT paused OR cancelled FROM dispatch.campaigns JOIN dispatch.batches USING (campaign_id) WHERE campaign_id = $1"
ITS_TIME_HAS_COME = "UPDATE dispatch.batches SET due_at = now(), rank_at = '-infinity' WHERE campaign_id = $1"
UNDER_WAY = "SELECT count(*) FROM dispatch.batches WHERE campaign_id = $1 AND state = 'attempting'"


async def stopped(system: Whole, campaign_id: str, word: str) -> float:
    """Pause or cancel, and wait until nothing is under way; gives the seconds until the last POST."""
    began = datetime.now(UTC)
    await system.decide(campaign_id, word)
    await system.reaches(campaign_id, {"pause": "paused", "cancel": "cancelling"}[word])

    async def quiet() -> bool:
        return bool(await system.pool.fetchval(UNDER_WAY, campaign_id) == 0)

    await until(quiet, "nothing is under way")
    seconds = (system.last_post(campaign_id) - began).total_seconds()
    log.info("stopped", word=word, seconds=round(seconds, 3), sent=len(system.sent(campaign_id)))
    return seconds


async def nothing_more_comes(system: Whole, campaign_id: str) -> None:
    """Another campaign comes later and goes through completely, and nothing of this one goes with it."""
    sent = system.sent(campaign_id)
    other, recipients = await system.request(chunks=20)
    await system.has_sent(other, len(recipients))
    assert system.sent(campaign_id) == sent


async def test_after_a_pause_nothing_is_claimed_and_resume_sends_exactly_the_rest(system: Whole) -> None:
    """Another campaign goes on meanwhile, and in the end everybody got one message."""
    campaign_id, recipients = await system.request(chunks=40)
    await system.has_sent(campaign_id, 10 * CHUNK)
    await stopped(system, campaign_id, "pause")
    await nothing_more_comes(system, campaign_id)
    assert len(system.sent(campaign_id)) < len(recipients)
    await until(lambda: due() * CHUNK == len(recipients) - len(system.sent(campaign_id)), "the metric shows what waits")
    await system.decide(campaign_id, "resume")
    await system.has_sent(campaign_id, len(recipients))
    await system.reaches(campaign_id, "completed")
    assert sorted(system.sent(campaign_id)) == recipients
    await until(lambda: due() == 0, "nothing waits")


def due() -> float:
    """What the metric says."""
    return REGISTRY.get_sample_value("heliograph_ledger_due_batches") or 0.0


async def test_the_last_post_comes_within_a_second(system: Whole) -> None:
    """After a pause or a cancel; the median, because what else runs on this machine is not under test."""
    slow_delivery(system)
    campaign_id, _ = await system.request(chunks=150)
    measured = []
    for _ in range(4):
        await system.has_sent(campaign_id, len(system.sent(campaign_id)) + 4 * CHUNK)
        measured.append(await stopped(system, campaign_id, "pause"))
        await system.decide(campaign_id, "resume")
    await system.has_sent(campaign_id, len(system.sent(campaign_id)) + 4 * CHUNK)
    measured.append(await stopped(system, campaign_id, "cancel"))
    assert median(measured) <= MOST_SECONDS


async def test_a_campaign_paused_and_resumed_many_times_sends_to_everybody_once(system: Whole) -> None:
    """At whatever moment of a claim the words come."""
    campaign_id, recipients = await system.request(chunks=40)
    await system.reaches(campaign_id, "sending")
    for turn in range(1, 12):
        await system.has_sent(campaign_id, turn * 3 * CHUNK)
        await system.decide(campaign_id, "pause")
        await system.decide(campaign_id, "resume")
    await system.has_sent(campaign_id, len(recipients))
    await system.reaches(campaign_id, "completed")
    assert Counter(system.sent(campaign_id)) == Counter(recipients)


async def test_cancel_takes_back_what_is_here_and_at_sinch(system: Whole) -> None:
    """Nothing more is sent; every message is cancelled, by us or by Sinch, and none is lost."""
    slow_delivery(system)
    campaign_id, recipients = await system.request(chunks=40)
    await system.has_sent(campaign_id, 10 * CHUNK)
    await stopped(system, campaign_id, "cancel")
    await nothing_more_comes(system, campaign_id)
    assert len(system.sent(campaign_id)) < len(recipients)
    await system.reaches(campaign_id, "cancelled")
    assert all(system.canceled(campaign_id))
    async with system.api.get(f"/api/campaigns/{campaign_id}") as answer:
        assert (await answer.json())["counts"] == {"cancelled": len(recipients)}


async def test_what_sinch_delivered_before_the_cancel_counts(system: Whole) -> None:
    """Reports win: delivered stays delivered, the rest is cancelled, and the sum is what was asked for."""
    campaign_id, recipients = await system.request(chunks=30)
    await system.has_sent(campaign_id, 10 * CHUNK)
    await system.decide(campaign_id, "cancel")
    await system.reaches(campaign_id, "cancelled")
    async with system.api.get(f"/api/campaigns/{campaign_id}") as answer:
        counts = (await answer.json())["counts"]
    assert counts["delivered"] > 0
    assert counts["cancelled"] > 0
    assert sum(counts.values()) == len(recipients)


@pytest.mark.parametrize("word", ["cancel", "pause"])
async def test_a_campaign_for_later_can_be_stopped_before_its_time(system: Whole, word: str) -> None:
    """Then nothing of it is ever sent; a paused one is sent once it is resumed and its time has come."""
    later = datetime.now(UTC) + timedelta(hours=1)
    body = {"recipients": ["+15551231234"], "message": "Hello", "send_at": later.isoformat()}
    async with system.api.post("/api/campaigns/send", json=body) as answer:
        campaign_id = (await answer.json())["campaign_id"]
    assert await system.status(campaign_id) == "scheduled"
    await system.decide(campaign_id, word)
    await system.reaches(campaign_id, {"cancel": "cancelled", "pause": "paused"}[word])
    await until(lambda: system.pool.fetchval(STOPPED, campaign_id), "the dispatcher knows of both")
    await system.pool.execute(ITS_TIME_HAS_COME, campaign_id)
    other, recipients = await system.request(chunks=2)
    await system.has_sent(other, len(recipients))
    assert system.sent(campaign_id) == []
    if word == "pause":
        await system.decide(campaign_id, "resume")
        await system.has_sent(campaign_id, 1)
