"""The projector as a process: what it is made of, in the order in which it starts; it stops in the reverse."""

import gc
from contextlib import AsyncExitStack

import structlog

from contracts import topics
from infra.kafka.connection import connection_from
from infra.kafka.log import Appender, Reader
from infra.process.settings import Settings
from infra.process.world import World
from services.projector.parking import Decisions, Parking
from services.projector.projector import Projector
from services.projector.store import Store
from services.projector.watch import Watch

log = structlog.get_logger(__name__)

SERVICE = "projector"
FOLDED = tuple(t.name for t in topics.TOPICS if SERVICE in t.read_by)
FETCH_BYTES = 3 * 1024 * 1024  # of a partition at once: 7,000 reports
MOST_BYTES = 32 * 1024 * 1024
"""Of all at once: of every partition, so that those whose turn it is not do not hold back the one whose it is, 100 ms
with every answer (aiokafka waits so long for what it has to be taken before it asks the same broker for more).
"""
YOUNG_OBJECTS = 50_000
"""Before the collector looks at them: a batch is tens of thousands of tuples, none in a cycle. Not more, because what is
in one (a fetch of megabytes that failed) waits for it: with 200,000 the process once grew to 400 MB.
"""


async def run(settings: Settings, world: World, build: int | None = None) -> None:
    """Fold into `build`, else into the one that is current now, until cancelled.

    An error ends it; whoever runs it starts it again. All replicas that fill one build are one consumer group.
    """
    assert settings.database_url is not None
    gc.set_threshold(YOUNG_OBJECTS)
    connection, dsn = connection_from(settings), settings.database_url.get_secret_value()
    async with AsyncExitStack() as stack:
        store = await Store.connect(dsn, build)
        stack.push_async_callback(store.close)
        member = f"{SERVICE}-{settings.replica}" if build is None else f"{SERVICE}-build-{build}-{settings.replica}"
        appender = Appender(connection, world, name=member)
        await appender.start()
        stack.push_async_callback(appender.stop)
        projector: Projector
        reader = Reader(
            connection,
            world,
            topics=FOLDED,
            group=group_of(store.build),
            member=member,
            load_offsets=lambda partitions: projector.load_offsets(partitions),  # noqa: PLW0108 - made from the reader
            max_partition_fetch_bytes=FETCH_BYTES,
            max_fetch_bytes=MOST_BYTES,
            on_revoked=lambda partitions: projector.revoked(partitions),  # noqa: PLW0108 - the same
        )
        parking = Parking(appender, world.clock, await Decisions.load(connection))
        projector = Projector(connection=connection, reader=reader, store=store, parking=parking, world=world)
        await reader.start()
        stack.push_async_callback(reader.stop)
        log.info("projecting", build=store.build, member=member)
        watch = Watch(dsn, store.build, reader, projector, world)
        await stack.enter_async_context(world.tasks.running("watch", watch.run()))
        await projector.run()


def group_of(build: int) -> str:
    """The consumer group of a build: `projector` for the first, which most installations never leave."""
    return SERVICE if build == 1 else f"{SERVICE}-build-{build}"
