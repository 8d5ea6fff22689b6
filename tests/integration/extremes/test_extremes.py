"""2,000 generated records for each consumer: every process lives, what is good goes through, what is bad is put aside."""

import asyncio
import json
import os
from collections.abc import AsyncIterator, Mapping, Sequence

import pytest

from contracts import topics
from contracts.events import DeadLetter, DeliveryReported, RecipientOptedOut, RecordParked, encode
from contracts.identity import chunk_key, derived_id
from infra.kafka.connection import KafkaConnection
from infra.kafka.log import Entry, LogUnavailable, Partition, Position, Scanner
from infra.process.world import World, iso
from services.dispatcher.app import CALLBACK_PATH
from services.dispatcher.intake import READ
from services.projector.app import FOLDED
from tests.integration.dispatcher.parts import Parts, dispatching, parts
from tests.integration.extremes.bodies import extreme_bodies
from tests.integration.extremes.events import VICTIM, VICTIMS, extreme_entries
from tests.integration.projector.within import Within
from tests.waiting import until

COUNT = 2_000
SEED = int(os.environ.get("HELIOGRAPH_EXTREMES_SEED", "16"))
GOOD = [f"01930000-0000-7000-8000-0000000060{n:02}" for n in range(5)]
NUMBERS = [[str(15552220000 + 10 * n + i) for i in range(4)] for n in range(len(GOOD))]
OPTED_OUT = [numbers[3] for numbers in NUMBERS]
NOW = iso(World().clock.wall())
VIEWS = "SELECT viewname FROM pg_views WHERE schemaname = 'live' ORDER BY 1"
REACHED = "SELECT topic, partition, next_offset FROM dispatch.offsets"
PATIENCE = 300.0
OK = 200
JSON = {"Content-Type": "application/json"}


@pytest.fixture
async def these(kafka: KafkaConnection, database: str, world: World) -> AsyncIterator[Parts]:
    """Kafka, PostgreSQL, a simulated Sinch and a gateway."""
    async with parts(kafka, database, world) as found:
        yield found


async def _feed(these: Parts, reader: str) -> set[tuple[Partition, int]]:
    """The extremes, with campaigns and STOPs between them; gives the places of the extremes."""
    await these.ask(list(VICTIMS), campaign=VICTIM)
    extremes = extreme_entries(COUNT, SEED, reader)
    places: list[Position] = []
    step = COUNT // len(GOOD)
    for n, (campaign, numbers) in enumerate(zip(GOOD, NUMBERS, strict=True)):
        places += await these.appender.append_all(extremes[n * step : (n + 1) * step], within=60.0)
        stop = RecipientOptedOut(
            event_id=derived_id("stop", n), occurred_at=NOW, recipient=numbers[3], received_at=NOW, source="reply"
        )
        await these.say(topics.CONSENT, f"person {n}", stop)
        await these.ask(numbers, campaign=campaign)
    return {(Partition(at.topic, at.partition), at.offset) for at in places}


async def _ends(kafka: KafkaConnection, names: Sequence[str]) -> dict[Partition, int]:
    async with Scanner(kafka) as scanner:
        bounds = await scanner.bounds(await scanner.partitions(names))
    return {partition: end for partition, (_, end) in bounds.items()}


async def _at_the_end(kafka: KafkaConnection, names: Sequence[str], reached: Mapping[Partition, int]) -> bool:
    try:
        ends = await _ends(kafka, names)
    except LogUnavailable:  # a broker too busy to say it; asked again
        return False
    return all(reached.get(partition, 0) >= end for partition, end in ends.items())


async def _all_taken_in(these: Parts) -> bool:
    """The ledger has read every topic to its end."""
    reached = {Partition(row[0], row[1]): row[2] for row in await these.ledger.fetch(REACHED)}
    return await _at_the_end(these.kafka, READ, reached)


async def _all_folded(these: Parts, within: Within, task: asyncio.Task[None]) -> bool:
    """The tables have every topic to its end."""
    assert not task.done(), task.exception()
    rows = await within.fetch("SELECT topic, partition, next_offset FROM build_1.projector_offsets")
    reached = {Partition(row[0], row[1]): row[2] for row in rows}
    return await _at_the_end(these.kafka, FOLDED, reached)


async def test_the_dispatcher_lives_through_extreme_records(these: Parts) -> None:
    """Every campaign between them is sent once, every STOP holds, and only what is extreme is a dead letter."""
    places = await _feed(these, "dispatcher")
    wanted = {number for numbers in NUMBERS for number in numbers} - set(OPTED_OUT)
    async with dispatching(these):
        await until(lambda: _all_taken_in(these), "the ledger has read all", within=PATIENCE)

        async def all_sent() -> bool:
            return wanted <= set(await these.sent())

        await until(all_sent, "every campaign between them is sent", within=PATIENCE)
    sent = await these.sent()
    assert {number: sent[number] for number in wanted} == dict.fromkeys(wanted, 1)
    assert not set(OPTED_OUT) & set(sent)
    letters = await these.events(DeadLetter, topics.DEAD_LETTERS)
    aside = {(Partition(one.origin, one.partition or 0), one.offset or 0) for one in letters if one.offset is not None}
    assert aside <= places
    assert len(aside) > COUNT // 20
    async with dispatching(these):  # nor does any of it wait for the next start
        await until(lambda: _all_taken_in(these), "the ledger has read all again", within=PATIENCE)


async def test_the_projector_lives_through_extreme_records(these: Parts) -> None:
    """Every message between them is delivered in the tables, every view can be read, and only what is extreme is parked."""
    places = await _feed(these, "projector")
    for campaign, numbers in zip(GOOD, NUMBERS, strict=True):
        reports = [
            DeliveryReported(
                event_id=derived_id("delivered", number), occurred_at=NOW, batch_id="01B", recipient=number,
                status="Delivered", code=0, at=NOW, campaign_id=campaign, chunk=0, attempt=1,
                client_reference=f"{campaign}.0.1",
            )
            for number in numbers
        ]  # fmt: skip
        key = chunk_key(campaign, 0)
        await these.appender.append_all([Entry(topics.DELIVERY_REPORTS, key, encode(one)) for one in reports])
    within = Within(these.kafka, these.database)
    task = within.start()

    await until(lambda: _all_folded(these, within, task), "all is folded", within=PATIENCE)
    status = "SELECT recipient::text FROM live.messages WHERE campaign_id = ANY ($1::uuid[]) AND status = 'delivered'"
    shown = {row[0] for row in await within.fetch(status, GOOD)}
    assert shown == {number for numbers in NUMBERS for number in numbers}
    parked = {
        (Partition(one.topic, one.partition), one.offset)
        for one in await these.events(RecordParked, topics.PROJECTION_CONTROL)
        if one.event_id
        == derived_id("RecordParked", one.topic, one.partition, one.offset, "")  # not said by an extreme
    }
    assert parked <= places
    assert len(parked) > COUNT // 20
    for (view,) in await within.fetch(VIEWS):
        await within.fetch(f"SELECT * FROM live.{view}")
    await within.stop()


async def test_the_gateway_lives_through_extreme_bodies_and_so_does_all_behind_it(these: Parts) -> None:
    """Each is answered 200, and of what the gateway made of them the services behind it refuse not one record."""
    numbers = NUMBERS[0]
    await these.ask(list(VICTIMS), campaign=VICTIM, send_at="2099-01-01T00:00:00.000Z")
    await these.ask(numbers, campaign=GOOD[0], send_at="2099-01-01T00:00:00.000Z")
    good = [_delivered(number, f"{GOOD[0]}.0.1") for number in numbers] + [_stop(number) for number in OPTED_OUT]
    bodies = extreme_bodies(COUNT, SEED, f"{VICTIM}.0.1")
    for n, one in enumerate(good):
        bodies.insert(n * (COUNT // len(good)), one)
    slots, refused = asyncio.Semaphore(16), list[tuple[int, bytes]]()

    async def post(body: bytes) -> None:
        async with slots, these.http.post(these.gateway + CALLBACK_PATH, data=body, headers=JSON) as answer:
            if answer.status != OK:
                refused.append((answer.status, body[:300]))

    await asyncio.gather(*map(post, bodies))
    assert refused == []
    within = Within(these.kafka, these.database)
    task = within.start()
    async with dispatching(these):
        await until(lambda: _all_taken_in(these), "the ledger has read all", within=PATIENCE)
        await until(lambda: _all_folded(these, within, task), "all is folded", within=PATIENCE)
    letters = await these.events(DeadLetter, topics.DEAD_LETTERS)
    reports = await these.events(DeliveryReported, topics.DELIVERY_REPORTS)
    assert {letter.origin for letter in letters} == {"webhook"}
    assert min(len(letters), len(reports)) > COUNT // 10
    assert await these.events(RecordParked, topics.PROJECTION_CONTROL) == []
    shown = await within.fetch("SELECT recipient::text, status FROM live.messages WHERE campaign_id = $1", GOOD[0])
    assert {row[0]: row[1] for row in shown} == dict.fromkeys(numbers, "delivered")
    opted_out = await these.ledger.fetch("SELECT recipient::text FROM dispatch.consent WHERE opted_out")
    assert set(OPTED_OUT) <= {row[0] for row in opted_out}
    for (view,) in await within.fetch(VIEWS):
        await within.fetch(f"SELECT * FROM live.{view}")
    await within.stop()


def _delivered(number: str, reference: str) -> bytes:
    return json.dumps(
        {"type": "recipient_delivery_report_sms", "batch_id": "01B", "recipient": number, "code": 0, "status": "Delivered",
         "at": NOW, "client_reference": reference}
    ).encode()  # fmt: skip


def _stop(number: str) -> bytes:
    return json.dumps(
        {
            "type": "mo_text",
            "id": f"01{number}",
            "from": number,
            "to": "15550009999",
            "body": "STOP",
            "received_at": NOW,
        }
    ).encode()
