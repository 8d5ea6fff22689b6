"""What operators do to the ledger by hand, and what comes of it."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from contracts import topics
from contracts.events import DoubtSettled
from contracts.identity import Reference
from infra.kafka.connection import KafkaConnection
from infra.postgres.pool import Pool
from infra.process.metrics import REGISTRY
from infra.sinch.simulator.rules import decode_rules
from services.dispatcher.by_hand import ByHand, NotInDoubt, Verdict
from tests.integration.dispatcher.controls.whole import CHUNK, Whole, command, settings_of, whole
from tests.reading import events_of
from tests.waiting import until

STATES = "SELECT attempt, state FROM dispatch.batches WHERE campaign_id = $1 ORDER BY attempt"
WHY = "the account manager looked it up"


@pytest.fixture
async def patient(kafka: KafkaConnection, database: str, pool: Pool) -> AsyncIterator[Whole]:
    """A system that would look at Sinch for an hour before it decides by itself."""
    async with whole(kafka, database, pool, in_doubt_settle=3_600) as system:
        yield system


async def in_doubt(system: Whole, kind: str = "cut_before") -> Reference:
    """A batch whose POST was cut off."""
    rule = f'{{"faults": [{{"kind": "{kind}", "on": "send", "times": 1}}, {{"kind": "error_before", "on": "list"}}]}}'
    system.simulator.plan.follow(decode_rules(rule.encode()))
    campaign_id, _ = await system.request(chunks=1)
    reference = Reference(campaign_id, 0, 1)

    async def there() -> bool:
        return [doubt.reference for doubt in await ByHand(system.pool).doubts(10)] == [reference]

    await until(there, "it is in doubt")
    return reference


async def states(system: Whole, reference: Reference) -> list[tuple[int, str]]:
    """Attempt and state of each offer of the campaign."""
    return [tuple(row) for row in await system.pool.fetch(STATES, reference.campaign_id)]


async def test_doubts_are_listed_with_their_next_step(patient: Whole) -> None:
    """Which, how many recipients, how old, and what happens if nobody does anything."""
    reference = await in_doubt(patient)
    code, listed = await command(patient.settings, "doubts")
    assert code == 0
    assert f"{reference}  {CHUNK} recipients" in listed
    assert "look 1 of 3 at Sinch" in listed
    assert "if it is not there, it is looked for again" in listed
    assert "1 batches in doubt" in listed


PROVEN = """
WITH first AS (UPDATE dispatch.batches SET state = 'accepted', batch_id = 'B1', owner = NULL WHERE campaign_id = $1 RETURNING *)
INSERT INTO dispatch.batches (campaign_id, chunk, attempt, state, reason, due_at, rank_at, claims, attempted_at, next_look_at)
SELECT campaign_id, chunk, 2, 'in_doubt', 'absent', due_at, rank_at, 1, now(), now() + interval '1 hour' FROM first
"""


async def test_absent_is_refused_where_an_earlier_offer_arrived(patient: Whole) -> None:
    """It was offered in the place of one that Sinch turned out to have: the words name that batch, and nothing changes."""
    reference = await in_doubt(patient)
    await patient.pool.execute(PROVEN, reference.campaign_id)
    again = str(Reference(reference.campaign_id, 0, 2))
    code, told = await command(patient.settings, "doubts", "settle", again, "absent", "--why", WHY)
    assert (code, "--batch-id B1" in told) == (1, True), told
    assert await states(patient, reference) == [(1, "accepted"), (2, "in_doubt")]


async def test_absent_is_offered_again(patient: Whole, kafka: KafkaConnection) -> None:
    """As the next attempt, at once; who said so and why stands in the log."""
    reference = await in_doubt(patient)
    code, told = await command(
        patient.settings, "doubts", "settle", str(reference), "absent", "--why", WHY, "--actor", "ada"
    )
    assert (code, told.count("attempt 2")) == (0, 1), told
    await patient.reaches(reference.campaign_id, "completed")
    assert await states(patient, reference) == [(1, "absent"), (2, "accepted")]
    assert len(patient.sent(reference.campaign_id)) == CHUNK
    (event,) = [e for e in await events_of(kafka, topics.DISPATCHES) if isinstance(e, DoubtSettled)]
    assert (event.verdict, event.actor, event.why) == ("absent", "ada", WHY)
    assert event.client_reference == str(reference)


async def test_accepted_is_believed(patient: Whole) -> None:
    """The batch counts as Sinch's, and is never offered again."""
    reference = await in_doubt(patient, "hang_before")
    code, told = await command(
        patient.settings,
        "doubts",
        "settle",
        str(reference),
        "accepted",
        "--why",
        WHY,
        "--batch-id",
        "01FC66621XXXXX119Z8PMV1QPQ",
    )
    assert code == 0, told
    await patient.reaches(reference.campaign_id, "sent")
    assert await states(patient, reference) == [(1, "accepted")]


async def test_given_up_is_final(patient: Whole) -> None:
    """Nobody knows, and nobody is sent to: the campaign is over."""
    reference = await in_doubt(patient)
    code, told = await command(patient.settings, "doubts", "settle", str(reference), "given-up", "--why", WHY)
    assert code == 0, told
    await patient.reaches(reference.campaign_id, "completed")
    assert await states(patient, reference) == [(1, "given_up")]
    assert patient.sent(reference.campaign_id) == []


@pytest.mark.parametrize(
    "arguments",
    [
        ("settle", "nonsense", "absent", "--why", WHY),
        ("settle", "01a209a3-e982-704d-ba49-2ddcb550edc8.0.1", "absent", "--why", WHY),
        ("settle", "01a209a3-e982-704d-ba49-2ddcb550edc8.0.1", "accepted", "--why", WHY),
        ("settle", "01a209a3-e982-704d-ba49-2ddcb550edc8.0.1", "absent", "--why", " "),
        ("settle", "01a209a3-e982-704d-ba49-2ddcb550edc8.0.1", "absent"),
    ],
)
async def test_what_cannot_be_settled(kafka: KafkaConnection, database: str, arguments: tuple[str, ...]) -> None:
    """An exit code, and nothing in the log."""
    code, _ = await command(settings_of(kafka, database), "doubts", *arguments)
    assert code in (1, 2)
    assert await events_of(kafka, topics.DISPATCHES) == []


async def test_only_one_of_two_operators_settles(patient: Whole) -> None:
    """The row is locked while the first one says it; the second one hears how it stands."""
    reference, ledger, said = await in_doubt(patient), ByHand(patient.pool), list[str]()

    async def settle(verdict: Verdict) -> object:
        async def say(_named: list[str]) -> None:
            said.append(verdict.value)

        return await ledger.settle(reference, verdict, "", say)

    outcomes = await asyncio.gather(settle(Verdict.ABSENT), settle(Verdict.GIVEN_UP), return_exceptions=True)
    assert sorted(type(outcome).__name__ for outcome in outcomes if isinstance(outcome, NotInDoubt)) == ["NotInDoubt"]
    assert len(said) == 1


async def test_an_unsaid_verdict_changes_nothing(patient: Whole) -> None:
    """When the log does not take it, the row stays in doubt."""
    reference = await in_doubt(patient)

    async def say(_named: list[str]) -> None:
        raise TimeoutError

    with pytest.raises(TimeoutError):
        await ByHand(patient.pool).settle(reference, Verdict.ABSENT, "", say)
    assert await states(patient, reference) == [(1, "in_doubt")]


async def test_resume_clears_what_blocks_the_plan(system: Whole) -> None:
    """It says the reason first; then everything goes on by itself."""
    system.simulator.plan.follow(decode_rules(b'{"faults": [{"kind": "unauthorized", "on": "send", "times": 1}]}'))
    campaign_id, recipients = await system.request(chunks=1)

    async def blocked() -> bool:
        return await ByHand(system.pool).blocked() is not None

    await until(blocked, "the plan is blocked")
    await until(is_paused, "the metric says so")
    code, told = await command(system.settings, "resume")
    assert code == 0
    first, second = told.strip().splitlines()
    assert first.startswith("Blocked since 20")
    assert "401" in first
    assert second == "Sending goes on."
    await system.has_sent(campaign_id, len(recipients))
    assert sorted(system.sent(campaign_id)) == recipients
    code, told = await command(system.settings, "resume")
    assert (code, told.startswith("Nothing is blocked.")) == (0, True)
    await until(lambda: not is_paused(), "the metric says that it goes on")


def is_paused() -> bool:
    """What the metric `dispatch_paused` says of a block."""
    shown = [sample for metric in REGISTRY.collect() for sample in metric.samples]
    return any(s.name == "heliograph_dispatch_paused" and "blocked" in s.labels["reason"] and s.value for s in shown)
