"""Kafka was lost and comes again from an older copy: nobody gets a message twice, nobody none."""

import asyncio

import pytest

from infra.kafka.log import LogRewritten
from infra.process.world import World, iso
from services.dispatcher.app import run
from tests.integration.dispatcher.parts import Parts, dispatching
from tests.integration.dispatcher.rebuilt import copies, history, older_log
from tests.integration.dispatcher.rebuilt.history import NARROW, SPLIT, Shape, campaign
from tests.integration.dispatcher.rebuilt.narrow import narrow
from tests.waiting import until

MANY = Shape(campaign(8), 40, 10, failing=9)
LATE = Shape(campaign(9), 4, 5)
SHAPES = (MANY, SPLIT)
SOON = 2.0
"""Seconds until the reports that the log lost are asked for; without a rule of the test's own, hours."""


async def has_sent(these: Parts, messages: float) -> None:
    """Wait until Sinch accepted so many."""

    async def enough() -> bool:
        return await these.messages() >= messages

    await until(enough, f"{messages:.0f} messages are sent", within=120.0)


async def test_a_ledger_that_knows_more_than_the_log_tells_it(these: Parts) -> None:
    """Offers, a campaign and an opt-out that only the ledger knows are said again; then the ledger is made of the log."""
    await these.rules(**history.RULES)
    out = await history.ask(these, *SHAPES)
    total = history.wanted(SHAPES, out).total()
    async with narrow(these.simulator.url, SPLIT.campaign, NARROW) as sinch:
        async with dispatching(these, sinch_base_url=sinch, dispatch_deadline=3.0, sinch_mps=150):
            await has_sent(these, 0.2 * total)
            copied = await older_log.ends(these.kafka)
            await has_sent(these, 0.4 * total)
            out |= await history.ask(these, LATE)
            await has_sent(these, 0.6 * total)

            async def arrived() -> bool:
                return bool(await these.ledger.fetchval("SELECT count(*) = 48 FROM dispatch.chunks"))

            await until(arrived, "the late campaign is in the ledger", within=60.0)
        await older_log.restore(these.kafka, copied)
        async with asyncio.timeout(30.0):
            with pytest.raises(LogRewritten):
                await run(these.settings(), World())
        code, said = await older_log.typed(these, "ledger", "--apply")
        assert (code, "facts that the log lacks" in said) == (1, True), said
        said = await older_log.done(these, "log", "--from", "ledger")
        assert "The log lacks" in said, said
        assert "lacks nothing" in await older_log.done(these, "log", "--from", "ledger")
        await older_log.done(these, "ledger")
        async with dispatching(these, sinch_base_url=sinch, dispatch_deadline=3.0, pull_after_silence=SOON):
            await history.done(these, (*SHAPES, LATE), out)
    await history.judge(these, (*SHAPES, LATE), out)


@pytest.mark.parametrize("ledger", ["older", "empty"])
async def test_what_only_sinch_knows_is_not_sent_again(these: Parts, ledger: str) -> None:
    """Log and ledger are of one moment, or the ledger is lost as well: the batches that Sinch has since are said in the log."""
    await these.rules(**history.RULES)
    out = await history.ask(these, *SHAPES)
    total = history.wanted(SHAPES, out).total()
    async with narrow(these.simulator.url, SPLIT.campaign, NARROW) as sinch:
        async with dispatching(these, sinch_base_url=sinch, dispatch_deadline=3.0, sinch_mps=150):
            await has_sent(these, 0.2 * total)
            since = iso(World().clock.wall())
            await copies.keep(these.ledger, "older")
            copied = await older_log.ends(these.kafka)
            await has_sent(these, 0.7 * total)
        await older_log.restore(these.kafka, copied)
        if ledger == "older":
            await copies.restore(these.ledger, "older")
            await copies.without_marks(these.ledger)
        else:
            await copies.empty(these.ledger)
        said = await older_log.done(these, "log", "--from", "sinch", "--since", since)
        assert "for dispatches" in said, said
        assert "lacks nothing" in await older_log.done(these, "log", "--from", "sinch", "--since", since)
        async with dispatching(these, sinch_base_url=sinch, dispatch_deadline=3.0, pull_after_silence=SOON):
            await history.done(these, SHAPES, out)
    await history.judge(these, SHAPES, out)
