"""Topics that retention has trimmed to their ends, as the dispatcher's own process meets them."""

import asyncio

import pytest
from aiokafka.admin import AIOKafkaAdminClient, RecordsToDelete
from aiokafka.structs import TopicPartition

from infra.kafka.log import LogRewritten, Partition, Scanner
from infra.process.world import World
from services.dispatcher.app import run
from services.dispatcher.intake import READ
from tests.integration.dispatcher.parts import CAMPAIGN, NUMBERS, Parts, dispatching
from tests.integration.projector.typed import heliograph


async def _trim(these: Parts) -> dict[Partition, int]:
    """All that the dispatcher's topics hold is gone; gives where the partitions begin now that held something."""
    async with Scanner(these.kafka) as scanner:
        bounds = await scanner.bounds(await scanner.partitions(READ))
    ends = {p: end for p, (begin, end) in bounds.items() if end > begin}
    admin = AIOKafkaAdminClient(**these.kafka.client_arguments())
    await admin.start()
    await admin.delete_records(
        {TopicPartition(these.kafka.topic(p.topic), p.partition): RecordsToDelete(end) for p, end in ends.items()}
    )
    await admin.close()
    return ends


def _another(number: int) -> str:
    return f"{CAMPAIGN[:-2]}{number:02}"


async def test_trimmed_to_what_was_read_it_goes_on(these: Parts) -> None:
    """FAULTS B9: all of it had been taken in; the next campaign is sent, and nothing of the first again."""
    await these.ask(NUMBERS[:3])
    async with dispatching(these):
        await these.settled()
    async with dispatching(these):  # reports that came while it stopped are taken in
        await these.ask(NUMBERS[3:4], campaign=_another(1))
        await these.settled(chunks=2)
    await these.ledger.execute("UPDATE dispatch.batches SET next_look_at = NULL")
    begins = await _trim(these)
    for partition, begin in begins.items():  # what came in the last moment was read as well
        moved = "UPDATE dispatch.offsets SET next_offset = $3, last_logged_ms = 0, last_digest = 0 WHERE topic = $1 AND partition = $2"
        await these.ledger.execute(moved, partition.topic, partition.partition, begin)
    async with dispatching(these):
        await these.ask(NUMBERS[4:6], campaign=_another(2))
        await these.settled(chunks=3)
    assert await these.sent() == dict.fromkeys(NUMBERS[:6], 1)


async def test_a_gap_that_is_accepted_by_the_command_is_passed(these: Parts) -> None:
    """Trimmed unread: it ends in words that name the command; typed for each partition, it sends what comes behind."""
    await these.ask(NUMBERS[:3])
    async with dispatching(these):
        await these.settled()
    await these.ask(NUMBERS[3:5], campaign=_another(1))
    begins = await _trim(these)
    async with asyncio.timeout(30.0):
        with pytest.raises(LogRewritten, match=r"heliograph gap accept dispatcher [a-z-]+/\d"):
            await run(these.settings(), World())
    code, said = await heliograph(these.kafka, these.database, "gap", "list")
    assert (code, f"{len(begins)} partitions are trimmed" in said) == (0, True), said
    code, said = await heliograph(
        these.kafka, these.database, "gap", "accept", "dispatcher", "--all", "--reason", "a test"
    )
    assert code == 0, said
    async with dispatching(these):
        await these.ask(NUMBERS[5:7], campaign=_another(2))
        await these.settled(chunks=2)
    assert await these.sent() == dict.fromkeys([*NUMBERS[:3], *NUMBERS[5:7]], 1)
