"""A simulated Sinch for anybody's tests: `pytest_plugins = ["infra.sinch.simulator.fixture"]`.

It runs in a thread of its own, so that blocking clients can be tested too; every test finds it as new.
"""

import asyncio
import http.client
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import msgspec
import pytest

from infra.sinch.simulator.server import serve_simulator
from infra.sinch.simulator.settings import SimulatorSettings

_START = 10.0  # seconds
_ANSWER = 120.0  # seconds; a clock that is moved on waits for the callbacks that are due


@dataclass(frozen=True, slots=True)
class SimulatedSinch:
    """A running simulator and its own calls. They block: from a coroutine use `asyncio.to_thread`."""

    host: str
    port: int
    settings: SimulatorSettings

    @property
    def url(self) -> str:
        """Its address, without a trailing slash: what `SINCH_BASE_URL` is set to."""
        return f"http://{self.host}:{self.port}"

    def rules(self, **rules: Any) -> None:
        """Put rules in force (docs/simulator.md). Raises ValueError with the simulator's words for a wrong one."""
        self._ask("PUT", "/simulator/rules", rules)

    def reset(self) -> None:
        """Forget everything."""
        self._ask("POST", "/simulator/reset")

    def advance(self, seconds: float) -> str:
        """Let simulated time pass, with everything due in it; the time it is then."""
        return str(self._ask("POST", "/simulator/clock", {"advance": seconds})["now"])

    def inbound(self, from_: str, body: str, **more: Any) -> dict[str, Any]:
        """A phone sends a message; what Sinch makes of it."""
        message: dict[str, Any] = self._ask("POST", "/simulator/inbound", {"from": from_, "body": body, **more})
        return message

    def sends(self, client_reference_prefix: str = "") -> list[dict[str, Any]]:
        """The batches accepted, each number once in its entry."""
        found = self._ask("GET", f"/simulator/sends?client_reference_prefix={client_reference_prefix}")
        sends: list[dict[str, Any]] = found["sends"]
        return sends

    def callbacks(self) -> list[dict[str, Any]]:
        """The last 10,000 tries of callbacks, newest first, each with its answer."""
        tries: list[dict[str, Any]] = self._ask("GET", "/simulator/callbacks?limit=10000")["callbacks"]
        return tries

    def _ask(self, method: str, path: str, value: Any = None) -> Any:
        connection = http.client.HTTPConnection(self.host, self.port, timeout=_ANSWER)
        try:
            body = None if value is None else msgspec.json.encode(value)
            connection.request(method, path, body, {"Content-Type": "application/json"})
            response = connection.getresponse()
            raw = response.read()
        finally:
            connection.close()
        if response.status >= http.client.BAD_REQUEST:
            raise ValueError(f"{response.status} {raw.decode()}")
        return msgspec.json.decode(raw) if raw else None


class _Thread(threading.Thread):
    """Serves until told to stop."""

    def __init__(self, settings: SimulatorSettings) -> None:
        super().__init__(name="sinch-simulator", daemon=True)
        self._settings = settings
        self._up = threading.Event()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._ended: asyncio.Event | None = None
        self.url = ""

    def run(self) -> None:
        """The thread's own event loop."""
        asyncio.run(self._serve())

    async def _serve(self) -> None:
        self._loop, self._ended = asyncio.get_running_loop(), asyncio.Event()
        async with serve_simulator(self._settings) as simulator:
            self.url = simulator.url
            self._up.set()
            await self._ended.wait()

    def wait_up(self) -> None:
        """Wait until it answers."""
        if not self._up.wait(_START):
            raise TimeoutError("the simulator did not start")

    def end(self) -> None:
        """Stop and wait."""
        if self._loop is not None and self._ended is not None:
            self._loop.call_soon_threadsafe(self._ended.set)
        self.join(_START)


@pytest.fixture(scope="session")
def sinch_simulator_settings() -> SimulatorSettings:
    """The simulated account; override it in your own conftest."""
    return SimulatorSettings()


@pytest.fixture(scope="session")
def sinch_simulator_server(sinch_simulator_settings: SimulatorSettings) -> Iterator[SimulatedSinch]:
    """One simulator for the whole run, on a free port of 127.0.0.1."""
    thread = _Thread(sinch_simulator_settings)
    thread.start()
    thread.wait_up()
    host, _, port = thread.url.removeprefix("http://").partition(":")
    yield SimulatedSinch(host, int(port), sinch_simulator_settings)
    thread.end()


@pytest.fixture
def sinch_simulator(sinch_simulator_server: SimulatedSinch) -> SimulatedSinch:
    """The simulator, as new."""
    sinch_simulator_server.reset()
    return sinch_simulator_server
