"""The whole system as an operator starts it: `heliograph run` in a home of its own."""

import json
import os
import signal
import socket
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp

from infra.process.children import Child, start_child
from tests.waiting import until

FAST = {
    "SINCH_MPS": "100000",
    "DISPATCH_DEADLINE": "2",
    "SINCH_HTTP_TIMEOUT": "2",
    "IN_DOUBT_SETTLE": "2",
    "IN_DOUBT_LOOKS": "2",
}
"""Seconds. The simulator lists a batch at once, so doubts may be settled sooner than Sinch would allow."""


@dataclass(frozen=True)
class System:
    """A running system: where it is, and a client."""

    home: Path
    child: Child
    http: aiohttp.ClientSession

    def info(self) -> dict[str, Any]:
        """run.json as it is now; empty while it is not there."""
        path = self.home / "run.json"
        found: dict[str, Any] = json.loads(path.read_text()) if path.exists() else {}
        return found

    def kill(self, name: str) -> int:
        """`kill -9` of one process; gives the pid that is gone."""
        pid: int = self.info()["processes"][name]
        os.kill(pid, signal.SIGKILL)
        return pid

    async def get(self, where: str, path: str) -> Any:
        """GET a JSON answer; `where` is `api` or `simulator`."""
        async with self.http.get(self.info()[where] + path) as answer:
            answer.raise_for_status()
            return await answer.json(content_type=None)

    async def post(self, path: str, **arguments: Any) -> tuple[int, Any]:
        """POST to the API: status and JSON."""
        async with self.http.post(self.info()["api"] + path, **arguments) as answer:
            return answer.status, await answer.json()

    async def campaign(self, campaign_id: str) -> dict[str, Any]:
        """The campaign as its client sees it; empty while the API is away."""
        try:
            found: dict[str, Any] = await self.get("api", f"/api/campaigns/{campaign_id}")
        except aiohttp.ClientError:
            return {}
        return found


def free_port() -> int:
    """A port that is free now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@asynccontextmanager
async def running(home: Path, **settings: str) -> AsyncIterator[System]:
    """`heliograph run --no-demo` until the context ends; ready when it comes back."""
    environment = os.environ | FAST | {"HELIOGRAPH_HOME": str(home), "PORT": str(free_port())} | settings
    environment["SIMULATOR_PORT"] = str(free_port())
    child = await start_child(
        [sys.executable, "-m", "services.cli", "run", "--no-demo"], name="run", env=environment,
        output=home.parent / f"{home.name}.log",
    )  # fmt: skip
    async with aiohttp.ClientSession() as http:
        system = System(home, child, http)
        try:
            await until(lambda: _is_up(system), "heliograph run is up", within=90.0)
            yield system
        finally:
            await child.stop(within=15.0)


async def _is_up(system: System) -> bool:
    assert system.child.running, "heliograph run has ended"
    return bool(system.info().get("ready"))
