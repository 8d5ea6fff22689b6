"""Every key in memory, never older than a second: a revoked one is refused by every replica within that time.

One small statement is asked twice a second on a connection of its own, whatever the number of requests; a lost
notification cannot matter, because there is none. A request that finds the last look older than a second waits for the
next one. While PostgreSQL is away nothing can be revoked, so the keys that were known go on: opt-outs must be taken
then, and need the log only. After LAST_KNOWN_SECONDS a replica that cannot look may be the only one that cannot, and
answers 503 to them. Keys of API_KEYS need no database.
"""

import asyncio
from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import datetime

import asyncpg
import structlog

from infra.postgres.pool import connect, is_read_only
from infra.postgres.trouble import FAILURES, in_words
from infra.process.access import ApiKey, find_key, key_hash
from infra.process.world import World
from services.campaign.access.callers import Caller, of_settings
from services.campaign.access.key_store import KeyStore
from services.campaign.problems import TryLater

log = structlog.get_logger(__name__)

LOOK_SECONDS = 0.4
OLDEST_SECONDS = 1.0
PATIENCE_SECONDS = 2.0  # of a look, the making of its connection included
LAST_KNOWN_SECONDS = 300.0
NOTE_USE_SECONDS = 60.0
UNKNOWN = "This key cannot be checked: the database has been away for too long. Nothing was changed. Try again."


class KeyRing:
    """The keys of API_KEYS and of the database."""

    def __init__(self, dsn: str, settings_keys: Sequence[ApiKey], world: World) -> None:
        self._dsn = dsn
        self._settings_keys = settings_keys
        self._settings_callers = of_settings(settings_keys)
        self._world = world
        self._connection: asyncpg.Connection[asyncpg.Record] | None = None
        self._version = -1
        self._made: Mapping[bytes, Caller] = {}
        self._seen_at = float("-inf")
        self._away = False
        self._looked = asyncio.Event()
        self._used: dict[str, datetime] = {}
        self._noted_at = 0.0

    @property
    def is_empty(self) -> bool:
        """True when there is no key and never was one."""
        return not self._settings_keys and not self._made

    def find(self, presented: str) -> Caller | None:
        """The key that was presented, also one that was revoked or has expired. `fresh` comes first.

        A key of the database that is named in API_KEYS as well is what the database says: it can be revoked. Raises
        TryLater (503) where the database has been away for too long to say anything of this key.
        """
        made = self._made.get(key_hash(presented))
        if made is None and (found := find_key(self._settings_keys, presented)) is not None:
            return self._settings_callers[found.id]
        if self._age() > LAST_KNOWN_SECONDS:
            raise TryLater(UNKNOWN, code="keys_unknown")
        if made is not None:
            self._used[made.id] = self._world.clock.wall()
        return made

    async def fresh(self) -> None:
        """Return when the last look is not older than a second, or is the last there can be."""
        if self._age() <= OLDEST_SECONDS or self._away:
            return
        with suppress(TimeoutError):
            async with asyncio.timeout(PATIENCE_SECONDS + LOOK_SECONDS):
                while self._age() > OLDEST_SECONDS and not self._away:
                    await self._looked.wait()

    def _age(self) -> float:
        return self._world.clock.boot() - self._seen_at

    async def load(self) -> None:
        """Look for the first time. Raises what PostgreSQL says."""
        await self._look()

    async def run(self) -> None:
        """Look for ever."""
        while True:
            try:
                async with asyncio.timeout(PATIENCE_SECONDS):
                    await self._look()
            except FAILURES as error:
                if not self._away:
                    log.warning("keys_not_read", why=in_words(error), error=type(error).__name__)
                self._away = True
                self._drop()
            self._looked.set()
            self._looked.clear()
            await self._world.clock.sleep(LOOK_SECONDS)

    async def _look(self) -> None:
        at = self._world.clock.boot()  # before the question: what was changed until now is in the answer
        if self._connection is None or self._connection.is_closed():
            self._connection = await connect(self._dsn, "keys", command_timeout=PATIENCE_SECONDS)
            self._version = -1  # it may be another server, or a copy that was restored
        store = KeyStore(self._connection)
        version = await store.version()
        if version != self._version:
            self._made, self._version = await store.by_hash(), version
        self._seen_at, self._away = at, False
        if is_read_only(self._connection):  # its successor may be elsewhere
            self._drop()
        elif self._used and at - self._noted_at >= NOTE_USE_SECONDS:
            self._noted_at, used, self._used = at, self._used, {}
            await store.used(used)

    def _drop(self) -> None:
        if self._connection is not None:
            self._connection.terminate()
            self._connection = None

    def close(self) -> None:
        """End the connection."""
        self._drop()
