"""A refusal that names nobody: the batch is halved, but not without end."""

import msgspec
from aiohttp import web

from contracts.events import BatchRefused
from tests.integration.dispatcher.front import fronting
from tests.integration.dispatcher.parts import Parts, dispatching
from tests.unit.sinch.pages import sinch

HUNDRED = [str(15554000000 + n) for n in range(100)]
WRONG = sinch("syntax_constraint_violation", "Something is wrong.")


async def offered(these: Parts, culprits: set[str]) -> int:
    """Offer a chunk of a hundred to a Sinch that refuses what holds one of these and does not say which; gives the POSTs."""
    async with fronting(these.simulator.url) as front:

        def choose(request: web.Request, body: bytes) -> web.Response | None:
            if request.method != "POST" or not culprits.intersection(msgspec.json.decode(body)["to"]):
                return None
            return web.Response(status=400, body=WRONG.body, content_type=WRONG.content_type)

        front.choose = choose
        await these.ask(HUNDRED)
        async with dispatching(these, sinch_base_url=front.url):
            await these.settled()
        return front.posts()


async def test_two_in_a_hundred_cost_only_themselves(these: Parts) -> None:
    """Everybody else gets it, once."""
    culprits = {HUNDRED[3], HUNDRED[77]}
    assert await offered(these, culprits) <= 30
    assert await these.sent() == dict.fromkeys(set(HUNDRED) - culprits, 1)
    assert len(await these.events(BatchRefused)) == 2


async def test_when_all_are_refused_it_ends_soon(these: Parts) -> None:
    """57 POSTs and not 199: what is left is refused, and the reason says that it was not halved further."""
    assert await offered(these, set(HUNDRED)) <= 60
    assert await these.sent() == {}
    refused = await these.events(BatchRefused)
    assert all(event.code == "syntax_constraint_violation" for event in refused)
    assert any("halving" in event.text for event in refused)
