"""A failover as the projector sees it: every session cut, and the server that takes new ones takes no changes for a while."""

from pathlib import Path

import asyncpg
import pytest

from infra.kafka.log import Appender, KafkaConnection
from infra.process.world import World
from tests.integration.projector.supervised import ends_as_the_reference, supervised
from tests.integration.projector.traffic import traffic

pytestmark = pytest.mark.faults

TERMINATE = """
SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()
"""


async def test_read_only_while_folding_changes_nothing(
    database: str, kafka: KafkaConnection, world: World, tmp_path: Path
) -> None:
    """The projector ends, is started again in vain while nothing can be written, and goes on where its offsets are."""
    said, name = traffic(8_000, seed=17), database.rpartition("/")[2]
    appender, other = Appender(kafka, world, name="test"), await asyncpg.connect(database)
    await appender.start()
    async with supervised(kafka, database, tmp_path, world) as projector:
        await appender.append_all([s.entry for s in said[: len(said) // 2]], within=60)
        await projector.folds(1)
        await other.execute(f"ALTER DATABASE {name} SET default_transaction_read_only = on")
        await other.execute(TERMINATE)
        await appender.append_all([s.entry for s in said[len(said) // 2 :]], within=60)
        await projector.starts_again(2)
        await projector.says("read-only transaction")
        await other.execute(f"ALTER DATABASE {name} SET default_transaction_read_only = off")
        await other.execute(TERMINATE)
        await ends_as_the_reference(projector, said)
    await appender.stop()
    await other.close()
