"""Records that cannot be folded: parked one by one, decided by hand, and decided the same way in a rebuild."""

from contracts import events as e
from contracts import topics
from contracts.events import encode
from contracts.identity import derived_id
from infra.kafka.log import Appender, Entry
from services.projector import builds
from services.projector.store import Store
from tests.integration.projector.traffic import START, campaign_id, chunk
from tests.integration.projector.within import Within

RECIPIENTS = ["15550000001", "15550000002"]
STATUSES = "SELECT recipient::text, status FROM live.messages ORDER BY 1"
PARKED = "SELECT topic, state FROM live.parked ORDER BY 1, 2"


def _report(recipient: str, status: str = "Delivered", at: str = START, code: int = 0) -> Entry:
    event = e.DeliveryReported(
        event_id=derived_id("report", recipient, status), occurred_at=START, batch_id="01B", recipient=recipient,
        status=status, code=code, at=at, campaign_id=campaign_id(1), chunk=0, attempt=1,
        client_reference=f"{campaign_id(1)}.0.1",
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
    """A code above 32 bits: the database says so, of all of them together."""
    asked = [said.entry for said in chunk(1, 0, 1, RECIPIENTS)]
    broken = _report(RECIPIENTS[0], "Failed", code=2**31)
    await appender.append_all([*asked, _report(RECIPIENTS[0], "Queued"), broken, _report(RECIPIENTS[1])])
    within.start()
    await within.until_fetched(PARKED, [("delivery-reports", "parked")])
    await within.until_fetched(STATUSES, [(RECIPIENTS[0], "queued"), (RECIPIENTS[1], "delivered")])


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


async def test_a_rebuild_repeats_a_drop(within: Within, appender: Appender, store: Store) -> None:
    """A dropped record has no effect in a new build, although its code could fold it."""
    await appender.append_all([said.entry for said in chunk(1, 0, 1, RECIPIENTS)])
    position = await appender.append(_report(RECIPIENTS[0]))
    await appender.append(_decision(e.RecordDropped, (position.topic, position.partition, position.offset)))
    number = await builds.create(store._connection)
    within.start(build=number)
    await within.caught_up(number)
    assert await within.fetch(f"SELECT FROM build_{number}.messages WHERE rank > 0") == []
