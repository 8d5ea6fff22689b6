"""What workers say of themselves, and what is told of it: what stands still, since when, why, what to do (FAULTS B10)."""

from typing import Any

import asyncpg
import pytest

from infra.postgres.pool import Pool
from infra.postgres.presence import WITHOUT_A_WORD, Presence
from infra.postgres.standing import Standing, Still, standing_still
from infra.process.settings import Settings
from infra.process.world import World
from services.cli.presence import with_presence
from tests.waiting import until

AGO = "update heliograph.services set {} = now() - interval '1 hour'"


async def _stands(pool: Pool) -> list[Still]:
    async with pool.acquire() as connection:
        return await standing_still(connection)


async def _reasons(pool: Pool) -> list[tuple[str, str]]:
    return [(still.service, still.reason) for still in await _stands(pool)]


@pytest.fixture
async def projector(database: str) -> Presence:
    """A projector that lives, so that only the dispatcher is spoken of."""
    presence = Presence(database, "projector", "0")
    await presence.begins()
    return presence


@pytest.fixture
def dispatcher(database: str) -> Presence:
    """A dispatcher that has said nothing yet."""
    return Presence(database, "dispatcher", "0")


@pytest.mark.usefixtures("projector")
async def test_living_worker_is_no_news_and_one_that_never_came_is(pool: Pool, dispatcher: Presence) -> None:
    """Nothing stands still while both run; without a dispatcher nothing is sent."""
    (still,) = await _stands(pool)
    assert (still.service, still.reason, still.since) == ("dispatcher", "not_running", None)
    assert "nothing is sent" in still.why
    await dispatcher.begins()
    assert await _stands(pool) == []


@pytest.mark.usefixtures("projector")
async def test_worker_that_cannot_live_is_told_with_its_last_words(pool: Pool, dispatcher: Presence) -> None:
    """Three ends in a row: since the first of them, with the words of the last; the number is in it."""
    for number in range(3):
        await dispatcher.begins()
        await dispatcher.ends(f"LogRewritten: the log of {number}")
    (still,) = await _stands(pool)
    first = await pool.fetchval("select failing_since from heliograph.services where service = 'dispatcher'")
    assert (still.reason, still.last_words) == ("ends_again_and_again", "LogRewritten: the log of 2")
    assert "ended 3 times in a row" in still.why
    assert still.since is not None
    assert still.since[:19] == first.isoformat()[:19]


@pytest.mark.usefixtures("projector")
async def test_worker_without_last_words_is_told_as_well(pool: Pool, dispatcher: Presence) -> None:
    """One that is killed again and again says nothing: each start notes the end before it."""
    for _ in range(4):
        await dispatcher.begins()
    (still,) = await _stands(pool)
    assert (still.reason, still.last_words) == ("ends_again_and_again", WITHOUT_A_WORD)


@pytest.mark.usefixtures("projector")
async def test_worker_that_has_recovered_is_forgotten(pool: Pool, dispatcher: Presence) -> None:
    """Once it has lived for two minutes its ends count for nothing."""
    for _ in range(4):
        await dispatcher.begins()
    await pool.execute(AGO.format("started_at"))
    assert await dispatcher.lives("")
    assert await _stands(pool) == []


@pytest.mark.usefixtures("projector")
async def test_worker_that_is_silent_is_told(pool: Pool, dispatcher: Presence) -> None:
    """A frozen one, or one whose machine is gone; one that was asked to end leaves no row."""
    await dispatcher.begins()
    await pool.execute(AGO.format("seen_at") + " where service = 'dispatcher'")
    (still,) = await _stands(pool)
    assert (still.reason, still.since is not None) == ("not_running", True)
    await dispatcher.begins()
    await dispatcher.stops()
    assert await pool.fetch("select from heliograph.services where service = 'dispatcher'") == []


@pytest.mark.usefixtures("projector")
async def test_waiting_that_lasts_is_told_and_a_block_with_its_remedy(pool: Pool, dispatcher: Presence) -> None:
    """What it waits for, since when; a blocked plan once, with what to do about it; a pause that Sinch asked for."""
    await dispatcher.begins()
    for _ in range(2):
        await dispatcher.lives("the readers are behind")
    assert await _stands(pool) == []
    await pool.execute(AGO.format("waits_since") + " where service = 'dispatcher'")
    await dispatcher.lives("the readers are behind")
    (still,) = await _stands(pool)
    assert (still.reason, "the readers are behind" in still.why) == ("waiting", True)
    await dispatcher.lives("blocked: 401")
    await pool.execute(AGO.format("waits_since") + " where service = 'dispatcher'")
    await pool.execute(
        "update dispatch.plan set blocked_reason = '401', blocked_at = now(), slow_until = now() + interval '1 day'"
    )
    blocked, slowed = await _stands(pool)
    assert (blocked.reason, slowed.reason) == ("blocked", "slowed")
    assert "`heliograph resume`" in blocked.do


@pytest.mark.usefixtures("projector")
@pytest.mark.parametrize("another_task", [False, True])
async def test_last_words_are_those_of_what_failed(database: str, pool: Pool, another_task: bool) -> None:
    """Whether the work fails or a task beside it: masked, cut, and written before the process ends."""
    world = World()

    async def fail() -> None:
        raise LookupError("no place for +15551231234 " + "word " * 200)

    async def work(_settings: Settings, world: World) -> None:
        if not another_task:
            await fail()
        world.tasks.spawn("loop", fail())
        await world.clock.sleep(60)

    settings = Settings(_env_file=None, database_url=database)  # type: ignore[call-arg,arg-type]
    whole = with_presence("dispatcher", work)

    async def run() -> None:
        await whole(settings, world)

    main = world.tasks.spawn("main", run())
    await world.tasks.wait_failed()
    main.cancel()
    await until(main.done, "it has ended")
    await world.tasks.stop()
    row: Any = await pool.fetchrow("select * from heliograph.services where service = 'dispatcher'")
    assert row["last_words"].startswith("LookupError: no place for +1555")
    assert "15551231234" not in row["last_words"]
    assert (row["running"], len(row["last_words"])) == (False, 500)


async def test_metric_has_every_reason_and_the_last_look_stands(database: str, world: World) -> None:
    """An alarm sees 1 for what stands still and 0 for the rest; a database that is away changes nothing."""
    from prometheus_client import generate_latest  # noqa: PLC0415

    from infra.process.metrics import REGISTRY  # noqa: PLC0415

    standing = Standing(database)
    async with world.tasks.running("standing", standing.run(world)):
        await until(lambda: bool(standing.now), "the first look")
    page = generate_latest(REGISTRY).decode()
    assert 'heliograph_standing_still{reason="not_running",service="dispatcher"} 1.0' in page
    assert 'heliograph_standing_still{reason="blocked",service="dispatcher"} 0.0' in page
    away = Standing("postgresql://nobody@127.0.0.1:1/none")
    away.now = standing.now
    async with world.tasks.running("standing", away.run(world)) as looking:
        with pytest.raises(ConnectionRefusedError):
            await asyncpg.connect(away._dsn)
        assert not looking.done()
    assert away.now == standing.now
    assert "last_words" not in standing.as_notes()[0]
