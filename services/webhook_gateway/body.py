"""Reading a request's body up to a limit: what is longer is cut, never refused, because Sinch never retries a 4xx."""

from aiohttp import web

MOST_BYTES = 4 * 1024 * 1024
"""A full report of 1,000 recipients has about 20 KB."""


async def read_body(request: web.BaseRequest, most: int = MOST_BYTES) -> tuple[bytes, bool]:
    """The body, and whether it was cut at `most` bytes."""
    content, size = request.content, 0
    blocks: list[bytes] = []
    while size <= most:
        block = await content.readany()
        if not block:
            return blocks[0] if len(blocks) == 1 else b"".join(blocks), False
        blocks.append(block)
        size += len(block)
    return b"".join(blocks)[:most], True
