"""The producer of the moment: brought up in the background, handed out when ready, replaced when it has failed."""

import asyncio

import structlog
from aiokafka.errors import KafkaError

from infra.kafka.connection import KafkaConnection
from infra.kafka.errors import LogUnavailable
from infra.kafka.producer import Producer
from infra.process.world import World

log = structlog.get_logger(__name__)

ATTEMPT_SECONDS = 3.0  # one try to connect; a frozen broker never answers
RETRY_SECONDS = (0.1, 0.4)  # jitter between tries, so that a fleet does not come back in step
DRAIN_SECONDS = 2.0  # for the healthy partitions of a producer that is being replaced
MINIMUM_AGE_SECONDS = 0.2  # however it fails, a producer is not replaced faster than this


class Supply:
    """Keeps one `Producer` ready. `current` is None while there is none."""

    def __init__(self, connection: KafkaConnection, world: World, *, name: str, linger_ms: int) -> None:
        self._connection = connection
        self._world = world
        self._name = name
        self._linger_ms = linger_ms
        self._ready = asyncio.Event()
        self._stopped = False
        self._bringing_up: asyncio.Task[None] | None = None
        self._endings: set[asyncio.Task[None]] = set()
        self._born = 0.0
        self.current: Producer | None = None

    def begin(self) -> None:
        """Begin to bring up a producer, and go on until one is ready."""
        if self._bringing_up is None and not self._stopped:
            self._bringing_up = self._world.tasks.spawn(f"{self._name}-producer", self._bring_up())

    async def get(self) -> Producer:
        """The ready producer; waits for it, for ever if need be."""
        while (producer := self.current) is None or not producer.usable:
            if self._stopped:
                raise LogUnavailable("the appender has been stopped")
            if producer is not None:
                self.replace(producer, "its sender has ended")
            self.begin()
            await self._ready.wait()
        return producer

    def replace(self, producer: Producer, why: str) -> None:
        """Give `producer` up and bring up another. Harmless when that has been done already."""
        if self.current is not producer:
            return
        log.warning("producer_replaced", producer=self._name, why=why)
        self.current = None
        self._ready.clear()
        ending = asyncio.create_task(producer.end(DRAIN_SECONDS), name=f"{self._name}-ending")
        self._endings.add(ending)
        ending.add_done_callback(self._endings.discard)
        self.begin()

    async def stop(self, within: float) -> None:
        """End everything, at most a few seconds after `within`."""
        self._stopped = True
        if self._bringing_up is not None:
            self._bringing_up.cancel()
            await asyncio.wait([self._bringing_up], timeout=within)
        producer, self.current = self.current, None
        self._ready.set()  # whoever waits learns that there will be none
        if producer is not None:
            await producer.end(within)
        if self._endings:
            await asyncio.wait(self._endings, timeout=within)

    async def _bring_up(self) -> None:
        clock = self._world.clock
        if (too_soon := self._born + MINIMUM_AGE_SECONDS - clock.boot()) > 0:
            await clock.sleep(too_soon)
        while (producer := await self._attempt()) is None:
            await clock.sleep(self._world.chance.uniform(*RETRY_SECONDS))
        self._born = clock.boot()
        self._bringing_up = None
        self.current = producer
        self._ready.set()

    async def _attempt(self) -> Producer | None:
        producer = Producer(self._connection, client_id=self._name, linger_ms=self._linger_ms)
        try:
            async with asyncio.timeout(ATTEMPT_SECONDS):
                await producer.start()
        except (KafkaError, OSError, TimeoutError) as error:
            log.warning("producer_not_started", producer=self._name, error=repr(error))
            await producer.discard()
            return None
        except BaseException:
            await producer.discard()
            raise
        return producer
