"""A body's bytes out of their Content-Encoding: once it is known who sends them, in slices, and no bomb.

The servers of this project leave bodies as they come (infra/process/health.py). aiohttp's own way inflates at once, also
what nobody reads: 1 MB with a wrong key held the loop for seconds.
"""

import asyncio
import zlib
from collections.abc import AsyncIterator, Mapping
from typing import Protocol
from weakref import WeakKeyDictionary

from aiohttp import StreamReader, hdrs, web

ACCEPTED = "gzip, deflate"
PLAIN = frozenset({"", "identity"})
GZIP = frozenset({"gzip", "x-gzip"})
SLICE_BYTES = 64 * 1024
"""What is inflated before others have their turn: a fifth of a millisecond."""
WINDOW_BYTES = 16 * 1024  # of what came, at a time: what is left of it is copied for every member of a gzip stream
MOST_MEMBERS = 1_000
"""Of a gzip stream. Some programs write one for every block; nobody needs so many for one request."""
MOST_RATIO = 100
"""Bytes that come of one, once FREE_BYTES have come. A list of numbers makes 5 to 20; deflate can make 1,032."""
FREE_BYTES = 1024 * 1024


class BrokenBody(web.RequestPayloadError):
    """The bytes are not in the encoding that the header names, or end too early."""


class UnknownEncoding(Exception):  # noqa: N818  named by what it says
    """The header names an encoding that is not read here; ACCEPTED are."""


class Bomb(Exception):  # noqa: N818
    """What came of the body is out of all proportion."""


class _Inflater(Protocol):
    """What zlib gives for a stream."""

    @property
    def eof(self) -> bool: ...
    @property
    def unused_data(self) -> bytes: ...
    @property
    def unconsumed_tail(self) -> bytes: ...
    def decompress(self, data: bytes, max_length: int = ..., /) -> bytes: ...


def encoding_of(headers: Mapping[str, str]) -> str:
    """The encoding that the headers name, in small letters; empty: none."""
    return headers.get(hdrs.CONTENT_ENCODING, "").strip().lower()


async def decoded(content: StreamReader, encoding: str) -> AsyncIterator[bytes]:
    """The body in blocks. Raises BrokenBody, UnknownEncoding, Bomb, and what reading raises."""
    if encoding in PLAIN:
        async for block in content.iter_any():
            yield block
        return
    stream = _Stream(encoding)
    async for block in content.iter_any():
        for start in range(0, len(block), WINDOW_BYTES):
            async for piece in stream.pieces(block[start : start + WINDOW_BYTES]):
                yield piece
    stream.end()


def _deflate_bits(first: int) -> int:
    """`deflate` should begin with zlib's head, whose low four bits say DEFLATE; some clients leave it out."""
    return zlib.MAX_WBITS if first & 0x0F == zlib.DEFLATED else -zlib.MAX_WBITS


_gates: "WeakKeyDictionary[asyncio.AbstractEventLoop, asyncio.Lock]" = WeakKeyDictionary()


def _gate() -> asyncio.Lock:
    """Lets one body of a loop be inflated at a time: 64 slices in one turn of it would be as bad as one of 4 MB."""
    return _gates.setdefault(asyncio.get_running_loop(), asyncio.Lock())


class _Stream:
    """One compressed body: what came of it so far, and what is judged by that."""

    def __init__(self, encoding: str) -> None:
        if encoding not in GZIP and encoding != "deflate":
            raise UnknownEncoding(encoding)
        self._gzip = encoding in GZIP
        self._inflater: _Inflater | None = None
        self._members = self._taken = self._given = self._since_turn = 0

    async def pieces(self, data: bytes) -> AsyncIterator[bytes]:
        """What comes of the next bytes, up to SLICE_BYTES at a time."""
        self._taken += len(data)
        while data:
            inflater = self._member(data[0])
            async with _gate():
                try:
                    piece = inflater.decompress(data, SLICE_BYTES)
                except zlib.error as error:
                    raise BrokenBody(str(error)) from None
                await self._turn(len(piece) + WINDOW_BYTES // 16)
            data = inflater.unused_data if inflater.eof else inflater.unconsumed_tail
            self._given += len(piece)
            if self._given > FREE_BYTES and self._given > self._taken * MOST_RATIO:
                raise Bomb(f"{self._taken} bytes became {self._given}")
            if piece:
                yield piece

    def end(self) -> None:
        """The body has come: it must have ended as well."""
        if self._inflater is not None and not self._inflater.eof:
            raise BrokenBody("it ends too early")

    def _member(self, first: int) -> _Inflater:
        """The inflater for what comes now; behind the end of one member of a gzip stream another begins."""
        if self._inflater is None or self._inflater.eof:
            self._members += 1
            if self._members > (MOST_MEMBERS if self._gzip else 1):
                raise BrokenBody("something follows its end")
            self._inflater = zlib.decompressobj(wbits=16 + zlib.MAX_WBITS if self._gzip else _deflate_bits(first))
        return self._inflater

    async def _turn(self, work: int) -> None:
        self._since_turn += work
        if self._since_turn >= SLICE_BYTES:
            self._since_turn = 0
            await asyncio.sleep(0)
