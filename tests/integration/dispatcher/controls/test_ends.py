"""A campaign that is cancelled, or expires, while an attempt waits that was never made: it ends, and so does every message."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from contracts import topics
from contracts.events import FollowUpGivenUp
from infra.kafka.connection import KafkaConnection
from infra.process.world import iso
from infra.sinch.simulator.rules import decode_rules
from services.dispatcher import taking_back
from tests.integration.dispatcher.controls.whole import CHUNK, Whole
from tests.reading import events_of
from tests.waiting import until

OPEN = """
SELECT (SELECT count(*) FROM dispatch.batches WHERE campaign_id = $1 AND state IN ('due', 'attempting', 'in_doubt'))
     + (SELECT count(*) FROM dispatch.follow_ups WHERE campaign_id = $1 AND NOT done)
"""
NOT_FINAL = "SELECT count(*) FROM live.messages WHERE campaign_id = $1 AND NOT final"
WAITING = "SELECT count(*) FROM dispatch.batches WHERE campaign_id = $1 AND state = 'due'"
BEHIND = "UPDATE dispatch.campaigns SET expire_at = now() - $2::interval WHERE campaign_id = $1"
OFFER = """
INSERT INTO dispatch.batches (campaign_id, chunk, attempt, part, state, reason, due_at, rank_at, recipients)
VALUES ($1, 0, $2, $3, 'due', $4, now(), now(), $5)
"""
END_FIRST = "UPDATE dispatch.batches SET state = $2 WHERE campaign_id = $1 AND attempt = 1 AND part = ''"


async def held(system: Whole, kind: str) -> tuple[str, list[str]]:
    """A paused campaign with an attempt that waits and was never made, and its recipients."""
    campaign_id, recipients = await system.request(
        chunks=1, send_at=iso(datetime.now(UTC) + timedelta(hours=1)), retry_delays=[3600]
    )
    await system.reaches(campaign_id, "scheduled")
    await system.decide(campaign_id, "pause")
    await system.reaches(campaign_id, "paused")

    async def is_paused() -> bool:
        return bool(
            await system.pool.fetchval("SELECT paused FROM dispatch.campaigns WHERE campaign_id = $1", campaign_id)
        )

    await until(is_paused, "the ledger knows")
    rows: dict[str, list[tuple[int, str, str, list[str] | None]]] = {
        "follow_up": [(2, "", "follow_up", recipients)],
        "absent": [(2, "", "absent", None)],
        "split": [(1, "a", "split", recipients[:2]), (1, "b", "split", recipients[2:])],
    }
    await system.pool.execute(END_FIRST, campaign_id, {"split": "split"}.get(kind, "absent"))
    for row in rows[kind]:
        await system.pool.execute(OFFER, campaign_id, *row)
    return campaign_id, recipients


async def assert_over(system: Whole, campaign_id: str, status: str, counts: dict[str, int]) -> None:
    """The campaign is at its end, every message final, no row open."""
    await system.reaches(campaign_id, status)
    assert await system.pool.fetchval(NOT_FINAL, campaign_id) == 0
    assert await system.pool.fetchval(OPEN, campaign_id) == 0
    async with system.api.get(f"/api/campaigns/{campaign_id}") as answer:
        assert (await answer.json())["counts"] == counts
    assert system.sent(campaign_id) == []


@pytest.mark.parametrize("kind", ["follow_up", "absent", "split"])
async def test_a_cancel_reaches_those_who_wait_for_an_attempt_that_was_never_made(system: Whole, kind: str) -> None:
    """Also where the ledger's row names nobody, because it is for the whole chunk."""
    campaign_id, _ = await held(system, kind)
    await system.decide(campaign_id, "cancel")
    await assert_over(system, campaign_id, "cancelled", {"cancelled": CHUNK})


@pytest.fixture
def often(monkeypatch: pytest.MonkeyPatch) -> None:
    """What expired long ago is looked for every second, not every minute."""
    monkeypatch.setattr(taking_back, "SEARCH_SECONDS", 1.0)


@pytest.mark.usefixtures("often")
@pytest.mark.parametrize(("kind", "ago"), [("absent", timedelta(seconds=1)), ("split", timedelta(days=40))])
async def test_expire_at_reaches_them_however_long_ago_it_was(system: Whole, kind: str, ago: timedelta) -> None:
    """A dispatcher that was away for a month finds them as well."""
    campaign_id, _ = await held(system, kind)
    await system.pool.execute(BEHIND, campaign_id, ago)
    await assert_over(system, campaign_id, "completed", {"expired": CHUNK})


async def test_follow_ups_that_wait_are_given_up_with_their_campaign(system: Whole, kafka: KafkaConnection) -> None:
    """An hour before their time: said in the log, and the failures are final."""
    fault: dict[str, Any] = {"fates": [{"code": 404, "share": 1.0}]}
    system.simulator.plan.follow(decode_rules(str(fault).replace("'", '"').encode()))
    campaign_id, recipients = await system.request(chunks=1, retry_delays=[3600])

    async def all_wait() -> bool:
        waiting = "SELECT count(*) FROM dispatch.follow_ups WHERE campaign_id = $1 AND NOT done"
        return bool(await system.pool.fetchval(waiting, campaign_id) == CHUNK)

    await until(all_wait, "every failure waits for its follow-up", within=60.0)
    await system.decide(campaign_id, "cancel")
    await system.reaches(campaign_id, "cancelled")
    assert await system.pool.fetchval(NOT_FINAL, campaign_id) == 0
    given_up = [e for e in await events_of(kafka, topics.DISPATCHES) if isinstance(e, FollowUpGivenUp)]
    assert sorted(r for e in given_up for r in e.recipients) == sorted(recipients)
