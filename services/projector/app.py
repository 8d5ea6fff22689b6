"""The projector as a process: what it is made of, in the order in which it starts; it stops in the reverse."""

from contextlib import AsyncExitStack

from contracts import topics
from infra.kafka.connection import connection_from
from infra.kafka.log import Appender, Reader
from infra.process.settings import Settings
from infra.process.world import World
from services.projector.parking import Parking
from services.projector.projector import Projector
from services.projector.store import Store

SERVICE = "projector"
FOLDED = tuple(t.name for t in topics.TOPICS if SERVICE in t.read_by and t.name != topics.PROJECTION_CONTROL)
"""`projection-control` is read by hand so far; its decisions are not folded yet."""
MAX_PARTITION_FETCH_BYTES = 4 * 1024 * 1024


async def run(settings: Settings, world: World) -> None:
    """Fold until cancelled. An error ends it; whoever runs it starts it again."""
    assert settings.database_url is not None
    connection = connection_from(settings)
    async with AsyncExitStack() as stack:
        store = await Store.connect(settings.database_url.get_secret_value())
        stack.push_async_callback(store.close)
        appender = Appender(connection, world, name=f"{SERVICE}-{settings.replica}")
        await appender.start()
        stack.push_async_callback(appender.stop)
        projector: Projector
        reader = Reader(
            connection,
            world,
            topics=FOLDED,
            group=SERVICE,
            member=f"{SERVICE}-{settings.replica}",
            load_offsets=lambda partitions: projector.load_offsets(partitions),  # noqa: PLW0108 - made from the reader
            max_partition_fetch_bytes=MAX_PARTITION_FETCH_BYTES,
        )
        projector = Projector(reader, store, Parking(appender, world.clock))
        await reader.start()
        stack.push_async_callback(reader.stop)
        await projector.run()
