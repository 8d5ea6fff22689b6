"""The ledger is lost in the middle and again at the end: nobody gets a message twice, nobody none."""

import pytest

from tests.integration.dispatcher.parts import Parts, dispatching
from tests.integration.dispatcher.rebuilt import copies, history
from tests.integration.dispatcher.rebuilt.history import AGAIN, BIG, MANY, MIXED_LARGE, MIXED_SMALL, SPLIT, Shape
from tests.integration.dispatcher.rebuilt.narrow import narrow
from tests.waiting import until

SHAPES = {
    "large chunks": (BIG, AGAIN),
    "many chunks": (MANY, SPLIT),
    "a mix": (MIXED_LARGE, MIXED_SMALL, SPLIT),
}


@pytest.mark.parametrize(
    "name", ["large chunks", *(pytest.param(name, marks=pytest.mark.long) for name in ("many chunks", "a mix"))]
)
async def test_a_lost_ledger_is_made_whole_by_the_log(these: Parts, name: str) -> None:
    """Emptied in the middle, restored to an older copy, to the last second, emptied at the end."""
    shapes: tuple[Shape, ...] = SHAPES[name]
    await these.rules(**history.RULES)
    out = await history.ask(these, *shapes)
    total = history.wanted(shapes, out).total()

    async def has_sent(share: float) -> bool:
        return await these.messages() >= share * total

    async with narrow(these.simulator.url, SPLIT.campaign, history.NARROW) as sinch:
        async with dispatching(these, sinch_base_url=sinch, dispatch_deadline=3.0):
            await until(lambda: has_sent(0.2), "a fifth is sent", within=120.0)
            await copies.keep(these.ledger, "older")
            await until(lambda: has_sent(0.4), "more is sent", within=120.0)
        await copies.empty(these.ledger)
        async with dispatching(these, sinch_base_url=sinch, dispatch_deadline=3.0):
            await until(lambda: has_sent(0.7), "more is sent again", within=120.0)
            await copies.keep(these.ledger, "last_second")
            await until(lambda: has_sent(0.8), "a little more", within=120.0)
        await copies.restore(these.ledger, "last_second")
        async with dispatching(these, sinch_base_url=sinch, dispatch_deadline=3.0):
            await until(lambda: has_sent(0.9), "more is sent once more", within=120.0)
        await copies.restore(these.ledger, "older")
        async with dispatching(these, sinch_base_url=sinch, dispatch_deadline=3.0):
            await history.done(these, shapes, out)
        await history.judge(these, shapes, out)
        await copies.empty(these.ledger)
        async with dispatching(these, sinch_base_url=sinch, dispatch_deadline=3.0):
            await history.done(these, shapes, out)
        await history.judge(these, shapes, out)
