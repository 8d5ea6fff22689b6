"""What stands before Sinch answers in its place: nobody is refused, nobody gets it twice, and it goes on by itself."""

from datetime import timedelta

import pytest

from contracts.events import BatchAccepted, BatchInDoubt, BatchRefused, RecipientsRefused
from infra.postgres.pool import Pool
from services.dispatcher.by_hand import ByHand
from services.dispatcher.doubt import MOST_ABSENT, Rule
from tests.integration.dispatcher.front import fronting
from tests.integration.dispatcher.parts import NUMBERS, Parts, dispatching
from tests.unit.sinch import pages
from tests.unit.sinch.pages import Page, sinch
from tests.waiting import until

STATES = "SELECT array_agg(DISTINCT state) FROM dispatch.batches"
FAILED_OFTEN = """
INSERT INTO dispatch.batches (campaign_id, chunk, attempt, state, due_at, rank_at)
SELECT campaign_id, chunk, 100 + n, 'absent', now(), now() FROM dispatch.batches, generate_series(1, $1) n WHERE attempt = 1
"""
HELD = (
    "SELECT state = 'in_doubt' AND next_look_at > now() + interval '50 minutes' FROM dispatch.batches WHERE attempt = 3"
)
TEN = [[number] for number in NUMBERS]


@pytest.mark.parametrize(
    ("status", "page"),
    [
        (403, pages.NGINX), (402, pages.EMPTY), (451, pages.ZSCALER), (413, pages.NGINX), (422, pages.PROBLEM),
        (425, pages.EMPTY), (403, pages.AWS_GATEWAY), (403, pages.EMPTY), (404, pages.KONG), (302, pages.CAPTIVE_PORTAL),
        (200, pages.CAPTIVE_PORTAL), (403, sinch("a_code_of_next_year")), (400, pages.SPRING),
    ],
)  # fmt: skip
async def test_a_stranger_costs_time_and_nobody(these: Parts, status: int, page: Page) -> None:
    """It answers the offers of three chunks once: all go through later."""
    async with fronting(these.simulator.url) as front:
        front.answers("POST", status, page, times=3)
        await these.ask(*TEN)
        async with dispatching(these, sinch_base_url=front.url):
            await these.settled(chunks=10)
    assert await these.sent() == dict.fromkeys(NUMBERS, 1)
    assert (await these.events(BatchRefused), await these.events(RecipientsRefused)) == ([], [])
    assert len(await these.events(BatchInDoubt)) == 3


async def test_what_a_stranger_swallowed_after_sinch_took_it_is_found(these: Parts) -> None:
    """A firewall that looks at answers blocks the 201: the batch is looked for, not sent again."""
    async with fronting(these.simulator.url) as front:
        await these.rules(callbacks={"drop": 1.0})
        front.swallows = 3
        await these.ask(*TEN[:3])
        async with dispatching(these, sinch_base_url=front.url):
            await these.settled(chunks=3)
    assert await these.sent() == dict.fromkeys(NUMBERS[:3], 1)
    assert all(event.recovered for event in await these.events(BatchAccepted))


async def test_a_strangers_empty_list_and_404_are_no_absence(these: Parts) -> None:
    """The 201 was lost and a proxy answers every question: the doubt stays, until Sinch itself is heard."""
    async with fronting(these.simulator.url) as front:
        await these.rules(callbacks={"drop": 1.0}, faults=[{"kind": "cut_after", "times": 1}])
        front.answers("GET", 404, pages.KONG)
        await these.ask(NUMBERS[:3])
        async with dispatching(these, sinch_base_url=front.url):

            async def asked_often() -> bool:
                return sum(method == "GET" for method, _ in front.seen) >= 4

            await until(asked_often, "it was looked for", within=20.0)
            assert await these.ledger.fetchval(STATES) == ["in_doubt"]
            front.passes()
            await these.settled()
    assert await these.sent() == dict.fromkeys(NUMBERS[:3], 1)


async def test_what_never_arrives_is_offered_ever_later_and_at_last_held(these: Parts, pool: Pool) -> None:
    """A firewall takes offence at the text: no storm of attempts; the last doubt stays, and its list says what to do."""
    async with fronting(these.simulator.url) as front:
        front.answers("POST", 403, pages.NGINX)
        await these.ask(NUMBERS[:3])
        async with dispatching(these, sinch_base_url=front.url):

            async def attempts() -> int:
                return int(await these.ledger.fetchval("SELECT coalesce(max(attempt), 0) FROM dispatch.batches"))

            async def third() -> bool:
                return await attempts() >= 3

            await until(third, "it was absent twice", within=20.0)
            pause = "SELECT due_at - created_at FROM dispatch.batches WHERE attempt = $1"
            assert await these.ledger.fetchval(pause, 2) == timedelta(0)
            assert await these.ledger.fetchval(pause, 3) == timedelta(seconds=2)
            await these.ledger.execute(FAILED_OFTEN, MOST_ABSENT)

            async def held() -> bool:
                return bool(await these.ledger.fetchval(HELD))

            await until(held, "it is held", within=30.0)
            assert "held until somebody settles it" in (await ByHand(pool).doubts(1))[0].next_step(Rule(2, 0.4))
    assert await these.sent() == {}
