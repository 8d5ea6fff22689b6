"""A log that is not the one the tables were made of is recognised and refused with words."""

import pytest

from contracts import topics
from infra.kafka.log import Appender, KafkaConnection, LogRewritten, Partition, Scanner
from infra.postgres.marks import mark_of, verify
from infra.postgres.offsets import Stored
from tests.integration.projector.traffic import chunk
from tests.integration.projector.within import Within
from tests.places import made_anew

RECIPIENTS = ["15550000001"]


async def _stored(kafka: KafkaConnection, place: Partition) -> Stored:
    async with Scanner(kafka) as scanner:
        end = (await scanner.bounds([place]))[place].end
        record = await scanner.record_at(place, end - 1)
    assert record is not None
    return Stored(end, mark_of(record))


async def test_the_same_log_is_accepted(kafka: KafkaConnection, appender: Appender) -> None:
    """The stored mark of the last folded record is found again."""
    position = await appender.append(next(iter(chunk(1, 0, 1, RECIPIENTS))).entry)
    place = Partition(position.topic, position.partition)
    await verify(kafka, {place: await _stored(kafka, place)}, "", "projector")


async def test_a_topic_made_anew_with_as_many_records_is_refused(
    within: Within, kafka: KafkaConnection, appender: Appender
) -> None:
    """Deleted, made again and filled with other records of the same number: the projector ends with LogRewritten."""
    await appender.append(next(iter(chunk(1, 0, 1, RECIPIENTS))).entry)
    within.start()
    await within.caught_up()
    await within.stop()
    await made_anew(kafka, topics.CAMPAIGN_REQUESTS)
    for number in range(2, 40):
        await appender.append(next(iter(chunk(number, 0, 1, RECIPIENTS))).entry)
    ended = within.start()
    with pytest.raises(LogRewritten, match=r"another record at offset .* rebuild the tables"):
        await ended
