"""The tables after Kafka came again from an older copy, as docs/operations.md has it."""

import pytest

from infra.kafka.log import Appender, KafkaConnection, LogRewritten
from infra.process.world import World
from tests.integration.dispatcher.rebuilt import older_log
from tests.integration.projector.traffic import traffic
from tests.integration.projector.typed import heliograph
from tests.integration.projector.within import Within


async def test_a_new_build_takes_the_place_of_one_that_refuses_the_log(kafka: KafkaConnection, database: str) -> None:
    """The old tables refuse the log; a build that is made of it is filled, swapped in, and goes on."""
    within, world = Within(kafka, database), World()
    said = [one.entry for one in traffic(60, campaigns=2, chunk_size=10)]
    appender = Appender(kafka, world, name="test")
    await appender.start()
    try:
        await appender.append_all(said[: len(said) // 2])
        copied = await older_log.ends(kafka)
        await appender.append_all(said[len(said) // 2 :])
        within.start()
        await within.caught_up()
        await within.stop()
        await older_log.restore(kafka, copied)
        with pytest.raises(LogRewritten):
            await within.start()
        await within.stop()
        code, words = await heliograph(kafka, database, "rebuild", "start", "--no-wait")
        assert code == 0, words
        within.start(build=2)
        await within.caught_up(2)
        code, words = await heliograph(kafka, database, "rebuild", "swap", "2")
        assert code == 0, words
        await within.stop()
        within.start()
        await appender.append_all(said[len(said) // 2 :])
        await within.caught_up(2)
        assert (await within.fetch("SELECT count(*) FROM live.messages"))[0][0] == 60
    finally:
        await appender.stop()
        await within.stop()
