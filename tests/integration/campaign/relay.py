"""A TCP relay in front of a server, so that a test can take the server away and bring it back."""

import asyncio
from urllib.parse import urlsplit

BLOCK_BYTES = 65_536


class Relay:
    """Passes connections on to `host:port` of a DSN; `dsn` is the same database through the relay."""

    def __init__(self, dsn: str) -> None:
        self._parts = urlsplit(dsn)
        self._server: asyncio.Server | None = None
        self._writers: set[asyncio.StreamWriter] = set()
        self._port = 0
        self._moving = asyncio.Event()
        self._moving.set()
        self.last_words: bytes | None = None
        """When these have been passed on, all connections break."""

    @property
    def dsn(self) -> str:
        """The address to connect to."""
        login = self._parts.netloc.rpartition("@")[0]
        return self._parts._replace(netloc=f"{login}@127.0.0.1:{self._port}").geturl()

    async def open(self) -> None:
        """Take connections, always on the same port."""
        self._server = await asyncio.start_server(self._connected, "127.0.0.1", self._port)
        self._port = self._server.sockets[0].getsockname()[1]

    async def close(self) -> None:
        """Break all connections and take no more."""
        if self._server is not None:
            self._server.close()
        self._break()

    def _break(self) -> None:
        for writer in self._writers:
            writer.transport.abort()
        self._writers.clear()

    def freeze(self) -> None:
        """Take connections and bytes as before, and let nothing through."""
        self._moving.clear()

    def thaw(self) -> None:
        """Let through what has come meanwhile, and all that comes."""
        self._moving.set()

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there_reader, there_writer = await asyncio.open_connection(self._parts.hostname, self._parts.port)
        self._writers |= {writer, there_writer}
        await asyncio.gather(self._pass(reader, there_writer), self._pass(there_reader, writer))

    async def _pass(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while block := await reader.read(BLOCK_BYTES):
                await self._moving.wait()
                writer.write(block)
                await writer.drain()
                if self.last_words is not None and self.last_words in block:
                    self._break()
        except OSError:
            pass
        finally:
            writer.close()
