"""Rows and offsets are one commit: whichever table holds the projector up, the rows are those of the offsets."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import asyncpg
import pytest

from infra.kafka.log import Appender, Partition
from infra.postgres.pool import Connection
from tests.integration.projector.comparing import assert_is_reference
from tests.integration.projector.other_facts import other_facts
from tests.integration.projector.processes import Projectors, folded
from tests.integration.projector.traffic import traffic
from tests.waiting import until

TABLES = ("projector_offsets", "messages", "campaign_counts", "recipients")
WAITING = "SELECT count(*) FROM pg_locks WHERE NOT granted AND relation = $1::text::regclass"


@asynccontextmanager
async def _held(dsn: str, table: str) -> AsyncIterator[Connection]:
    """Nobody writes into this table of build 1 meanwhile; all may read."""
    connection = await asyncpg.connect(dsn)
    try:
        async with connection.transaction():
            await connection.execute(f"LOCK TABLE build_1.{table} IN SHARE MODE")
            yield connection
    finally:
        await connection.close()


@pytest.mark.parametrize("table", TABLES)
async def test_held_up_anywhere_the_tables_are_the_reference_of_their_offsets(
    table: str, projectors: Projectors, appender: Appender, database: str
) -> None:
    """Of the batch that is being written nothing is to be seen; killed there, the projector folds all of it anew."""
    said = [*traffic(300, chunk_size=20, seed=41), *other_facts(seed=41)]
    middle = len(said) // 2
    await projectors.start("0")
    positions = await appender.append_all([s.entry for s in said[:middle]])
    await until(projectors.caught_up, "the first half folded", within=30)
    async with _held(database, table) as holder:
        positions += await appender.append_all([s.entry for s in said[middle:]])

        async def is_held_up() -> bool:
            return bool(await holder.fetchval(WAITING, f"build_1.{table}"))

        await until(is_held_up, f"the projector waits for {table}", within=30)
        offsets = await folded(database)
        places = [(Partition(at.topic, at.partition), at.offset) for at in positions]
        of_offsets = [
            s for s, (partition, offset) in zip(said, places, strict=True) if offset < offsets.get(partition, 0)
        ]
        assert len(of_offsets) < len(said)
        await assert_is_reference(database, of_offsets)
        await projectors.kill("0")
    await projectors.start("0")
    await until(projectors.caught_up, "everything folded", within=30)
    await assert_is_reference(database, said)
