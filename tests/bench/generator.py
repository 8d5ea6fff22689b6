"""Load over HTTP: wrk where it is installed, else a generator of our own, which says so.

Requests are prepared before, one file of them: each is sent once, in order, because a gateway may treat a second
copy of a signed request differently. When the file is through it begins again.
"""

import asyncio
import re
import shutil
import sys
import time
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import cast

import msgspec

from tests.bench.processes import ROOT

SCRIPT = r"""
local prepared = {}
local file = assert(io.open(os.getenv("BENCH_REQUESTS"), "rb"))
while true do
  local length = file:read("*n")
  if not length then break end
  file:read(1)
  prepared[#prepared + 1] = file:read(length)
end
file:close()
local turn = 0
function request()
  turn = turn % #prepared + 1
  return prepared[turn]
end
local other = 0
function response(status) if status ~= 200 then other = other + 1; not_ok = other end end
local threads = {}
function setup(thread) table.insert(threads, thread) end
function done(summary, latency)
  local refused = 0
  for _, thread in ipairs(threads) do refused = refused + (thread:get("not_ok") or 0) end
  io.write(string.format("RESULT %d %d %d %d %d\n", summary.requests, summary.duration, latency:percentile(50),
    latency:percentile(99), refused + summary.errors.connect + summary.errors.read + summary.errors.write
    + summary.errors.timeout))
end
"""
"""wrk in Lua: a callback for each answer costs it a little, and without it a refusal would look like speed."""

_RESULT = re.compile(r"RESULT (\d+) (\d+) (\d+) (\d+) (\d+)")


class Load(msgspec.Struct, frozen=True):
    """What a load run saw; `failed` counts answers other than 200, and errors."""

    requests: int
    per_second: float
    p50_ms: float
    p99_ms: float
    failed: int
    tool: str

    def __str__(self) -> str:
        failed = f", {self.failed} not 200" if self.failed else ""
        return f"p50 {self.p50_ms:.1f} ms, p99 {self.p99_ms:.1f} ms{failed}, load by {self.tool}"


def write_requests(path: Path, requests: Iterable[bytes]) -> None:
    """Write whole HTTP requests as a file for `load`."""
    with path.open("wb") as file:
        for request in requests:
            file.write(b"%d " % len(request))
            file.write(request)


def post(target: str, body: bytes, headers: dict[str, str]) -> bytes:
    """One whole POST request."""
    lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    head = f"POST {target} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n{lines}"
    return f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body


async def load(
    port: int, requests: Path, *, on: Sequence[int], connections: int = 64, seconds: int = 8, threads: int = 1
) -> Load:
    """Put load on 127.0.0.1:`port` from the cores `on`."""
    if (wrk := shutil.which("wrk")) is not None:
        script = requests.with_suffix(".lua")
        await asyncio.to_thread(script.write_text, SCRIPT)
        address = f"http://127.0.0.1:{port}/"
        argv = [
            wrk,
            "-t",
            str(threads),
            "-c",
            str(connections),
            "-d",
            str(seconds),
            "--latency",
            "-s",
            str(script),
            address,
        ]
    else:
        argv = [sys.executable, "-m", "tests.bench.generator", str(port), str(requests), str(connections), str(seconds)]
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.bench.pinned", ",".join(map(str, on)), *argv, cwd=ROOT,
        env={"BENCH_REQUESTS": str(requests), "PATH": "/usr/bin:/bin"}, stdout=asyncio.subprocess.PIPE,
    )  # fmt: skip
    output, _ = await process.communicate()
    found = _RESULT.search(output.decode())
    if found is None:
        raise RuntimeError(f"the load generator said: {output.decode()[-400:]}")
    count, micros, p50, p99, failed = map(int, found.groups())
    tool = "wrk" if wrk else "a generator in Python, slower than wrk: it may be the limit"
    return Load(count, (count - failed) / (micros / 1e6), p50 / 1e3, p99 / 1e3, failed, tool)


class _Client(asyncio.Protocol):
    """One connection that sends the next request as soon as its answer is there."""

    def __init__(self, run: "_Run") -> None:
        self._run = run
        self._sent = 0.0
        self._buffer = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)  # uvloop's own is one by its methods, not by its class
        self._next()

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        head, found, body = self._buffer.partition(b"\r\n\r\n")
        length = re.search(rb"(?i)content-length: (\d+)", head)
        if found and length and len(body) >= int(length[1]):
            self._run.note(head.startswith(b"HTTP/1.1 200"), time.perf_counter() - self._sent)
            self._buffer = b""
            self._next()

    def _next(self) -> None:
        if (request := self._run.next()) is None:
            self._transport.close()
            return
        self._sent = time.perf_counter()
        self._transport.write(request)


class _Run:
    """What the connections share."""

    def __init__(self, requests: list[bytes], seconds: float) -> None:
        self._requests = requests
        self._turn = 0
        self.failed = 0
        self.latencies: list[float] = []
        self.began = time.perf_counter()
        self._until = self.began + seconds

    def next(self) -> bytes | None:
        """The next request, or None when the time is up."""
        if time.perf_counter() >= self._until:
            return None
        self._turn += 1
        return self._requests[(self._turn - 1) % len(self._requests)]

    def note(self, ok: bool, seconds: float) -> None:
        """One answer."""
        self.failed += not ok
        self.latencies.append(seconds)


def _read(path: Path) -> list[bytes]:
    content, at, found = path.read_bytes(), 0, []
    while at < len(content):
        space = content.index(b" ", at)
        end = space + 1 + int(content[at:space])
        found.append(content[space + 1 : end])
        at = end
    return found


async def _generate(port: int, path: Path, connections: int, seconds: int) -> None:
    run = _Run(_read(path), seconds)
    loop = asyncio.get_running_loop()
    await asyncio.gather(*(loop.create_connection(lambda: _Client(run), "127.0.0.1", port) for _ in range(connections)))
    await asyncio.sleep(seconds + 0.5)
    ordered = sorted(run.latencies) or [0.0]
    p50, p99 = (int(ordered[int(len(ordered) * share)] * 1e6) for share in (0.5, 0.99))
    sys.stdout.write(f"RESULT {len(run.latencies)} {seconds * 1_000_000} {p50} {p99} {run.failed}\n")


if __name__ == "__main__":
    import uvloop

    uvloop.run(_generate(int(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4])))
