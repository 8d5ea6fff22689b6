"""What the log proves counts at any time before the POST: nothing is offered again that turned out to be at Sinch."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import pytest

from contracts import topics
from contracts.events import BatchAccepted, CampaignPaused, CampaignResumed, DeliveryReported, RecipientsSuppressed
from contracts.identity import derived_id
from infra.process.world import World, iso
from services.dispatcher.app import run
from tests.integration.dispatcher.parts import CAMPAIGN, NUMBERS, Parts, dispatching
from tests.integration.dispatcher.test_dispatch import opt_out, soon
from tests.waiting import until

STATES = "SELECT attempt, state FROM dispatch.batches ORDER BY attempt, part"
FOLLOW_UP = """
INSERT INTO dispatch.batches (campaign_id, chunk, attempt, state, reason, due_at, rank_at, recipients, follows)
SELECT campaign_id, 0, 2, 'due', 'follow_up', now(), now(), $1, 1 FROM dispatch.campaigns
"""


async def states(these: Parts) -> list[tuple[int, str]]:
    """The attempts and how they stand."""
    return [tuple(row) for row in await these.ledger.fetch(STATES)]


async def stand(these: Parts, *wanted: tuple[int, str]) -> None:
    """Wait until they stand so."""
    seen: list[list[tuple[int, str]]] = [[]]

    async def so() -> bool:
        seen[0] = await states(these)
        return seen[0] == list(wanted)

    try:
        await until(so, f"the attempts are {wanted}", within=30.0)
    except AssertionError as failed:
        raise AssertionError(f"{seen[0]}, not {wanted}") from failed


async def decide(these: Parts, kind: type[CampaignPaused | CampaignResumed]) -> None:
    """Pause or resume."""
    event = kind(event_id=derived_id(kind.__name__), occurred_at=soon(0), campaign_id=CAMPAIGN, actor="test")
    await these.say(topics.CAMPAIGN_CONTROL, CAMPAIGN, event)


async def report(these: Parts, status: str = "Dispatched", attempt: int = 1) -> str:
    """Sinch reports about the first recipient; gives the batch's id."""
    async with these.http.get(f"{these.simulator.url}/simulator/sends") as answer:
        batch_id: str = (await answer.json())["sends"][0]["batch_id"]
    event = DeliveryReported(
        event_id=derived_id("report", status, attempt), occurred_at=soon(0), batch_id=batch_id, recipient=NUMBERS[0],
        status=status, code=0, at=soon(0), campaign_id=CAMPAIGN, chunk=0, attempt=attempt,
    )  # fmt: skip
    await these.say(topics.DELIVERY_REPORTS, f"{CAMPAIGN}.0", event)
    return batch_id


@asynccontextmanager
async def believed_absent(these: Parts) -> AsyncIterator[None]:
    """Sinch has the batch, nothing shows it, and the re-offer waits because the campaign is paused."""
    fault = {"kind": "cut_after", "times": 1}
    await these.rules(faults=[fault], lists={"lag": 600.0}, callbacks={"drop": 1.0})
    await these.ask(NUMBERS[:2])
    async with dispatching(these):
        await stand(these, (1, "in_doubt"))
        await decide(these, CampaignPaused)
        await stand(these, (1, "absent"), (2, "due"))
        yield


async def test_a_re_offer_of_which_nothing_was_said_ends_quietly(these: Parts) -> None:
    """A late report proves the first offer: the second is called off, also when the campaign goes on."""
    async with believed_absent(these):
        batch_id = await report(these)
        await stand(these, (1, "accepted"), (2, "called_off"))
        await decide(these, CampaignResumed)
        await these.settled()
    assert await these.sent() == dict.fromkeys(NUMBERS[:2], 1)
    assert {(e.attempt, e.batch_id) for e in await these.events(BatchAccepted)} == {(1, batch_id)}


async def test_a_re_offer_that_was_said_is_accepted_as_the_same_batch(these: Parts) -> None:
    """Its messages have moved into it: the log says what became of them, under its name."""
    async with believed_absent(these):
        await these.ledger.execute("UPDATE dispatch.batches SET claims = 1 WHERE attempt = 2")
        batch_id = await report(these)
        await stand(these, (1, "accepted"), (2, "accepted"))
        await decide(these, CampaignResumed)
        await these.settled()
    assert await these.sent() == dict.fromkeys(NUMBERS[:2], 1)
    assert {(e.attempt, e.batch_id) for e in await these.events(BatchAccepted)} == {(1, batch_id), (2, batch_id)}


async def test_a_report_while_the_post_hangs_is_proof(these: Parts) -> None:
    """The list would never show it: what came meanwhile settles the doubt when it arises."""
    fault = {"kind": "hang_after", "seconds": 4, "times": 1}
    await these.rules(faults=[fault], lists={"lag": 600.0}, delays={"final": {"min": 0.05, "max": 0.1}})
    await these.ask(NUMBERS[:2])
    async with dispatching(these):
        await stand(these, (1, "accepted"))
    assert await these.sent() == dict.fromkeys(NUMBERS[:2], 1)


async def _read_back(these: Parts) -> bool:
    read = "SELECT sum(next_offset) FROM dispatch.offsets WHERE topic = 'dispatches'"
    return int(await these.ledger.fetchval(read) or 0) == 2  # SendAttempted, BatchAccepted


async def test_a_follow_up_waits_for_the_doubt_about_the_first_offer(these: Parts) -> None:
    """It is not given up; once the first is known to be there it goes."""
    await these.rules(callbacks={"drop": 1.0})
    await these.ask(NUMBERS[:1], retry_delays=[3600])
    async with dispatching(these):
        await these.settled()
        await until(lambda: _read_back(these), "what was said is read")
        await these.ledger.execute(
            "UPDATE dispatch.batches SET state = 'in_doubt', next_look_at = now() + interval '1 h'"
        )
        await these.ledger.execute(FOLLOW_UP, NUMBERS[:1])

        async def waits() -> bool:
            return bool(
                await these.ledger.fetchval(
                    "SELECT claims > 0 AND state = 'due' FROM dispatch.batches WHERE attempt = 2"
                )
            )

        await until(waits, "the follow-up was put back")
        await report(these)
        await stand(these, (1, "accepted"), (2, "accepted"))
    assert await these.sent() == {NUMBERS[0]: 2}


@pytest.mark.parametrize("paused", [True, False])
async def test_a_delivery_calls_off_a_follow_up_that_is_due(these: Parts, *, paused: bool) -> None:
    """While it waits for a pause, or was made at the same moment: whoever got the message gets no other."""
    await these.rules(callbacks={"drop": 1.0})
    await these.ask(NUMBERS[:1], retry_delays=[3600])
    async with dispatching(these):
        await these.settled()
        if paused:
            await these.ledger.execute("UPDATE dispatch.campaigns SET paused = true")
            await these.ledger.execute(FOLLOW_UP, NUMBERS[:1])
            await report(these, "Delivered")
        else:
            await these.ledger.execute("INSERT INTO dispatch.delivered VALUES ($1, $2)", CAMPAIGN, NUMBERS[0])
            await these.ledger.execute(FOLLOW_UP, NUMBERS[:1])
        await stand(these, (1, "accepted"), (2, "called_off"))
    assert await these.sent() == {NUMBERS[0]: 1}


class Died(Exception):  # noqa: N818  named by what it says
    """The process is gone."""


def dies_at(name: str) -> Callable[[str], None]:
    """A world in which the process dies there."""

    def at(point: str) -> None:
        if point == name:
            raise Died

    return at


async def test_a_death_before_the_claim_is_committed_leaves_no_opt_out_unsaid(these: Parts) -> None:
    """Who was taken out stands in the log by then; the claim comes again."""
    await opt_out(these, NUMBERS[0], iso(World().clock.wall()))
    await these.ask(NUMBERS[:1])
    world = World(at=dies_at("suppressed.said"))
    main = asyncio.create_task(run(these.settings(), world))
    try:
        await until(lambda: world.tasks.any_failed, "it died", within=30.0)
    finally:
        main.cancel()
        await asyncio.wait({main})
        await world.tasks.stop()
    assert [event.recipients for event in await these.events(RecipientsSuppressed)] == [[NUMBERS[0]]]
    async with dispatching(these):
        await stand(these, (1, "suppressed"))
    assert await these.sent() == {}
