"""No room for PostgreSQL to write: the projector puts no record aside, loses none, and goes on when there is room."""

from pathlib import Path

import asyncpg
import pytest

from infra.kafka.log import Appender, KafkaConnection
from infra.postgres import embedded
from infra.postgres.refusals import REFUSALS
from infra.process.world import World
from tests.integration.projector.comparing import assert_nothing_is_parked
from tests.integration.projector.disks import limit_files, small_disk
from tests.integration.projector.other_facts import other_facts
from tests.integration.projector.processes import folded
from tests.integration.projector.servers import running_postgres
from tests.integration.projector.supervised import Supervised, ends_as_the_reference, supervised
from tests.integration.projector.traffic import Said, traffic
from tests.places import TEMPLATE, administer, make_template, named
from tests.waiting import until

pytestmark = pytest.mark.faults

RECORDS = 25_000
ROOM = 2_000_000  # bytes that the tables may still take, of the eight million that these records need
VAIN_STARTS = 2


@pytest.fixture
async def said(appender: Appender) -> list[Said]:
    """What is in the log from the beginning."""
    said = [*other_facts(seed=21), *traffic(RECORDS * 10 // 31, seed=21)]
    await appender.append_all([s.entry for s in said], within=60)
    return said


async def test_a_full_tablespace_parks_nothing_and_loses_nothing(
    said: list[Said], kafka: KafkaConnection, world: World, tmp_path: Path
) -> None:
    """PostgreSQL says DiskFullError (53100) to a transaction: it comes again until there is room."""
    with small_disk("64m") as disk:
        async with running_postgres(tmp_path) as (_, administrator):
            await make_template(administrator)
            await administer(
                administrator,
                f"CREATE TABLESPACE small LOCATION '{disk.place}'",
                f"CREATE DATABASE small TEMPLATE {TEMPLATE} TABLESPACE small",
            )
            disk.fill(leaving=ROOM)
            async with supervised(kafka, named(administrator, "small"), tmp_path, world) as projector:
                await _fails(projector, "DiskFullError", said)
                disk.make_room()
                await ends_as_the_reference(projector, said)


async def test_a_file_that_cannot_grow_parks_nothing_and_loses_nothing(
    said: list[Said], kafka: KafkaConnection, world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A quota, which needs no right to set up: the same, in the words of another error."""
    monkeypatch.setattr(embedded, "INITDB", (*embedded.INITDB, "--wal-segsize=1"))  # the log's own files stay below it
    async with running_postgres(tmp_path) as (server, administrator):
        await make_template(administrator)
        assert server.pid is not None
        limit_files(server.pid, str(ROOM))
        async with supervised(kafka, named(administrator, TEMPLATE), tmp_path, world) as projector:
            await _fails(projector, "File too large", said)
            limit_files(server.pid, "unlimited")
            await ends_as_the_reference(projector, said)


async def test_a_disk_that_is_full_altogether_parks_nothing_and_loses_nothing(
    said: list[Said], kafka: KafkaConnection, world: World, tmp_path: Path
) -> None:
    """Whether a table or PostgreSQL's own log is refused first (then the server goes down): with room all is there."""
    with small_disk("256m") as disk:
        async with running_postgres(disk.place) as (server, administrator):
            await make_template(administrator)
            disk.fill(leaving=ROOM)

            async def up() -> bool:
                if server.pid is None:
                    await server.start()
                try:
                    await (await asyncpg.connect(administrator, timeout=5)).close()
                except (OSError, asyncpg.PostgresError):
                    return False
                return True

            async with supervised(kafka, named(administrator, TEMPLATE), tmp_path, world) as projector:
                await projector.starts_again(VAIN_STARTS)
                await assert_nothing_is_parked(kafka)
                disk.make_room()
                await until(up, "PostgreSQL is up", within=60)
                await ends_as_the_reference(projector, said)


async def _fails(projector: Supervised, words: str, said: list[Said]) -> None:
    """Wait until it has ended with these words and has been started again in vain; nothing is put aside for that."""
    await projector.says(words)
    await projector.starts_again(VAIN_STARTS)
    await projector.says(words)
    assert sum((await folded(projector.dsn)).values()) < len(said)
    await assert_nothing_is_parked(projector.kafka)


@pytest.mark.parametrize(
    "error",
    [
        asyncpg.DiskFullError, asyncpg.InsufficientResourcesError, asyncpg.OutOfMemoryError,
        asyncpg.TooManyConnectionsError, asyncpg.PostgresIOError, asyncpg.InternalServerError,
        asyncpg.AdminShutdownError, asyncpg.CrashShutdownError, asyncpg.CannotConnectNowError,
        asyncpg.QueryCanceledError, asyncpg.SerializationError, asyncpg.DeadlockDetectedError,
        asyncpg.ReadOnlySQLTransactionError, asyncpg.InterfaceError, asyncpg.ConnectionDoesNotExistError,
        asyncpg.UndefinedTableError, asyncpg.InsufficientPrivilegeError, TimeoutError, ConnectionResetError,
    ],
)  # fmt: skip
def test_trouble_of_the_server_is_no_refusal_of_a_record(error: type[Exception]) -> None:
    """What passes, or wants a person, is never taken for a value that does not fit."""
    assert not issubclass(error, REFUSALS)
