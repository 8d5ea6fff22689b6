"""`python -m tests.integration.process.flood KIND PORT SECONDS KEY`: 64 connections that mean no good.

KIND: `gzip` (1 MB that would become 1 GB, wrong key), `callbacks` (the same to the gateway, wrong token), `bombs` (the
same with the right key), `trickle` (a byte a second), `keys` (wrong keys, as many as are answered). Prints how many
requests were answered, by status.
"""

import asyncio
import contextlib
import gzip
import sys
from collections import Counter
from collections.abc import Awaitable, Callable

CONNECTIONS = 64
API, CALLBACKS = "/api/campaigns/send", "/api/webhooks/delivery-reports?token=wrong"

Answered = Counter[str]


async def _post(port: int, path: str, key: str, body: bytes, answered: Answered, *, encoding: str = "gzip") -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        writer.write(
            f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer {key}\r\nContent-Encoding: {encoding}\r\n"
            f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n".encode()
        )
        writer.write(body)
        answered[(await reader.readline()).decode().split(" ")[1]] += 1
    finally:
        writer.close()


async def _trickle(port: int, answered: Answered) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        writer.write(f"POST {API} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 1000000\r\n\r\n".encode())
        line = asyncio.ensure_future(reader.readline())
        while not line.done():
            writer.write(b" ")
            await asyncio.wait([line], timeout=1)
        answered[line.result().decode().split(" ")[1]] += 1
        await reader.read()
    finally:
        writer.close()


async def _again(one: Callable[[], Awaitable[None]], answered: Answered) -> None:
    while True:
        try:
            await one()
        except (OSError, IndexError, asyncio.IncompleteReadError):
            answered["ended"] += 1
            await asyncio.sleep(0.01)


async def main(kind: str, port: int, seconds: float, key: str) -> None:
    """Do it for so many seconds."""
    answered: Answered = Counter()
    bomb = b"" if kind in ("trickle", "keys") else gzip.compress(bytes(1024**3), 1)[: 1024**2]
    kinds: dict[str, Callable[[], Awaitable[None]]] = {
        "gzip": lambda: _post(port, API, "wrong", bomb, answered),
        "callbacks": lambda: _post(port, CALLBACKS, "wrong", bomb, answered),
        "bombs": lambda: _post(port, API, key, bomb, answered),
        "trickle": lambda: _trickle(port, answered),
        "keys": lambda: _post(port, API, "wrong", b"{}", answered, encoding="identity"),
    }
    print("ready", flush=True)
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await asyncio.gather(*(_again(kinds[kind], answered) for _ in range(CONNECTIONS)))
    print(dict(answered), flush=True)


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], int(sys.argv[2]), float(sys.argv[3]), sys.argv[4]))
