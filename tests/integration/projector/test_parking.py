"""Records that cannot be folded: parked one by one, decided by hand, and decided the same way in a rebuild."""

from typing import Any

import pytest

from contracts import events as e
from contracts import topics
from contracts.events import encode
from contracts.identity import derived_id
from infra.kafka.log import Appender, Entry, KafkaConnection
from services.projector import builds
from services.projector.diff import compare
from services.projector.parking import MOST_UNKNOWN, TooManyParked
from services.projector.store import Store
from tests.integration.projector.traffic import START, campaign_id, chunk
from tests.integration.projector.within import Within

RECIPIENTS = ["15550000001", "15550000002"]
STATUSES = "SELECT recipient::text, status FROM live.messages ORDER BY 1"
PARKED = "SELECT topic, state FROM live.parked ORDER BY 1, 2"


def _report(recipient: str, status: str = "Delivered", at: str = START, **more: Any) -> Entry:
    values: dict[str, Any] = {"attempt": 1, "code": 0, "campaign_id": campaign_id(1), "chunk": 0} | more
    event = e.DeliveryReported(
        event_id=derived_id("report", recipient, status), occurred_at=START, batch_id="01B", recipient=recipient,
        status=status, at=at, client_reference=f"{campaign_id(1)}.0.1",
        **values,
    )  # fmt: skip
    return Entry(topics.DELIVERY_REPORTS, f"{campaign_id(1)}.0", encode(event))


def _decision(kind: type[e.RecordRetried] | type[e.RecordDropped], row: tuple[str, int, int]) -> Entry:
    event = kind(
        event_id=derived_id(kind.__name__, *row), occurred_at=START, topic=row[0], partition=row[1], offset=row[2],
        actor="test", reason="",
    )  # fmt: skip
    return Entry(topics.PROJECTION_CONTROL, "k", encode(event))


async def _parked_place(within: Within) -> tuple[str, int, int]:
    (row,) = await within.fetch("SELECT topic, partition, record_offset FROM live.parked")
    return (row[0], row[1], row[2])


async def test_a_record_that_breaks_its_contract_is_parked_and_the_rest_flow(
    within: Within, appender: Appender
) -> None:
    """Garbage among reports: one row in `parked`, every other record folded."""
    asked = [said.entry for said in chunk(1, 0, 1, RECIPIENTS)]
    garbage = Entry(topics.DELIVERY_REPORTS, f"{campaign_id(1)}.0", b'{"type":"DeliveryReported.v1"}')
    await appender.append_all([*asked, garbage, *map(_report, RECIPIENTS)])
    within.start()
    await within.until_fetched(PARKED, [("delivery-reports", "parked")])
    await within.until_fetched(STATUSES, [(r, "delivered") for r in RECIPIENTS])


async def test_a_moment_that_is_none_is_parked(within: Within, appender: Appender) -> None:
    """A well-formed event with a moment that is none: it alone is parked."""
    asked = [said.entry for said in chunk(1, 0, 1, RECIPIENTS)]
    broken = _report(RECIPIENTS[0], "Failed", at="2026-13-45T99:99:99.000Z")
    await appender.append_all([*asked, _report(RECIPIENTS[0], "Queued"), broken, _report(RECIPIENTS[1])])
    within.start()
    await within.until_fetched(PARKED, [("delivery-reports", "parked")])
    await within.until_fetched(STATUSES, [(RECIPIENTS[0], "queued"), (RECIPIENTS[1], "delivered")])


async def test_a_number_that_the_database_refuses_is_bisected_to_its_record(within: Within, appender: Appender) -> None:
    """An attempt above 32 bits: the database says so, of all of them together."""
    asked = [said.entry for said in chunk(1, 0, 1, RECIPIENTS)]
    broken = _report(RECIPIENTS[0], "Failed", attempt=2**40)
    await appender.append_all([*asked, _report(RECIPIENTS[0], "Queued"), broken, _report(RECIPIENTS[1])])
    within.start()
    await within.until_fetched(PARKED, [("delivery-reports", "parked")])
    await within.until_fetched(STATUSES, [(RECIPIENTS[0], "queued"), (RECIPIENTS[1], "delivered")])


async def test_figures_beyond_their_columns_lose_no_report(within: Within, appender: Appender) -> None:
    """101 reports of 40,000 parts stopped the projector until a person dropped each (FAULTS B2): they are delivered."""
    many = [str(15550000000 + n) for n in range(101)]
    await appender.append_all([said.entry for said in chunk(1, 0, 1, many)])
    await appender.append_all([_report(r, parts=40_000 + n, code=2**31 + n) for n, r in enumerate(many)])
    await appender.append(_report(many[0], "Queued", parts=-(2**63), code=-(2**63), at=START))
    orphan = e.DeliveryReported(
        event_id=derived_id("orphan"), occurred_at=START, batch_id="01B", recipient=many[0], status="Failed", code=2**80
    )
    await appender.append(Entry(topics.DELIVERY_REPORTS, "01B", encode(orphan)))
    within.start()
    await within.caught_up()
    assert await within.fetch(PARKED) == []
    shown = await within.fetch("SELECT DISTINCT status, code, parts FROM live.messages")
    assert [tuple(row) for row in shown] == [("delivered", 2**31 - 1, 2**15 - 1)]
    assert [tuple(r) for r in await within.fetch("SELECT code FROM live.orphan_reports")] == [(2**31 - 1,)]
    codes = await within.fetch("SELECT DISTINCT code FROM live.message_events WHERE code IS NOT NULL ORDER BY 1")
    assert [tuple(row) for row in codes] == [(-(2**31),), (2**31 - 1,)]


async def test_values_that_only_the_database_refuses_stop_nothing(within: Within, appender: Appender) -> None:
    """However many: each is parked, and what is right is folded."""
    asked = [said.entry for said in chunk(1, 0, 1, RECIPIENTS)]
    broken = [_report(str(15550000100 + n), attempt=2**40 + n) for n in range(150)]
    await appender.append_all([*asked, *broken, *map(_report, RECIPIENTS)])
    task = within.start()
    await within.until_fetched("SELECT count(*) FROM live.parked", [(150,)])
    await within.until_fetched(STATUSES, [(r, "delivered") for r in RECIPIENTS])
    assert not task.done()


async def test_two_spellings_of_one_thing_stop_nothing(within: Within, appender: Appender) -> None:
    """A number with a leading zero is the same row for the database, a campaign in capital letters the same campaign."""
    asked = [said.entry for said in chunk(1, 0, 1, RECIPIENTS)]
    shouted = _report(RECIPIENTS[0], campaign_id=campaign_id(1).upper().replace("0", "A", 1))
    zeros = [_report(f"0{RECIPIENTS[0]}"), _report(f"00{RECIPIENTS[0]}"), _report(RECIPIENTS[0], "Queued")]
    await appender.append_all([*asked, *zeros, shouted, _report(RECIPIENTS[1])])
    task = within.start()
    await within.until_fetched(STATUSES, [(r, "delivered") for r in RECIPIENTS])
    await within.until_fetched(PARKED, [("delivery-reports", "parked")])
    assert not task.done()


async def test_a_hundred_records_of_one_broken_kind_stop_nothing(within: Within, appender: Appender) -> None:
    """One defect of one writer: what stops is the number of kinds."""
    asked = [said.entry for said in chunk(1, 0, 1, RECIPIENTS)]
    key = f"{campaign_id(1)}.0"
    garbage = [
        Entry(topics.DELIVERY_REPORTS, key, b'{"type":"DeliveryReported.v1","event_id":%d}' % n) for n in range(150)
    ]
    await appender.append_all([*asked, *garbage, *map(_report, RECIPIENTS)])
    within.start()
    await within.until_fetched("SELECT count(*) FROM live.parked", [(150,)])
    await within.until_fetched(STATUSES, [(r, "delivered") for r in RECIPIENTS])


async def test_a_program_older_than_the_log_stops(within: Within, appender: Appender) -> None:
    """Many records of types that it does not know: it must not put the world aside."""
    future = [
        Entry(topics.DELIVERY_REPORTS, "k", b'{"type":"DeliveryReported.v%d"}' % n) for n in range(2, MOST_UNKNOWN + 4)
    ]
    await appender.append_all(future)
    with pytest.raises(TooManyParked, match="types that this program does not know"):
        await within.start()


async def test_a_retried_record_that_still_breaks_is_parked_again(within: Within, appender: Appender) -> None:
    """A retry under the same code changes nothing but the count of decisions."""
    await appender.append_all([Entry(topics.DELIVERY_REPORTS, "k", b"garbage")])
    within.start()
    await within.until_fetched(PARKED, [("delivery-reports", "parked")])
    await appender.append(_decision(e.RecordRetried, await _parked_place(within)))
    await within.until_fetched("SELECT state, decision FROM live.parked", [("parked", 2)])


async def test_a_retried_record_that_can_be_folded_is(within: Within, appender: Appender) -> None:
    """A record that an older program parked takes effect when it is retried."""
    await appender.append_all([said.entry for said in chunk(1, 0, 1, RECIPIENTS)])
    position = await appender.append(_report(RECIPIENTS[0]))
    within.start()
    await within.caught_up()
    await within.fetch("UPDATE build_1.messages SET rank = 0, status = '' WHERE recipient = $1", int(RECIPIENTS[0]))
    parked = e.RecordParked(
        event_id=derived_id("parked"), occurred_at=START, topic=position.topic, partition=position.partition,
        offset=position.offset, actor="projector", reason="an older program",
    )  # fmt: skip
    await appender.append(Entry(topics.PROJECTION_CONTROL, "k", encode(parked)))
    await appender.append(_decision(e.RecordRetried, (position.topic, position.partition, position.offset)))
    await within.until_fetched(PARKED, [("delivery-reports", "folded")])
    await within.until_fetched("SELECT rank FROM build_1.messages WHERE rank > 0", [(10,)])


async def test_a_rebuild_after_a_retry_is_not_different(
    within: Within, appender: Appender, store: Store, kafka: KafkaConnection
) -> None:
    """The older program could not fold the record, the rebuild can: in its place, and again when the retry comes."""
    await appender.append_all([said.entry for said in chunk(1, 0, 1, RECIPIENTS)])
    within.start()
    await within.caught_up()
    position = await appender.append(_report(RECIPIENTS[0]))
    parked = e.RecordParked(
        event_id=derived_id("parked"), occurred_at=START, topic=position.topic, partition=position.partition,
        offset=position.offset, actor="projector", reason="an older program",
    )  # fmt: skip
    await appender.append(Entry(topics.PROJECTION_CONTROL, "k", encode(parked)))
    await appender.append(_decision(e.RecordRetried, (position.topic, position.partition, position.offset)))
    number = await builds.create(store._connection)
    within.start(build=number)
    await within.caught_up(number)
    for build in (1, number):
        await within.until_fetched(f"SELECT state FROM build_{build}.parked", [("folded",)])
    older = "DELETE FROM build_1.history WHERE ctid IN (SELECT max(ctid) FROM build_1.history WHERE lines LIKE $1)"
    await within.fetch(older, f"%{e.DeliveryReported.__name__}%")
    diff = await compare(store._connection, kafka, 1, number)
    assert diff.equal, diff


async def test_a_rebuild_repeats_a_drop(within: Within, appender: Appender, store: Store) -> None:
    """A dropped record has no effect in a new build, although its code could fold it."""
    await appender.append_all([said.entry for said in chunk(1, 0, 1, RECIPIENTS)])
    position = await appender.append(_report(RECIPIENTS[0]))
    await appender.append(_decision(e.RecordDropped, (position.topic, position.partition, position.offset)))
    number = await builds.create(store._connection)
    within.start(build=number)
    await within.caught_up(number)
    assert await within.fetch(f"SELECT FROM build_{number}.messages WHERE rank > 0") == []
