"""Every kind of fact, in any order and some of it twice: every table is that of the reference fold."""

import random

import pytest

from infra.kafka.log import Appender
from tests.integration.projector.comparing import assert_is_reference
from tests.integration.projector.other_facts import other_facts
from tests.integration.projector.traffic import traffic
from tests.integration.projector.within import Within


@pytest.mark.parametrize("seed", range(3))
async def test_every_table_is_the_reference(within: Within, appender: Appender, seed: int) -> None:
    """Also while half of the log is still to come."""
    said = [*traffic(600, chunk_size=20, seed=seed), *other_facts(seed=seed)]
    random.Random(seed).shuffle(said)
    middle = len(said) // 2
    within.start()
    for upto, part in ((middle, said[:middle]), (len(said), said[middle:])):
        await appender.append_all([s.entry for s in part])
        await within.caught_up()
        await assert_is_reference(within.dsn, said[:upto])
