"""Bodies out of their Content-Encoding."""

import asyncio
import gzip
import random
import zlib
from unittest.mock import Mock

import pytest
from aiohttp import StreamReader

from infra.http import content_encoding
from infra.http.content_encoding import Bomb, BrokenBody, UnknownEncoding, decoded

TEXT = bytes(random.Random(1).choices(b'+0123456789", \n', k=300_000))


def bare(text: bytes) -> bytes:
    """DEFLATE without zlib's head, as some clients send it."""
    compressor = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    return compressor.compress(text) + compressor.flush()


async def read(raw: bytes, encoding: str, block: int = 50_000) -> bytes:
    """What comes of `raw`, which arrives in blocks."""
    loop = asyncio.get_running_loop()
    content = StreamReader(Mock(_reading_paused=False), 2**30, loop=loop)
    for start in range(0, len(raw), block):
        content.feed_data(raw[start : start + block])
    content.feed_eof()
    return b"".join([piece async for piece in decoded(content, encoding)])


@pytest.mark.parametrize("block", [1_000, 50_000, 10**6])
@pytest.mark.parametrize(
    ("raw", "encoding"),
    [
        (TEXT, ""),
        (TEXT, "identity"),
        (gzip.compress(TEXT), "gzip"),
        (gzip.compress(TEXT), "x-gzip"),
        (gzip.compress(TEXT[:1000]) + gzip.compress(b"") + gzip.compress(TEXT[1000:]), "gzip"),
        (zlib.compress(TEXT), "deflate"),
        (bare(TEXT), "deflate"),
    ],
)
async def test_comes_back_whole(raw: bytes, encoding: str, block: int) -> None:
    """Plain, gzip of one member and of several, deflate with and without zlib's head, in blocks of any size."""
    assert await read(raw, encoding, block) == TEXT


@pytest.mark.parametrize(
    ("raw", "encoding"),
    [
        (b"{}", "gzip"),
        (b"{}", "deflate"),
        (gzip.compress(TEXT)[:-1], "gzip"),
        (gzip.compress(TEXT) + b"more", "gzip"),
        (zlib.compress(TEXT)[:-5], "deflate"),
        (zlib.compress(TEXT) + zlib.compress(TEXT), "deflate"),
        (gzip.compress(b"") * 2_000, "gzip"),
    ],
)
async def test_broken(raw: bytes, encoding: str) -> None:
    """What is not in its encoding, ends too early, goes on behind its end, or has members without end."""
    with pytest.raises(BrokenBody):
        await read(raw, encoding)


@pytest.mark.parametrize("encoding", ["br", "zstd", "gzip, gzip", "compress"])
async def test_unknown(encoding: str) -> None:
    """Encodings that are not read are named as such, before anything is read."""
    with pytest.raises(UnknownEncoding, match=encoding):
        await read(b"anything", encoding)


async def test_bomb_is_given_up_early() -> None:
    """64 KB of zeros' gzip is not inflated to 64 MB: little more than FREE_BYTES come of it."""
    content = StreamReader(Mock(_reading_paused=False), 2**30, loop=asyncio.get_running_loop())
    content.feed_data(gzip.compress(bytes(64 * 1024 * 1024)))
    content.feed_eof()
    got = 0

    async def count() -> None:
        nonlocal got
        async for piece in decoded(content, "gzip"):
            got += len(piece)

    with pytest.raises(Bomb):
        await count()
    assert got < 3 * content_encoding.FREE_BYTES


async def test_others_have_their_turn() -> None:
    """Between two slices the loop goes on: another task runs at least once for two SLICE_BYTES."""
    turns = 0

    async def other() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    task = asyncio.ensure_future(other())
    text = TEXT * 10
    assert await read(gzip.compress(text), "gzip", 10**7) == text
    task.cancel()
    assert turns >= len(text) // (2 * content_encoding.SLICE_BYTES)


async def test_bodies_are_inflated_one_at_a_time() -> None:
    """Of many at once no more comes in a turn of the loop than of one: two slices."""
    given = most = 0

    async def take(raw: bytes) -> None:
        nonlocal given
        content = StreamReader(Mock(_reading_paused=False), 2**30, loop=asyncio.get_running_loop())
        content.feed_data(raw)
        content.feed_eof()
        async for piece in decoded(content, "gzip"):
            given += len(piece)

    raw = gzip.compress(TEXT * 3)
    tasks = [asyncio.ensure_future(take(raw)) for _ in range(16)]
    while not all(task.done() for task in tasks):
        before = given
        await asyncio.sleep(0)
        most = max(most, given - before)
    assert given == 16 * len(TEXT) * 3
    assert most <= 3 * content_encoding.SLICE_BYTES
