"""The plan as a whole: what Sinch's answers, and their absence, do to everybody's sending."""

from datetime import datetime, timedelta

import pytest
from aiohttp import web

from contracts import topics
from contracts.events import DeliveryReported, SendAttempted
from contracts.identity import derived_id
from infra.postgres.pool import Pool
from infra.process.metrics import REGISTRY
from infra.process.world import World, iso
from services.dispatcher.by_hand import ByHand
from services.dispatcher.plan import UNCLEAR_IN_A_ROW
from tests.integration.dispatcher.front import fronting
from tests.integration.dispatcher.parts import CAMPAIGN, NUMBERS, Parts, dispatching
from tests.unit.sinch import pages
from tests.waiting import until

OTHER = CAMPAIGN.replace("aa", "bb")
TAKEN_IN = "SELECT coalesce(sum(next_offset), 0) FROM dispatch.offsets WHERE topic = 'delivery-reports'"
BLOCKED = "SELECT blocked_reason FROM dispatch.plan"
SLOW_FOR = "SELECT greatest(slow_until, now()) - now() FROM dispatch.plan"
AT_ONCE = 4
"""Offers on their way at once."""


def chunks_of_one(count: int) -> list[list[str]]:
    """Recipients, each a chunk of its own."""
    return [[str(15553000000 + n)] for n in range(count)]


def paused_for() -> set[str]:
    """The reasons that the metric shows."""
    shown = [sample for metric in REGISTRY.collect() for sample in metric.samples]
    return {s.labels["reason"] for s in shown if s.name == "heliograph_dispatch_paused" and s.value}


@pytest.mark.parametrize(
    "header", ["86400", "1780000007000", "9" * 330, "Thu, 28 May 2099 20:26:47 GMT", "0", "-1", "soon"]
)
async def test_no_retry_after_silences_the_plan_for_long(these: Parts, header: str) -> None:
    """A day, a moment in milliseconds, 330 digits: bounded by the setting, and nothing ends."""
    async with fronting(these.simulator.url) as front:
        front.answers("POST", 429, pages.EMPTY, times=1, **{"Retry-After": header})
        await these.ask(NUMBERS[:3])
        async with dispatching(these, sinch_base_url=front.url, sinch_max_retry_after=2):
            await these.settled()
    assert await these.sent() == dict.fromkeys(NUMBERS[:3], 1)


async def test_an_operator_ends_a_wait_that_sinch_asked_for(these: Parts, pool: Pool) -> None:
    """He is told what it was; the metric shows what Sinch asked for and why nothing goes."""
    async with fronting(these.simulator.url) as front:
        front.answers("POST", 429, pages.EMPTY, times=1, **{"Retry-After": "7200"})
        await these.ask(NUMBERS[:3])
        async with dispatching(these, sinch_base_url=front.url):
            await until(lambda: "slow: Sinch answers 429 or 503" in paused_for(), "the metric says why")
            assert REGISTRY.get_sample_value("heliograph_retry_after_seconds") == 7200
            assert timedelta(minutes=4) < await these.ledger.fetchval(SLOW_FOR) <= timedelta(minutes=5)
            (words,) = await ByHand(pool).lift()
            assert "Sinch answered 429 or 503" in words
            await these.settled()
            assert await ByHand(pool).lift() == []
    assert await these.sent() == dict.fromkeys(NUMBERS[:3], 1)


async def test_pauses_after_429_grow_until_something_is_accepted(these: Parts) -> None:
    """Without a Retry-After: each in a row is longer, the first acceptance ends the row."""
    async with fronting(these.simulator.url) as front:
        front.answers("POST", 429, pages.EMPTY, times=2)
        await these.ask(NUMBERS[:1])
        async with dispatching(these, sinch_base_url=front.url):

            async def twice() -> bool:
                return bool(await these.ledger.fetchval("SELECT slowdowns = 2 FROM dispatch.plan"))

            await until(twice, "it was told twice to slow down", within=20.0)
            assert await these.ledger.fetchval(SLOW_FOR) > timedelta(seconds=1)
            await these.settled()

            async def none_in_a_row() -> bool:
                return bool(await these.ledger.fetchval("SELECT slowdowns = 0 FROM dispatch.plan"))

            await until(none_in_a_row, "the acceptance has ended the row")


async def test_a_debt_of_another_rate_is_forgotten(these: Parts) -> None:
    """SINCH_MPS was 0.01 for a moment, or the clock was set back: a thousand seconds stand in the row."""
    for moment in ("paid_until", "slow_until", "paused_until", "probe_until", "slowed_at"):
        await these.ledger.execute(f"UPDATE dispatch.plan SET {moment} = now() + interval '1000 seconds'")
    await these.ask(NUMBERS[:3])
    async with dispatching(these, sinch_max_retry_after=1):

        async def shortened() -> bool:
            return bool(await these.ledger.fetchval(SLOW_FOR) <= timedelta(minutes=1))

        await until(shortened, "what Sinch may ask for at most is left of the wait")
        await these.ledger.execute("UPDATE dispatch.plan SET slow_until = now()")
        await these.settled()
    assert await these.sent() == dict.fromkeys(NUMBERS[:3], 1)


async def test_what_sinch_refuses_costs_no_rate(these: Parts) -> None:
    """Four of five numbers are refused, one by one, at one message a second: no offer waits for what was refused."""
    await these.rules(refused_numbers=NUMBERS[:4])
    await these.ask(NUMBERS[:5])
    async with dispatching(these, sinch_mps=1):
        await these.settled()
    moments = [datetime.fromisoformat(event.occurred_at) for event in await these.events(SendAttempted)]
    assert len(moments) == 5
    assert max(moments) - min(moments) < timedelta(seconds=4)  # 5 + 4 + 3 + 2 seconds were all paid for


async def report_413(these: Parts, name: str, at: str, campaign: str = CAMPAIGN) -> DeliveryReported:
    """Somebody's message was aborted because the account is blocked."""
    event = DeliveryReported(
        event_id=derived_id(name), occurred_at=iso(World().clock.wall()), batch_id="B", recipient=NUMBERS[0], status="Aborted",
        code=413, at=at, campaign_id=campaign, chunk=0, attempt=1,
    )  # fmt: skip
    await these.say(topics.DELIVERY_REPORTS, f"{campaign}.0", event)
    return event


async def all_taken_in(these: Parts) -> None:
    """Wait until every report in the log is in the ledger."""

    async def there() -> bool:
        reports = len(await these.events(DeliveryReported, topics.DELIVERY_REPORTS))
        return bool(await these.ledger.fetchval(TAKEN_IN) >= reports)

    await until(there, "all reports are taken in", within=20.0)


async def test_a_413_blocks_for_offers_of_ours_and_once(these: Parts, pool: Pool) -> None:
    """Not one of anybody's batch, a month old, or from before the operator let the plan go on."""

    def before(**ago: float) -> str:
        return iso(World().clock.wall() - timedelta(**ago))

    await these.rules(callbacks={"drop": 1.0})
    await these.ask(NUMBERS[:1])
    async with dispatching(these):
        await these.settled()
        await report_413(these, "of somebody", before(), OTHER)
        await report_413(these, "a month old", before(days=30))
        await all_taken_in(these)
        assert await these.ledger.fetchval(BLOCKED) is None
        news = await report_413(these, "news", before())
        await all_taken_in(these)
        assert "413" in await these.ledger.fetchval(BLOCKED)
        block = await ByHand(pool).blocked()
        assert block is not None
        assert await ByHand(pool).unblock(block)
        await these.say(topics.DELIVERY_REPORTS, f"{CAMPAIGN}.0", news)
        await report_413(these, "another of then", before(seconds=30))
        await all_taken_in(these)
        assert await these.ledger.fetchval(BLOCKED) is None
        await report_413(these, "it is blocked still", before(seconds=-1))
        await all_taken_in(these)
        assert "413" in await these.ledger.fetchval(BLOCKED)


async def test_nothing_but_unclear_answers_pauses_sending_but_for_one_probe_at_a_time(these: Parts) -> None:
    """500 to everything: a few doubts, not one for every chunk; when Sinch is back, all go by themselves, once."""
    some = chunks_of_one(60)
    async with fronting(these.simulator.url) as front:
        front.answers("POST", 500, pages.NGINX)
        await these.ask(*some)
        async with dispatching(these, sinch_base_url=front.url, dispatch_in_flight=AT_ONCE):

            async def thrice() -> bool:
                return bool(await these.ledger.fetchval("SELECT pauses >= 3 FROM dispatch.plan"))

            await until(thrice, "sending has paused three times", within=40.0)
            assert "unclear: status 500" in paused_for()
            assert front.posts() <= UNCLEAR_IN_A_ROW + AT_ONCE + 3
            front.passes()
            await these.settled(chunks=60)
            assert await these.ledger.fetchval("SELECT (unclear, pauses) FROM dispatch.plan") == (0, 0)
    assert await these.sent() == {number: 1 for (number,) in some}


async def test_a_sinch_that_cannot_be_reached_is_tried_one_at_a_time(these: Parts) -> None:
    """Nothing leaves, so nothing is in doubt; but a night of it costs a claim every few minutes, not thousands."""
    await these.ask(*chunks_of_one(60))
    async with dispatching(these, sinch_base_url="http://127.0.0.1:9", dispatch_in_flight=AT_ONCE):

        async def twice() -> bool:
            return bool(await these.ledger.fetchval("SELECT pauses >= 2 FROM dispatch.plan"))

        await until(twice, "sending has paused twice", within=40.0)
        claims = await these.ledger.fetchval("SELECT sum(claims) FROM dispatch.batches")
    assert claims <= 60  # 4 of AT_ONCE are under way, and what is claimed with them is put back
    async with dispatching(these):
        await these.settled(chunks=60)
    assert set((await these.sent()).values()) == {1}


async def test_an_operator_ends_the_pause(these: Parts, pool: Pool) -> None:
    """Told how many and why."""
    async with fronting(these.simulator.url) as front:
        front.answers("POST", 500, pages.NGINX)
        await these.ask(*chunks_of_one(20))
        async with dispatching(these, sinch_base_url=front.url, dispatch_in_flight=AT_ONCE):
            await until(lambda: "unclear: status 500" in paused_for(), "the metric says why", within=20.0)
            front.passes()
            (words,) = await ByHand(pool).lift()
            assert "offers in a row had no clear answer (status 500)" in words
            await these.settled(chunks=20)


async def test_a_campaign_whose_text_a_firewall_hates_does_not_stop_another(these: Parts) -> None:
    """All of its offers are unclear; the other campaign, which comes later, goes meanwhile."""
    async with fronting(these.simulator.url) as front:

        def choose(request: web.Request, body: bytes) -> web.Response | None:
            hated = request.method == "POST" and CAMPAIGN.encode() in body
            return web.Response(status=403, body=pages.NGINX.body, content_type="text/html") if hated else None

        front.choose = choose
        await these.ask(*chunks_of_one(30))
        async with dispatching(these, sinch_base_url=front.url, dispatch_in_flight=AT_ONCE, in_doubt_settle=10):
            await until(lambda: any("unclear" in why for why in paused_for()), "sending has paused", within=20.0)
            await these.ask(*([number] for number in NUMBERS), campaign=OTHER)

            async def sent() -> bool:
                return await these.sent() == dict.fromkeys(NUMBERS, 1)

            await until(sent, "the other campaign is sent", within=60.0)
