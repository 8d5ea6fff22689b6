"""Is the simulator fast enough not to be the bottleneck? Batches accepted and callbacks made, on one core."""

import asyncio
import os
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import cast

import aiohttp
import msgspec
import uvloop
from aiohttp import web

from infra.process.ports import free_port
from infra.sinch.simulator.server import serve_simulator
from infra.sinch.simulator.settings import SimulatorSettings
from tests.bench.harness import Row, cores, publish, row

BATCH = 1000  # recipients
BATCHES = 1500
CALLBACKS = 20_000
CONNECTIONS = 8
LONGEST = 120.0  # seconds
HEADERS = {"Authorization": "Bearer simulator", "Content-Type": "application/json"}


class Receiver(asyncio.Protocol):
    """Answers 200 to every callback and counts them: as little work as can be."""

    count = 0
    all_came = asyncio.Event()

    def __init__(self) -> None:
        self._seen = b""
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport."""
        self._transport = cast("asyncio.Transport", transport)  # uvloop's is no subclass

    def data_received(self, data: bytes) -> None:
        """Count whole requests."""
        self._seen += data
        while (end := self._seen.find(b"\r\n\r\n")) >= 0:
            head = self._seen[:end].lower()
            length = int(head.split(b"content-length:")[1].split(b"\r\n")[0])
            if len(self._seen) < end + 4 + length:
                return
            self._seen = self._seen[end + 4 + length :]
            Receiver.count += 1
            if Receiver.count == CALLBACKS:
                Receiver.all_came.set()
            assert self._transport is not None
            self._transport.write(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")


def body(number: int, **fields: str) -> bytes:
    """A batch of 1,000 numbers of its own."""
    to = [f"+1555{number * BATCH + i:07d}" for i in range(BATCH)]
    return msgspec.json.encode(
        {"to": to, "from": "12065550100", "body": "Hi", "client_reference": f"c.{number}"} | fields
    )


async def post_all(session: aiohttp.ClientSession, url: str, bodies: Iterable[bytes]) -> None:
    """Post them over some connections at a time."""
    left = iter(bodies)

    async def worker() -> None:
        """The next one, until there is none."""
        for one in left:
            async with session.post(url, data=one, headers=HEADERS) as response:
                await response.read()
                assert response.status == web.HTTPCreated.status_code

    await asyncio.gather(*(worker() for _ in range(CONNECTIONS)))


@asynccontextmanager
async def child(kind: str, core: int) -> AsyncIterator[tuple[str, int]]:
    """A server of this kind in a process held to one core: its address and its process."""
    port = free_port()
    command = [sys.executable, "-m", "tests.bench.pinned", str(core), sys.executable, "-m", "tests.bench.simulator"]
    process = subprocess.Popen([*command, kind, str(port)])  # noqa: ASYNC220  once, at the start
    try:
        for _ in range(100):
            try:
                _, writer = await asyncio.open_connection("127.0.0.1", port)
                writer.close()
                break
            except OSError:
                await asyncio.sleep(0.1)
        yield f"http://127.0.0.1:{port}", process.pid
    finally:
        process.kill()
        process.wait()


def processor(pid: int) -> float:
    """Seconds of processor time that a process has used."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


async def accepts(kind: str, core: int) -> tuple[float, float]:
    """Batches a second, and milliseconds of processor time a batch."""
    bodies = [body(number) for number in range(BATCHES)]
    async with child(kind, core) as (url, pid), aiohttp.ClientSession() as session:
        used, start = processor(pid), time.perf_counter()
        await post_all(session, f"{url}/xms/v1/simulator/batches", bodies)
        return BATCHES / (time.perf_counter() - start), (processor(pid) - used) / BATCHES * 1e3


async def callbacks(core: int) -> tuple[float, float]:
    """Callbacks a second, and microseconds of processor time a callback; the batches' acceptance included."""
    server = await asyncio.get_running_loop().create_server(Receiver, "127.0.0.1", 0)
    hook = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/"
    bodies = [body(n, delivery_report="per_recipient_final", callback_url=hook) for n in range(CALLBACKS // BATCH)]
    async with child("simulator", core) as (url, pid), aiohttp.ClientSession() as session:
        rules = {"delays": {"final": {"min": 0, "max": 0}}}
        await (await session.put(f"{url}/simulator/rules", json=rules)).read()
        used, start = processor(pid), time.perf_counter()
        await post_all(session, f"{url}/xms/v1/simulator/batches", bodies)
        await asyncio.wait_for(Receiver.all_came.wait(), LONGEST)
        return CALLBACKS / (time.perf_counter() - start), (processor(pid) - used) / CALLBACKS * 1e6


async def measure() -> list[Row]:
    """All figures; the server on the last core, the load on the others."""
    *others, core = cores()
    os.sched_setaffinity(0, others or [core])
    bare, _ = await accepts("bare", core)
    rate, cost = await accepts("simulator", core)
    made, each = await callbacks(core)
    floor = ("aiohttp that only reads the same bodies", bare)
    where = f"simulator on core {core}, load and receiver on {others or [core]}"
    return [
        row(
            "batches of 1,000 accepted",
            rate,
            "/s",
            floor,
            target="300/s",
            notes=f"{where}; {cost:.2f} ms of processor each",
        ),
        row("callbacks answered", made, "/s", target="3,000/s", notes=f"{where}; {each:.0f} µs of processor each"),
    ]


def main() -> None:
    """Measure and publish; the cores are given back for the next benchmark."""
    mine = cores()
    rows = uvloop.run(measure())
    os.sched_setaffinity(0, mine)
    publish("simulator", rows)


async def serve(kind: str, port: int) -> None:
    """The child: the simulator, or a server that only reads."""
    if kind == "simulator":
        async with serve_simulator(SimulatorSettings(), port=port):
            await asyncio.Event().wait()

    async def read(request: web.Request) -> web.Response:
        """Read and answer."""
        return web.Response(status=201, body=(await request.read())[:1])

    app = web.Application(client_max_size=SimulatorSettings().largest_request)
    app.router.add_post("/{path:.*}", read)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", port).start()
    await asyncio.Event().wait()


if __name__ == "__main__":
    uvloop.run(serve(sys.argv[1], int(sys.argv[2])))
