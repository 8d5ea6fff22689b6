"""What the dispatcher does with what it was asked for."""

from datetime import UTC, datetime, timedelta

import pytest

from contracts import topics
from contracts.events import (
    BatchAccepted,
    BatchExpired,
    BatchInDoubt,
    BatchRefused,
    DeliveryReported,
    FollowUpGivenUp,
    FollowUpScheduled,
    RecipientOptedIn,
    RecipientOptedOut,
    RecipientsRefused,
    RecipientsSuppressed,
    SendAttempted,
)
from contracts.identity import derived_id, pseudonym
from infra.process.world import iso
from tests.integration.dispatcher.parts import CAMPAIGN, NUMBERS, Parts, dispatching
from tests.waiting import until


def soon(seconds: float) -> str:
    """A moment from now, as events write it."""
    return iso(datetime.now(UTC) + timedelta(seconds=seconds))


async def test_every_chunk_is_sent_once_and_said_before_and_after(these: Parts) -> None:
    """SendAttempted with exactly the recipients, then BatchAccepted with Sinch's id."""
    await these.ask(NUMBERS[:3], NUMBERS[3:5])
    async with dispatching(these):
        await these.settled(chunks=2)
    assert await these.sent() == dict.fromkeys(NUMBERS[:5], 1)
    attempts = {event.client_reference: event.recipients for event in await these.events(SendAttempted)}
    assert attempts == {f"{CAMPAIGN}.0.1": NUMBERS[:3], f"{CAMPAIGN}.1.1": NUMBERS[3:5]}
    assert {event.client_reference for event in await these.events(BatchAccepted)} == set(attempts)


async def test_nothing_is_sent_before_all_chunks_have_arrived(these: Parts) -> None:
    """A campaign that was published half is not a campaign yet; another one that is whole goes."""
    other = CAMPAIGN.replace("aa", "bb")
    await these.ask(NUMBERS[:3], of=2)
    await these.ask(NUMBERS[5:6], campaign=other)
    async with dispatching(these):

        async def other_sent() -> bool:
            return await these.sent() == {NUMBERS[5]: 1}

        await until(other_sent, "the whole campaign is sent, and nothing of the half one")
        await these.ask(NUMBERS[3:4], of=2, first=1)
        await these.settled(chunks=3)
    assert await these.sent() == dict.fromkeys([*NUMBERS[:4], NUMBERS[5]], 1)


async def test_a_chunk_that_is_asked_for_twice_is_sent_once(these: Parts) -> None:
    """A publisher that crashed publishes again."""
    for _ in range(2):
        await these.ask(NUMBERS[:3])
    async with dispatching(these):
        await these.settled()
    assert await these.sent() == dict.fromkeys(NUMBERS[:3], 1)


async def test_send_at_is_held_here(these: Parts) -> None:
    """Nothing goes before it, and it is never passed to Sinch."""
    due = datetime.now(UTC) + timedelta(seconds=3)
    await these.ask(NUMBERS[:1], send_at=iso(due))
    async with dispatching(these):
        await these.settled()
    (attempt,) = await these.events(SendAttempted)
    assert iso(due) <= attempt.occurred_at <= iso(due + timedelta(seconds=1.5))


async def test_what_has_expired_is_never_sent(these: Parts) -> None:
    """And it is said, with the reason."""
    await these.ask(NUMBERS[:2], expire_at=soon(-1))
    async with dispatching(these):
        await these.settled()
    assert await these.sent() == {}
    (event,) = await these.events(BatchExpired)
    assert "expire_at" in event.reason


async def opt_out(these: Parts, number: str, at: str, *, out: bool = True) -> None:
    """Consent is withdrawn or given, as the gateway would say it."""
    kind = RecipientOptedOut if out else RecipientOptedIn
    event = kind(event_id=derived_id(number, at, out), occurred_at=at, recipient=number, received_at=at, source="reply")
    await these.say(topics.CONSENT, pseudonym(number, "k" * 16), event)


async def test_who_opted_out_is_taken_out_of_the_chunk(these: Parts) -> None:
    """By the latest word in Sinch's order: an older START that arrives later changes nothing."""
    await opt_out(these, NUMBERS[0], soon(-10))
    await opt_out(these, NUMBERS[0], soon(-20), out=False)
    await opt_out(these, NUMBERS[1], soon(-20))
    await opt_out(these, NUMBERS[1], soon(-10), out=False)
    await opt_out(these, NUMBERS[3], soon(-10))
    await these.ask(NUMBERS[:3], NUMBERS[3:4])
    async with dispatching(these):
        await these.settled(chunks=2)
    assert set(await these.sent()) == set(NUMBERS[1:3])
    assert {r for e in await these.events(RecipientsSuppressed) for r in e.recipients} == {NUMBERS[0], NUMBERS[3]}


async def test_a_number_that_sinch_refuses_costs_only_itself(these: Parts) -> None:
    """The 400 names `to[i]`: it is refused, the rest goes, under the same attempt."""
    await these.rules(refused_numbers=[NUMBERS[1]])
    await these.ask(NUMBERS[:3])
    async with dispatching(these):
        await these.settled()
    assert set(await these.sent()) == {NUMBERS[0], NUMBERS[2]}
    (refused,) = await these.events(RecipientsRefused)
    assert (refused.recipients, await these.events(BatchRefused)) == ([NUMBERS[1]], [])


async def test_a_blocked_account_pauses_everything_until_it_is_resumed(these: Parts) -> None:
    """Nothing is refused, nothing is lost; after the resume it goes."""
    await these.rules(blocked_account=True)
    await these.ask(NUMBERS[:3])
    async with dispatching(these):

        async def blocked() -> bool:
            return bool(await these.ledger.fetchval("SELECT blocked_reason FROM dispatch.plan"))

        await until(blocked, "the plan is blocked")
        await these.rules()
        assert await these.sent() == {}
        await these.ledger.execute("UPDATE dispatch.plan SET blocked_reason = NULL")
        await these.settled()
    assert await these.sent() == dict.fromkeys(NUMBERS[:3], 1)


@pytest.mark.parametrize(
    "fault",
    [{"kind": "error_after", "status": 502}, {"kind": "error_before", "status": 500}, {"kind": "hang_after", "seconds": 3},
     {"kind": "cut_after"}, {"kind": "cut_before"}, {"kind": "unreadable"}],
)  # fmt: skip
async def test_a_doubt_is_looked_up_and_settled(these: Parts, fault: dict[str, object]) -> None:
    """Whether Sinch had accepted it or not: once."""
    await these.rules(faults=[{**fault, "times": 1}])
    await these.ask(NUMBERS[:3])
    async with dispatching(these):
        await these.settled()
    assert await these.sent() == dict.fromkeys(NUMBERS[:3], 1)
    assert len(await these.events(BatchInDoubt)) == 1


async def test_a_429_keeps_the_attempt_and_comes_again(these: Parts) -> None:
    """Not accepted: the same reference is offered again, and everybody goes slower for a while."""
    await these.rules(faults=[{"kind": "too_many_requests", "retry_after": 1, "times": 1}])
    await these.ask(NUMBERS[:3])
    async with dispatching(these):
        await these.settled()
    assert await these.sent() == dict.fromkeys(NUMBERS[:3], 1)
    assert {(e.client_reference, e.claim) for e in await these.events(SendAttempted)} == {
        (f"{CAMPAIGN}.0.1", 1), (f"{CAMPAIGN}.0.1", 2),
    }  # fmt: skip
    assert await these.ledger.fetchval("SELECT factor FROM dispatch.plan") < 1


async def test_a_failure_that_may_pass_is_sent_again_to_those_only(these: Parts) -> None:
    """The same chunk, the next attempt, and what then is delivered calls the rest off."""
    await these.rules(fates=[{"share": 1.0, "code": 404, "first_only": True, "recipient_prefix": NUMBERS[0]}])
    await these.ask(NUMBERS[:3], retry_delays=[1, 1])
    async with dispatching(these):

        async def again() -> bool:
            return (await these.sent())[NUMBERS[0]] == 2

        await until(again, "the failed one is sent again", within=20.0)
        await these.settled()
    assert await these.sent() == {NUMBERS[0]: 2, NUMBERS[1]: 1, NUMBERS[2]: 1}
    assert [e.recipients for e in await these.events(FollowUpScheduled)] == [[NUMBERS[0]]]
    assert await these.events(FollowUpGivenUp) == []


async def test_follow_ups_end_with_the_policy(these: Parts) -> None:
    """After the last delay it is given up, and said."""
    await these.rules(fates=[{"share": 1.0, "code": 404}])
    await these.ask(NUMBERS[:1], retry_delays=[1])
    async with dispatching(these):

        async def given_up() -> bool:
            return len(await these.events(FollowUpGivenUp)) == 1

        await until(given_up, "it is given up", within=20.0)
    assert await these.sent() == {NUMBERS[0]: 2}


async def test_without_a_policy_a_failure_is_not_sent_again(these: Parts) -> None:
    """The default is at most one message."""
    await these.rules(fates=[{"share": 1.0, "code": 404}])
    await these.ask(NUMBERS[:1])
    async with dispatching(these):

        async def reported() -> bool:
            reports = await these.events(DeliveryReported, topics.DELIVERY_REPORTS)
            return any(report.code == 404 for report in reports)

        await until(reported, "the failure is reported")
    assert await these.ledger.fetchval("SELECT count(*) FROM dispatch.follow_ups") == 0


TWICE = """
INSERT INTO dispatch.batches (campaign_id, chunk, attempt, state, reason, due_at, rank_at, claims, batch_id, accepted_at)
SELECT campaign_id, chunk, 2, state, 'absent', due_at, rank_at, 1, batch_id, accepted_at FROM dispatch.batches
"""


async def test_an_orphan_comes_home_once_its_batch_is_known(these: Parts) -> None:
    """With the same event id, under its chunk's key, once: also where two offers are that batch, for the first of them."""
    await these.ask(NUMBERS[:1])
    async with dispatching(these):
        await these.settled()
        batch_id = await these.ledger.fetchval("SELECT batch_id FROM dispatch.batches")
        await these.ledger.execute(TWICE)
        orphan = DeliveryReported(
            event_id=derived_id("orphan"), occurred_at=soon(0), batch_id=batch_id, recipient=NUMBERS[0],
            status="Delivered", code=0, at=soon(0),
        )  # fmt: skip
        await these.say(topics.DELIVERY_REPORTS, batch_id, orphan)

        async def home() -> list[tuple[int | None, int | None]]:
            reports = await these.events(DeliveryReported, topics.DELIVERY_REPORTS)
            return [
                (r.chunk, r.attempt) for r in reports if r.event_id == orphan.event_id and r.campaign_id == CAMPAIGN
            ]

        async def is_home() -> bool:
            return len(await home()) > 0

        await until(is_home, "the orphan is home")
        assert await home() == [(0, 1)]


async def test_reports_that_never_came_are_fetched(these: Parts) -> None:
    """Sinch dropped the callbacks; after the batch has expired its reports are pulled and enter the log."""
    await these.rules(callbacks={"drop": 1.0}, delays={"final": {"min": 0.1, "max": 0.1}})
    await these.ask(NUMBERS[:2], expire_at=soon(3))
    async with dispatching(these):

        async def pulled() -> bool:
            reports = await these.events(DeliveryReported, topics.DELIVERY_REPORTS)
            return {r.recipient for r in reports if r.source == "pull" and r.status == "Delivered"} == set(NUMBERS[:2])

        await until(pulled, "the reports are fetched", within=20.0)


async def test_the_guard_stops_what_no_policy_asked_for(these: Parts) -> None:
    """Were the ledger to offer somebody a second time by mistake, it would not be sent."""
    await these.ask(NUMBERS[:3])
    async with dispatching(these):
        await these.settled()
        await these.ledger.execute(
            "INSERT INTO dispatch.batches (campaign_id, chunk, attempt, state, due_at, rank_at) "
            "SELECT campaign_id, chunk, 2, 'due', now(), now() FROM dispatch.batches"
        )
        await these.settled()
    assert await these.sent() == dict.fromkeys(NUMBERS[:3], 1)
    assert await these.ledger.fetchval("SELECT state FROM dispatch.batches WHERE attempt = 2") == "given_up"


async def test_the_plan_is_never_more_than_one_chunk_ahead_of_its_rate(these: Parts) -> None:
    """40 recipients in chunks of 5 at 20 a second take at least 1.75 s, whatever is free to go."""
    numbers = [str(15551000000 + n) for n in range(40)]
    await these.ask(*(numbers[n : n + 5] for n in range(0, 40, 5)))
    async with dispatching(these, sinch_mps=20):
        await these.settled(chunks=8)
    moments = sorted(datetime.fromisoformat(e.occurred_at) for e in await these.events(SendAttempted))
    for count, moment in enumerate(moments):
        ahead = 5 * (count + 1) - 20 * ((moment - moments[0]).total_seconds() + 0.3)
        assert ahead <= 5, (count, ahead)


@pytest.mark.parametrize("priority", [0, 9])
async def test_a_small_campaign_passes_a_big_one(these: Parts, priority: int) -> None:
    """Ten chunks wait for the plan's rate; a later campaign of one goes before most of them, an urgent one at once."""
    numbers = [str(15551000000 + n) for n in range(50)]
    small = CAMPAIGN.replace("aa", "bb")
    async with dispatching(these, sinch_mps=20):
        await these.ask(*(numbers[n : n + 5] for n in range(0, 50, 5)))
        await until(lambda: _has_sent(these, 1), "the big one has begun")
        await these.ask(NUMBERS[:1], campaign=small, priority=priority)
        await these.settled(chunks=11)
    order = [event.campaign_id for event in sorted(await these.events(SendAttempted), key=lambda e: e.occurred_at)]
    assert order.index(small) <= (3 if priority else 6), order


async def _has_sent(these: Parts, least: int) -> bool:
    return len(await these.sent()) >= least
