"""Cancels at Sinch that do not succeed at once."""

from aiohttp import web

from contracts import topics
from contracts.events import BatchCancelled, CampaignCancelled
from contracts.identity import derived_id
from infra.process.world import World, iso
from tests.integration.dispatcher.front import fronting
from tests.integration.dispatcher.parts import CAMPAIGN, NUMBERS, Parts, dispatching
from tests.unit.sinch import pages
from tests.waiting import until

OTHER = CAMPAIGN.replace("aa", "bb")
SLOWLY = {"dispatch": {"min": 3600, "max": 3600}}
"""Sinch keeps what it takes for an hour, so that there is something to cancel."""


async def cancel(these: Parts, campaign: str = CAMPAIGN) -> None:
    """Somebody cancels the campaign."""
    now = iso(World().clock.wall())
    event = CampaignCancelled(
        event_id=derived_id("cancel", campaign), occurred_at=now, campaign_id=campaign, actor="ada"
    )
    await these.say(topics.CAMPAIGN_CONTROL, campaign, event)


async def cancelled(these: Parts, campaign: str = CAMPAIGN) -> list[str]:
    """What Sinch said to the cancels of this campaign, as the log has it."""
    return [e.provider_said for e in await these.events(BatchCancelled) if e.campaign_id == campaign]


async def ends(these: Parts, chunks: int, campaign: str = CAMPAIGN) -> None:
    """Wait until so many cancels of the campaign have had their last word."""

    async def there() -> bool:
        return len(await cancelled(these, campaign)) >= chunks

    await until(there, f"{campaign} is cancelled at Sinch", within=30.0)


async def test_a_cancel_that_met_a_wrong_token_for_a_moment_is_asked_again(these: Parts) -> None:
    """401, 503 and a proxy's 403 end nothing: the next ask succeeds."""
    await these.rules(delays=SLOWLY)
    async with fronting(these.simulator.url) as front:
        said = [(401, pages.EMPTY), (503, pages.EMPTY), (403, pages.NGINX)]

        def choose(request: web.Request, _body: bytes) -> web.Response | None:
            if request.method != "DELETE" or not said:
                return None
            status, page = said.pop(0)
            return web.Response(status=status, body=page.body, content_type=page.content_type or None)

        front.choose = choose
        await these.ask(NUMBERS[:3])
        async with dispatching(these, sinch_base_url=front.url):
            await these.settled()
            await cancel(these)
            await ends(these, 1)
    assert (await cancelled(these), said) == (["canceled"], [])
    assert [batch.canceled for batch in these.simulator.plan.store.oldest_first()] == [True]


async def test_a_cancel_that_came_before_sinch_knew_the_batch_is_asked_again(these: Parts) -> None:
    """It answers 404 for a while after it accepted it."""
    await these.rules(delays=SLOWLY, lists={"lag": 3})
    await these.ask(NUMBERS[:3])
    async with dispatching(these, in_doubt_settle=30):
        await these.settled()
        await cancel(these)
        await ends(these, 1)
    assert await cancelled(these) == ["canceled"]


async def test_cancels_that_fail_stand_behind_those_that_work(these: Parts) -> None:
    """Twenty of one campaign are never answered; another campaign is cancelled meanwhile."""
    await these.rules(delays=SLOWLY)
    many = [[str(15552000000 + n)] for n in range(20)]
    async with fronting(these.simulator.url) as front:
        bad: set[str] = set()

        def choose(request: web.Request, _body: bytes) -> web.Response | None:
            batch_id = request.path.rpartition("/")[2]
            return web.Response(status=500) if request.method == "DELETE" and batch_id in bad else None

        front.choose = choose
        await these.ask(*many)
        await these.ask(*([number] for number in NUMBERS[:5]), campaign=OTHER)
        async with dispatching(these, sinch_base_url=front.url):
            await these.settled(chunks=25)
            rows = await these.ledger.fetch("SELECT batch_id FROM dispatch.batches WHERE campaign_id = $1", CAMPAIGN)
            bad.update(row["batch_id"] for row in rows)
            await cancel(these)

            async def all_asked() -> bool:
                asked = {path for method, path in front.seen if method == "DELETE"}
                return len(asked) >= len(bad)

            await until(all_asked, "all of the first campaign's were asked", within=30.0)
            await cancel(these, OTHER)
            await ends(these, 5, OTHER)
            assert await cancelled(these) == []
            bad.clear()
            await ends(these, 20)
