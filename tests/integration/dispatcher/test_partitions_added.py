"""Somebody gives the topic `consent` more partitions while the dispatcher runs."""

from aiokafka.admin import AIOKafkaAdminClient, NewPartitions

from contracts import topics
from contracts.events import RecipientOptedOut, RecipientsSuppressed, encode
from contracts.identity import derived_id, pseudonym
from infra.kafka.log import Appender, Entry, partition_for
from infra.process.world import World, iso
from tests.integration.dispatcher.parts import CAMPAIGN, NUMBERS, Parts, dispatching

BEFORE, AFTER = 3, 12


def _in_a_new_partition() -> str:
    """A number whose words stand in a partition that was not there before."""
    return next(n for n in NUMBERS[1:] if partition_for(pseudonym(n, "k" * 16), AFTER) >= BEFORE)


async def _add_partitions(these: Parts) -> None:
    admin = AIOKafkaAdminClient(**these.kafka.client_arguments())
    await admin.start()
    await admin.create_partitions({these.kafka.topic(topics.CONSENT): NewPartitions(AFTER)})
    await admin.close()


async def test_an_opt_out_in_a_new_partition_holds_for_what_is_asked_after_it(these: Parts) -> None:
    """FAULTS D4: it stood in the log before the request; nothing is claimed until the new partitions are read."""
    number = _in_a_new_partition()
    async with dispatching(these):
        await these.ask(NUMBERS[:1])
        await these.settled()
        await _add_partitions(these)
        appender = Appender(these.kafka, World(), name="another gateway")
        await appender.start()
        now = iso(World().clock.wall())
        event = RecipientOptedOut(
            event_id=derived_id(number), occurred_at=now, recipient=number, received_at=now, source="reply"
        )
        place = await appender.append(Entry(topics.CONSENT, pseudonym(number, "k" * 16), encode(event)))
        assert place.partition >= BEFORE, "the writer knows the new partitions"
        await appender.stop()
        await these.ask([number], campaign=CAMPAIGN[:-2] + "bb")
        await these.settled(chunks=2)
    assert await these.sent() == {NUMBERS[0]: 1}
    assert [event.recipients for event in await these.events(RecipientsSuppressed)] == [[number]]
