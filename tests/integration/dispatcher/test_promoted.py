"""A dispatcher sends while its PostgreSQL dies and a streaming replica, a little behind, is promoted in its place."""

import os
import signal
import subprocess
from dataclasses import replace

import asyncpg
import pytest

from infra.kafka.connection import KafkaConnection
from infra.postgres.embedded import binary
from infra.process.world import World
from tests.integration.dispatcher.parts import OPEN, Parts, parts
from tests.integration.dispatcher.test_owner import lives
from tests.integration.postgres.replicas import primary_and_standby
from tests.places import administer
from tests.waiting import until

pytestmark = pytest.mark.faults

FAULTS = [{"kind": "cut_after", "share": 0.1}]
CHUNKS, CHUNK = 100, 5


async def test_sending_goes_on_through_a_promotion(
    kafka: KafkaConnection, world: World, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Nobody gets it twice, nobody not at all, although the replica lacks a seventh of what was sent."""
    everybody = [str(15550000000 + n) for n in range(CHUNKS * CHUNK)]
    async with primary_and_standby(tmp_path_factory) as pair, parts(kafka, pair.both(), world) as these:
        await these.rules(faults=FAULTS)
        await these.ask(*(everybody[n : n + CHUNK] for n in range(0, len(everybody), CHUNK)))
        async with lives(these, lambda _: None) as ends:
            await until(lambda: _sent(these, len(everybody) // 5), "a fifth is sent", within=60)
            await administer(pair.second, "ALTER SYSTEM SET primary_conninfo = ''", "SELECT pg_reload_conf()")
            await until(lambda: _sent(these, len(everybody) // 3), "more is sent, and not streamed", within=60)
            assert pair.primary.pid is not None
            os.kill(pair.primary.pid, signal.SIGQUIT)
            _promote(pair.second)
            promoted = replace(these, ledger=await asyncpg.connect(pair.both()))
            await until(lambda: _settled(promoted), "all is settled on the promoted one", within=120)
            await promoted.ledger.close()
        assert ends, "it lost its database"
        assert await these.sent() == dict.fromkeys(everybody, 1)


def _promote(standby: str) -> None:
    """At once, while nothing else runs here: a dispatcher that fails writes long traces meanwhile."""
    subprocess.run(
        [binary("psql"), standby, "-qXAtc", "SELECT pg_promote()"], check=True, capture_output=True, timeout=90
    )


async def _sent(these: Parts, messages: int) -> bool:
    return await these.messages() >= messages


async def _settled(these: Parts) -> bool:
    arrived: int = await these.ledger.fetchval("SELECT count(*) FROM dispatch.chunks")
    return arrived == CHUNKS and await these.ledger.fetchval(OPEN) == 0
