"""What operators should see of a projector: lag, orphans, incidents. Looked up beside the loop, never in it."""

import structlog

from infra.kafka.log import LogUnavailable, Partition, Reader
from infra.postgres.pool import connect
from infra.postgres.trouble import FAILURES
from infra.process.metrics import CONSUMER_LAG_RECORDS, CONSUMER_LAG_SECONDS, INCIDENTS, ORPHAN_AGE, ORPHANS
from infra.process.world import World
from services.projector.projector import Projector

log = structlog.get_logger(__name__)

NOT_TOLD: tuple[type[Exception], ...] = (LogUnavailable, *FAILURES)
LOOK_SECONDS = 5.0

LOOK = """
SELECT count(*), coalesce(extract(epoch FROM now() - min(logged_at)), 0)::float8 FROM orphan_reports
WHERE seen AND NOT settled
"""
LOOK_INCIDENTS = "SELECT kind, count(*) FROM live.incidents GROUP BY kind"


class Watch:
    """Sets the metrics, every few seconds, on a connection of its own."""

    def __init__(self, dsn: str, build: int, reader: Reader, projector: Projector, world: World) -> None:
        self._dsn = dsn
        self._build = build
        self._reader = reader
        self._projector = projector
        self._world = world
        self._incidents: dict[str, int] = {}

    async def run(self) -> None:
        """Look for ever; a look that fails is left out."""
        while True:
            await self._world.clock.sleep(LOOK_SECONDS)
            try:
                await self._lag()
                await self._tables()
            except NOT_TOLD as error:
                log.warning("metrics_not_updated", error=str(error))

    async def _lag(self) -> None:
        now_ms = self._world.clock.wall().timestamp() * 1000
        for (topic, partition), records in (await self._reader.lag()).items():
            read_ms = self._projector.logged_ms.get(Partition(topic, partition), now_ms)
            CONSUMER_LAG_RECORDS.labels(topic, partition).set(records)
            CONSUMER_LAG_SECONDS.labels(topic, partition).set((now_ms - read_ms) / 1000 if records else 0)

    async def _tables(self) -> None:
        connection = await connect(self._dsn, "watch", {"search_path": f"build_{self._build}"}, command_timeout=10)
        try:
            orphans, age = await connection.fetchrow(LOOK) or (0, 0.0)
            ORPHANS.set(orphans)
            ORPHAN_AGE.set(age)
            for kind, count in await connection.fetch(LOOK_INCIDENTS):
                new = count - self._incidents.get(kind, 0)
                if new > 0:
                    INCIDENTS.labels(kind).inc(new)
                    log.error("incident", kind=kind, new=new, total=count)
                self._incidents[kind] = count
        finally:
            await connection.close(timeout=5)
