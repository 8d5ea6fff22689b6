"""A log that retention has trimmed: what had been read is no gap; a gap stops the service until an operator accepts it."""

import pytest
from aiokafka.admin import AIOKafkaAdminClient, RecordsToDelete
from aiokafka.structs import TopicPartition

from contracts import topics
from contracts.events import GapAccepted, encode
from contracts.identity import derived_id
from infra.kafka.log import Appender, Entry, KafkaConnection, LogRewritten, Partition, Scanner
from infra.postgres.marks import verify
from infra.postgres.offsets import Mark, Step, Stored
from tests.integration.projector.traffic import chunk
from tests.integration.projector.within import Within

RECIPIENTS = ["15550000001"]
TOPIC = topics.CAMPAIGN_REQUESTS


async def _fill(appender: Appender, numbers: range) -> None:
    for number in numbers:
        await appender.append(next(iter(chunk(number, 0, 1, RECIPIENTS))).entry)


async def _trim(kafka: KafkaConnection) -> dict[Partition, int]:
    """All that the topic holds is gone, as by retention; gives where its partitions begin now."""
    async with Scanner(kafka) as scanner:
        bounds = await scanner.bounds(await scanner.partitions([TOPIC]))
    ends = {p: end for p, (_, end) in bounds.items() if end}
    admin = AIOKafkaAdminClient(**kafka.client_arguments())
    await admin.start()
    await admin.delete_records(
        {TopicPartition(kafka.topic(p.topic), p.partition): RecordsToDelete(end) for p, end in ends.items()}
    )
    await admin.close()
    return ends


async def _accept(appender: Appender, partition: Partition, offset: int, service: str = "projector") -> None:
    event = GapAccepted(
        event_id=derived_id("gap", service, *partition), occurred_at="2026-03-01T12:00:00.000Z", service=service,
        topic=partition.topic, partition=partition.partition, offset=offset, reason="a test", actor="test",
    )  # fmt: skip
    await appender.append(Entry(topics.PROJECTION_CONTROL, "k", encode(event)))


async def test_what_was_read_and_then_trimmed_is_no_gap(
    within: Within, kafka: KafkaConnection, appender: Appender
) -> None:
    """Trimmed to its end after it had been folded: the projector starts, and folds what comes next."""
    await _fill(appender, range(1, 20))
    within.start()
    await within.caught_up()
    await within.stop()
    await _trim(kafka)
    within.start()
    await _fill(appender, range(20, 30))
    await within.caught_up()
    assert (await within.fetch("SELECT count(*) FROM live.campaigns"))[0][0] == 29


async def test_a_gap_is_refused_until_it_is_accepted(
    within: Within, kafka: KafkaConnection, appender: Appender
) -> None:
    """Trimmed before it was folded: refused with the command to accept it; accepted, the projector goes on behind it."""
    await _fill(appender, range(1, 20))
    within.start()
    await within.caught_up()
    await within.stop()
    await _fill(appender, range(20, 40))
    begins = await _trim(kafka)
    with pytest.raises(LogRewritten, match=r"records are gone unread.*heliograph gap accept projector"):
        await within.start()
    await within.stop()
    for partition, begin in begins.items():
        await _accept(appender, partition, begin)
    within.start()
    await _fill(appender, range(40, 50))
    await within.caught_up()
    assert (await within.fetch("SELECT count(*) FROM live.campaigns"))[0][0] == 29


async def test_what_is_accepted_is_one_gap_of_one_service(kafka: KafkaConnection, appender: Appender) -> None:
    """Neither another service's word nor one about fewer records counts, also for one that has read nothing yet."""
    await _fill(appender, range(1, 30))
    begins = await _trim(kafka)
    partition, begin = max(begins.items(), key=lambda item: item[1])
    stored = {partition: Stored(0, Mark())}
    await _accept(appender, partition, begin, service="dispatcher")
    await _accept(appender, partition, begin - 1)
    with pytest.raises(LogRewritten, match=f"{begin} records are gone unread"):
        await verify(kafka, stored, "", "projector")
    assert await verify(kafka, stored, "", "dispatcher") == {partition: Step(0, begin, Mark())}


async def test_an_older_log_is_no_trimmed_one(kafka: KafkaConnection, appender: Appender) -> None:
    """More was read than the log holds: refused as made anew or restored, and no word accepts it."""
    await _fill(appender, range(1, 10))
    place = Partition(TOPIC, 0)
    with pytest.raises(LogRewritten, match="made anew, or cut, or an older log was restored"):
        await verify(kafka, {place: Stored(500, Mark(1, 1))}, "", "projector")
