"""The whole system as containers: docker-compose.yml, brought up from nothing under a project name of its own."""

import asyncio
import contextlib
import json
import os
import shutil
import subprocess
from asyncio.subprocess import PIPE, STDOUT
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp

from tests.e2e.running import FAST, free_port
from tests.waiting import until

REPOSITORY = Path(__file__).parents[2]
UP_SECONDS = 900.0  # the image is built and the others are fetched
ASK = "import sys, urllib.request; sys.stdout.buffer.write(urllib.request.urlopen(sys.argv[1], timeout=10).read())"


def why_not() -> str:
    """Why this cannot run here; empty when it can."""
    if os.environ.get("HELIOGRAPH_TEST_BACKEND") != "containers":
        return "runs with HELIOGRAPH_TEST_BACKEND=containers"
    if shutil.which("docker") is None:
        return "there is no `docker` here"
    engine = subprocess.run(["docker", "info"], capture_output=True, check=False)  # noqa: S607  whichever is installed
    return "" if engine.returncode == 0 else "no container engine answers"


@dataclass(frozen=True)
class Stack:
    """A running compose project: its command line, where it is published, and a client."""

    compose: Sequence[str]
    environment: dict[str, str]
    api: str
    gateway: str
    http: aiohttp.ClientSession

    async def run(self, *arguments: str, within: float = 120.0) -> str:
        """A compose command; gives what it said. Fails with all of it when it fails."""
        return await _run([*self.compose, *arguments], self.environment, within)

    async def docker(self, *arguments: str) -> str:
        """A docker command."""
        return (await _run(["docker", *arguments], self.environment, 60.0)).strip()

    async def logs(self, container: str) -> list[str]:
        """What a container said, line by line."""
        return (await _run(["docker", "logs", container], self.environment, 60.0, stderr=STDOUT)).splitlines()

    async def containers(self, service: str) -> list[str]:
        """The ids of a service's containers."""
        return (await self.run("ps", "-q", service)).split()

    async def kill(self, service: str) -> None:
        """`kill -9` of a service's first process, as a crash: the engine starts the container again.

        Not by `docker kill`, which counts as the operator's will, and not from inside, where process 1 is immune.
        """
        container = (await self.containers(service))[0]
        before = await self._life(container)
        pid = before.split()[0]
        image = self.environment["HELIOGRAPH_IMAGE"]
        await self.docker("run", "--rm", "--pid=host", "--user=0", "--entrypoint=sh", image, "-c", f"kill -9 {pid}")

        async def back() -> bool:
            now = await self._life(container)
            return now != before and now.split()[1] == "running"

        await until(back, f"{service} is back", within=180.0)

    async def _life(self, container: str) -> str:
        return await self.docker("inspect", "--format", "{{.State.Pid}} {{.State.Status}}", container)

    async def up(self, *arguments: str, within: float = UP_SECONDS) -> None:
        """`up -d`, until the two published services say that they are ready."""
        await self.run("up", "-d", *arguments, within=within)
        await until(self._ready, "both published services are ready", within=180.0)

    async def _ready(self) -> bool:
        statuses = []
        for address in (self.api, self.gateway):
            with contextlib.suppress(aiohttp.ClientError, TimeoutError):
                async with self.http.get(f"{address}/readyz") as answer:
                    statuses.append(answer.status)
        return statuses == [200, 200]

    async def simulator(self, path: str) -> Any:
        """The simulator's own account; it is not published, so it is asked from inside."""
        said = await self.run("exec", "-T", "simulator", "python", "-Ic", ASK, f"http://127.0.0.1:3010{path}")
        return json.loads(said)

    async def send(self, recipients: Sequence[str]) -> str:
        """Send a campaign through the published port; gives its id."""
        body = {"recipients": [f"+{number}" for number in recipients], "message": "Hello"}
        async with self.http.post(f"{self.api}/api/campaigns/send", json=body) as answer:
            accepted = await answer.json()
            assert answer.status == 202, accepted
        campaign_id: str = accepted["campaign_id"]
        return campaign_id

    async def campaign(self, campaign_id: str) -> dict[str, Any]:
        """The campaign as its client sees it; empty while the API is away."""
        try:
            async with self.http.get(f"{self.api}/api/campaigns/{campaign_id}") as answer:
                found: dict[str, Any] = await answer.json()
        except (aiohttp.ClientError, TimeoutError):
            return {}
        return found

    async def completed(self, campaign_id: str, within: float) -> dict[str, Any]:
        """The campaign once every message has its end and the tables know it."""

        async def ended() -> bool:
            found = await self.campaign(campaign_id)
            return found.get("status") == "completed" and bool(found.get("projected"))

        await until(ended, "the campaign is completed", within=within)
        return await self.campaign(campaign_id)


async def _run(command: Sequence[str], environment: dict[str, str], within: float, stderr: int = PIPE) -> str:
    process = await asyncio.create_subprocess_exec(
        *command, cwd=REPOSITORY, env=environment, stdout=PIPE, stderr=stderr
    )
    out, err = await asyncio.wait_for(process.communicate(), within)
    said = out.decode() + (err or b"").decode()
    assert process.returncode == 0, f"{' '.join(command)}: {process.returncode}\n{said}"
    return out.decode()


def _compose() -> list[str]:
    """`docker compose` where it is, else docker-compose."""
    plugin = subprocess.run(["docker", "compose", "version"], capture_output=True, check=False)  # noqa: S607  the same
    return ["docker", "compose"] if plugin.returncode == 0 else ["docker-compose"]


@asynccontextmanager
async def composed(directory: Path, **settings: str) -> AsyncIterator[Stack]:
    """Everything from nothing, with the simulator; gone again with its data in the end.

    The image is built unless HELIOGRAPH_IMAGE names one.
    """
    ports = {"CAMPAIGN_PORTS": str(free_port()), "WEBHOOK_PORTS": str(free_port())}
    secrets = {"SECRETS": str(directory / "secrets"), "COMPOSE_PROJECT_NAME": f"heliograph-{os.getpid()}"}
    environment = {"HELIOGRAPH_IMAGE": "heliograph:test"} | os.environ | FAST | ports | secrets | settings
    await _run(["infra/images/secrets.sh", environment["SECRETS"]], environment, 10.0)
    _, _, key = (directory / "secrets" / "api_keys").read_text().partition(":")
    compose = [*_compose(), "--env-file", "infra/images/simulator.env"]
    api, gateway = (f"http://127.0.0.1:{port}" for port in ports.values())
    async with aiohttp.ClientSession(headers={"Authorization": f"Bearer {key}"}) as http:
        stack = Stack(compose, environment, api, gateway, http)
        try:
            if "HELIOGRAPH_IMAGE" not in os.environ:
                await stack.run("build", within=UP_SECONDS)
            await stack.up()
            yield stack
        finally:
            await stack.run("down", "-v", "-t", "10")
