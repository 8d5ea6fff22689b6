"""Offsets that were read against ends that were seen, and no clock between (FAULTS D4)."""

from collections.abc import AsyncIterator, Sequence

import asyncpg
import pytest

from contracts import topics
from infra.kafka.connection import KafkaConnection
from infra.kafka.log import Partition
from infra.postgres.pool import Connection
from infra.process.metrics import REGISTRY
from infra.process.world import World
from services.dispatcher.fencing.fence import BEHIND, NOT_STARTED, NUMBER, Fence, Look
from services.dispatcher.intake import Intake, Read
from tests.integration.dispatcher.parts import CAMPAIGN, NUMBERS, Parts, dispatching, parts
from tests.integration.dispatcher.test_dispatch import opt_out, soon
from tests.unit.webhook_gateway.test_parts import StillClock
from tests.waiting import until

CONSENT = Partition(topics.CONSENT, 0)
READ = """
INSERT INTO dispatch.offsets (topic, partition, next_offset) VALUES ('consent', 0, $1)
ON CONFLICT (topic, partition) DO UPDATE SET next_offset = excluded.next_offset
"""


@pytest.fixture
async def session(database: str) -> AsyncIterator[Connection]:
    """The session that claims."""
    connection = await asyncpg.connect(database)
    yield connection
    await connection.close()


@pytest.fixture
async def these(kafka: KafkaConnection, database: str, world: World) -> AsyncIterator[Parts]:
    """Kafka, PostgreSQL, a simulated Sinch and a gateway."""
    async with parts(kafka, database, world) as found:
        yield found


async def test_the_fence_opens_by_offsets_alone(session: Connection) -> None:
    """First what stood there at the start, then what a look saw; a look that is not reached lets no newer row go."""
    clock = StillClock()
    fence = Fence({CONSENT: 5}, clock, patience=10.0)
    assert await fence.why_shut(session) == NOT_STARTED
    await session.execute(READ, 5)
    assert await fence.why_shut(session) == BEHIND
    number = await session.fetchval(NUMBER)
    fence.noted(Look(number, clock.now, {CONSENT: 7}))
    assert (await fence.why_shut(session), fence.reached, fence.wants_look) == (BEHIND, 0, False)
    await session.execute(READ, 7)
    assert (await fence.why_shut(session), fence.reached, fence.wants_look) == ("", number, True)


async def test_a_look_is_as_old_as_its_begin(session: Connection) -> None:
    """One that waited four seconds for a connection was dated when it got it."""
    clock = StillClock()
    fence = Fence({}, clock, patience=10.0)
    began = clock.now
    clock.now += 4.0
    fence.noted(Look(await session.fetchval(NUMBER), began, {}))
    assert await fence.why_shut(session) == ""
    clock.now += 6.5
    assert await fence.why_shut(session) == BEHIND


async def test_no_clock_of_the_database_lets_an_unread_stop_pass(these: Parts, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its moments say that all was read an hour ahead, and the STOP that stood there before the request is still unread."""
    wrote, number, other = Intake._write, NUMBERS[1], CAMPAIGN.replace("aa", "bb")

    async def without_consent(intake: Intake, expected: dict[Partition, int], read: Sequence[Read]) -> None:
        if kept := [one for one in read if one[0].topic != topics.CONSENT]:
            await wrote(intake, expected, kept)

    async def is_behind() -> bool:
        return REGISTRY.get_sample_value("heliograph_dispatch_paused", {"reason": BEHIND}) == 1

    async def is_taken_in() -> bool:
        found: int = await these.ledger.fetchval("SELECT count(*) FROM dispatch.batches WHERE campaign_id = $1", other)
        return found == 1

    async with dispatching(these, reader_lag=1.0):
        await these.ask(NUMBERS[:1])
        await these.settled()
        monkeypatch.setattr(Intake, "_write", without_consent)
        await opt_out(these, number, soon(-1))
        await these.ledger.execute("UPDATE dispatch.readers SET caught_up_at = now() + interval '1 hour'")
        await these.ask([number], campaign=other)
        await until(is_taken_in, "the request is taken in")
        await until(is_behind, "nothing is claimed any more")
        assert await these.sent() == {NUMBERS[0]: 1}
