"""Reading a request's body up to a limit: what is longer is cut, never refused, because Sinch never retries a 4xx."""

import asyncio
from collections.abc import AsyncIterator

from aiohttp import StreamReader

from infra.http.content_encoding import UnknownEncoding, decoded
from infra.process.byte_budget import REQUEST_BYTES, Share

MOST_BYTES = 1024 * 1024
"""A full report of 1,000 recipients has about 20 KB. What JSON becomes in memory is up to 60 times its bytes."""
READ_SECONDS = 10.0
"""For the whole body: a client that takes longer is not Sinch, and holds memory and a connection."""


async def read_body(
    content: StreamReader, share: Share, most: int = MOST_BYTES, encoding: str = ""
) -> tuple[bytes, bool]:
    """The body, and whether it was cut at `most` bytes. Raises TooMuchHeld, and TimeoutError for a client too slow.

    A body in an encoding that nobody here reads is kept as it came, and becomes a dead letter.

    After an error `share` holds nothing.
    """
    try:
        share.grow(REQUEST_BYTES)
        async with asyncio.timeout(READ_SECONDS):
            try:
                return await _read(decoded(content, encoding), share, most)
            except UnknownEncoding:  # before anything was read
                return await _read(decoded(content, ""), share, most)
    except BaseException:
        share.give_back()
        raise


async def _read(body: AsyncIterator[bytes], share: Share, most: int) -> tuple[bytes, bool]:
    size = 0
    blocks: list[bytes] = []
    async for block in body:
        share.grow(len(block))
        blocks.append(block)
        size += len(block)
        if size > most:
            return b"".join(blocks)[:most], True
    return blocks[0] if len(blocks) == 1 else b"".join(blocks), False
