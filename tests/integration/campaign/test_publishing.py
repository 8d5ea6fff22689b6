"""From the outbox into the log, through crashes."""

import asyncio
from collections.abc import Sequence
from typing import Any
from uuid import UUID

import pytest

from contracts import topics
from contracts.events import CampaignRequested
from contracts.identity import chunk_key
from infra.kafka.connection import KafkaConnection
from infra.kafka.log import Appender, Entry, LogUnavailable
from infra.postgres.pool import Pool
from infra.process.ports import free_port
from infra.process.world import World, iso
from services.campaign.chunks import Template, cut, encoded
from services.campaign.store import Campaign, NewCampaign, Outbox
from tests.integration.campaign.conftest import HELLO, SEND, Logged, Start
from tests.integration.campaign.relay import Relay
from tests.integration.campaign.test_refusals import check_problem
from tests.waiting import until

RECIPIENTS = {str(15_550_000_000 + n): dict[str, str]() for n in range(40_000)}  # 40 chunks: more than one page


async def recorded(pool: Pool, world: World) -> UUID:
    """A campaign as a process leaves it that dies between recording and publishing."""
    template = Template(world.ids.uuid7(), iso(world.clock.wall()), "anonymous", "Hello")
    chunks = list(cut(template, RECIPIENTS))
    sizes = [len(chunk.recipients) for chunk in chunks]
    campaign = Campaign(template.campaign_id, None, "Hello", None, "anonymous", 0, sizes, world.clock.wall())
    events = [encoded(template, number, len(chunks), chunk) for number, chunk in enumerate(chunks)]
    assert await Outbox(pool).record(NewCampaign(campaign, events, {}))
    return template.campaign_id


async def unpublished(pool: Pool) -> int:
    """Campaigns, and chunks, that still wait."""
    count = await pool.fetchval(
        "select (select count(*) from campaign.chunks) + count(*) from campaign.campaigns where published_at is null"
    )
    assert isinstance(count, int)
    return count


async def finished(pool: Pool) -> None:
    """Wait until nothing is left to publish."""

    async def done() -> bool:
        return await unpublished(pool) == 0

    await until(done, "all is published", within=30)


def complete(events: Sequence[CampaignRequested]) -> bool:
    """All 40,000 recipients are there, in order, once facts that are there twice are counted once."""
    facts = {event.event_id: event for event in events}
    return [number for event in facts.values() for number in event.recipients] == list(RECIPIENTS)


async def test_the_next_start_finishes(pool: Pool, world: World, start: Start, logged: Logged) -> None:
    """What a dead process had recorded is in the log soon after any process has started."""
    await recorded(pool, world)
    await start()
    await finished(pool)
    events = await logged()
    assert complete(events)
    assert len(events) == 40


async def test_two_finishers_do_not_meet(pool: Pool, world: World, start: Start, logged: Logged) -> None:
    """With several replicas each campaign is published by one of them."""
    for _ in range(3):
        await recorded(pool, world)
    await asyncio.gather(start(), start())
    await finished(pool)
    assert len(await logged()) == 3 * 40


async def test_publishing_twice_is_recognisable(
    pool: Pool, world: World, kafka: KafkaConnection, start: Start, logged: Logged
) -> None:
    """A process that dies after the log has part of it leaves the same facts to be appended again."""
    campaign_id = await recorded(pool, world)
    appender = Appender(kafka, world, name="dies")
    await appender.start()

    class Dead(Exception):  # noqa: N818
        pass

    async def append_and_die(chunks: Sequence[tuple[int, bytes]]) -> None:
        key = str(campaign_id)
        await appender.append_all([Entry(topics.CAMPAIGN_REQUESTS, chunk_key(key, n), event) for n, event in chunks])
        raise Dead

    with pytest.raises(Dead):
        await Outbox(pool).publish(campaign_id, append_and_die)
    await appender.stop()
    assert await unpublished(pool) == 1 + 40
    await start()
    await finished(pool)
    events = await logged()
    assert len(events) == 32 + 40
    assert complete(events)


@pytest.mark.parametrize("failure", [LogUnavailable, asyncio.CancelledError])
async def test_what_was_refused_goes_on_where_it_was(pool: Pool, world: World, failure: type[BaseException]) -> None:
    """The log took the first page and not the second, or there was no more time: the first is not appended again."""
    campaign_id, appended = await recorded(pool, world), list[int]()
    room = [1]

    async def append(chunks: Sequence[tuple[int, bytes]]) -> None:
        if not room:
            raise failure
        room.pop()
        appended.extend(number for number, _ in chunks)

    with pytest.raises(failure):
        await Outbox(pool).publish(campaign_id, append)
    assert await unpublished(pool) == 1 + 8
    with pytest.raises(failure):
        await Outbox(pool).publish(campaign_id, append)
    room.append(1)
    assert await Outbox(pool).publish(campaign_id, append)
    assert appended == list(range(40))
    assert await unpublished(pool) == 0


async def test_without_kafka_the_campaign_is_recorded(pool: Pool, start: Start, logged: Logged) -> None:
    """503 says that it will be sent; a process that reaches Kafka sends it, and the same key then gets 202."""
    key = {"Idempotency-Key": "k"}
    away = await start(kafka_bootstrap_servers=f"127.0.0.1:{free_port()}")
    answer: Any = await away.post(SEND, json=HELLO, headers=key)
    problem = await check_problem(answer, 503, "recorded_not_published")
    assert int(answer.headers["Retry-After"]) > 0
    assert problem["status_url"] == f"/api/campaigns/{problem['campaign_id']}"
    running: Any = await away.post(SEND, json=HELLO, headers=key)
    await check_problem(running, 409, "still_running")
    assert "Retry-After" in running.headers
    here = await start()
    await finished(pool)
    again = await here.post(SEND, json=HELLO, headers=key)
    assert (again.status, (await again.json())["campaign_id"]) == (202, problem["campaign_id"])
    assert [event.campaign_id for event in await logged()] == [problem["campaign_id"]]


async def test_readiness_names_what_is_away(start: Start) -> None:
    """/readyz is 503 while Kafka is not there; /healthz stays 200, since a restart would not help."""
    client = await start(kafka_bootstrap_servers=f"127.0.0.1:{free_port()}")
    answer = await client.get("/readyz")
    assert answer.status == 503
    checks = (await answer.json())["checks"]
    assert checks["postgres"] == "ok"
    assert checks["kafka"] != "ok"
    assert (await client.get("/healthz")).status == 200


async def test_without_postgresql_nothing_is_accepted(database: str, start: Start, logged: Logged) -> None:
    """503 with Retry-After, reads and sends alike; when it is back, so are we."""
    relay = Relay(database)
    await relay.open()
    client = await start(database_url=relay.dsn)
    assert (await client.get("/api/campaigns")).status == 200
    await relay.close()
    reading: Any = await client.get("/api/campaigns")
    await check_problem(reading, 503, "unavailable")
    assert "Retry-After" in reading.headers
    sending: Any = await client.post(SEND, json=HELLO)
    await check_problem(sending, 503, "unavailable")
    await relay.open()

    async def back() -> bool:
        return (await client.post(SEND, json=HELLO)).status == 202

    await until(back, "the service is back")
    assert len(await logged()) == 1
    await relay.close()
