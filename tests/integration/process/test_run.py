"""`heliograph run`: everything comes up, stays up, and nothing of it stays behind."""

import asyncio
import json
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import aiohttp
import asyncpg
import pytest

from infra.process.gone import is_gone, wait_gone
from infra.process.home import Home, RunInfo
from infra.process.ports import free_port
from infra.process.settings_errors import SECRETS
from tests.waiting import until

READY_SECONDS = 90.0
COMMAND = (sys.executable, "-m", "services.cli")
ROOT = Path(__file__).parents[3]


@dataclass
class Run:
    """One `heliograph run` of a test."""

    home: Home
    port: int
    process: asyncio.subprocess.Process
    environment: dict[str, str]

    @property
    def info(self) -> RunInfo | None:
        """What run.json says."""
        return self.home.read_run()

    def ready(self) -> RunInfo:
        """What run.json says of a system that is up."""
        info = self.info
        assert info is not None
        return info

    async def wait_ready(self) -> None:
        """Wait until everything is up."""
        await until(
            lambda: (self.info is not None and self.info.ready) or self.process.returncode is not None,
            "everything is ready", READY_SECONDS,
        )  # fmt: skip
        assert self.process.returncode is None, (await self.output())[-2000:]

    async def output(self) -> str:
        """What was printed; after the end only."""
        assert self.process.stdout is not None
        return (await self.process.stdout.read()).decode()


async def _start(path: Path) -> Run:
    port = free_port()
    environment = {**os.environ, "HELIOGRAPH_HOME": str(path), "PORT": str(port), "SIMULATOR_PORT": str(free_port())}
    process = await asyncio.create_subprocess_exec(
        *COMMAND, "run", "--no-demo", env=environment, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    )
    return Run(Home(path), port, process, environment)


@pytest.fixture(scope="module")
async def running(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Run]:
    """A system that is up, shared by the tests of this module that leave it up."""
    run = await _start(tmp_path_factory.mktemp("run") / "home")
    await run.wait_ready()
    yield run
    run.process.send_signal(signal.SIGINT)
    await asyncio.wait_for(run.process.wait(), 20)


async def test_run_file_names_everything(running: Run) -> None:
    """run.json has the addresses and a living process for each part."""
    info = running.ready()
    assert info.api == f"http://127.0.0.1:{running.port}"
    assert set(info.processes) == {"http", "dispatcher", "projector", "simulator", "kafka", "postgres"}
    assert [name for name, pid in info.processes.items() if is_gone(pid)] == []


async def test_run_file_is_private(running: Run) -> None:
    """run.json, which holds the database's password, is for its owner only, like the home."""
    modes = [oct(path.stat().st_mode & 0o777) for path in (running.home.path, running.home.path / "run.json")]
    assert modes == ["0o700", "0o600"]


@pytest.mark.parametrize("path", ["/", "/healthz", "/readyz", "/metrics", "/docs"])
async def test_public_pages_answer(running: Run, path: str) -> None:
    """The banner, health, metrics and documentation answer on the one port."""
    async with aiohttp.ClientSession(running.ready().api) as session, session.get(path) as response:
        assert response.status == 200


async def test_second_run_in_the_same_home_is_refused(running: Run) -> None:
    """A second `run` says which process owns the home, and touches nothing."""
    second = await asyncio.create_subprocess_exec(
        *COMMAND, "run", env=running.environment, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    )
    output, _ = await asyncio.wait_for(second.communicate(), 30)
    assert second.returncode == 1
    assert f"already runs in {running.home.path} (process {running.process.pid})" in output.decode()
    assert running.info is not None


async def _command(run: Run, *arguments: str) -> str:
    process = await asyncio.create_subprocess_exec(
        *COMMAND, *arguments, env=run.environment, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    )
    output, _ = await asyncio.wait_for(process.communicate(), 30)
    assert process.returncode == 0, output.decode()
    return output.decode()


@pytest.mark.parametrize("command", ["topics", "migrate"])
async def test_commands_find_what_runs(running: Run, command: str) -> None:
    """`topics` and `migrate` reach the servers that `run` runs, and find them as they should be."""
    assert "as it should be" in (output := await _command(running, command)) or "up to date" in output


async def test_sent_message_shows_in_the_status(running: Run) -> None:
    """What `send` sends, `status` shows until it has its final status."""
    sent = await _command(running, "send", "--to", "+15550120001", "--message", "Hello")
    campaign = sent.split()[-1]

    async def is_completed() -> bool:
        return f"{campaign} completed: 1 requested, 1 delivered" in await _command(running, "status")

    await until(is_completed, "the campaign is completed", 60)


LISTS = (
    ("gap", "list"), ("dead-letters", "list"), ("parked", "list"), ("doubts", "list"), ("rebuild", "status"), ("audit", "all"),
    ("audit", "consent"), ("psql", "-Atc", "select count(*) from live.messages"),
)  # fmt: skip


@pytest.mark.parametrize("command", LISTS, ids=" ".join)
async def test_operators_commands_work_by_themselves(running: Run, command: tuple[str, ...]) -> None:
    """The commands find in run.json who an operator is at Kafka and PostgreSQL (FAULTS I5)."""
    await _command(running, *command)


async def test_who_looks_cannot_change(running: Run) -> None:
    """The DSN in run.json, and with it `heliograph psql`, reads every table and changes none (FAULTS I6)."""
    connection = await asyncpg.connect(running.ready().postgres)
    try:
        for table in (
            "live.messages",
            "live.campaigns",
            "dispatch.batches",
            "campaign.campaigns",
            "heliograph.services",
        ):
            await connection.fetch(f"select * from {table} limit 1")
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await connection.execute("delete from dispatch.batches")
    finally:
        await connection.close()


async def test_each_process_is_somebody_of_its_own(running: Run) -> None:
    """Kafka and PostgreSQL know the services by different names; a process holds no secret that it does not need."""
    told = {name: _environment(pid) for name, pid in running.ready().processes.items()}
    who = {
        name: (env["KAFKA_SASL_USERNAME"], urlsplit(env["DATABASE_URL"]).username)
        for name, env in told.items()
        if "DATABASE_URL" in env
    }
    assert who == {
        "http": ("http", "heliograph_campaign"),
        "dispatcher": ("dispatcher", "heliograph_dispatcher"),
        "projector": ("projector", "heliograph_projector"),
    }
    held = {name: {key for key in env if key in SECRETS} for name, env in told.items()}
    assert {name for name, secrets in held.items() if "PRIVACY_KEY" in secrets} == {"http", "dispatcher"}
    assert (held["kafka"], held["postgres"]) == (set(), set())


def _environment(pid: int) -> dict[str, str]:
    lines = Path(f"/proc/{pid}/environ").read_text().split("\0")
    return dict(line.split("=", 1) for line in lines if "=" in line)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root becomes somebody else")
async def test_another_user_of_the_machine_opens_nothing(running: Run) -> None:
    """Uid 65533 reads no file and no environment, enters neither Kafka nor PostgreSQL, sees no password (FAULTS I5)."""
    info = running.ready()
    argv = (sys.executable, "-m", "tests.integration.process.stranger", str(running.home.path))
    process = await asyncio.create_subprocess_exec(
        *argv, *map(str, info.processes.values()), cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    said, complained = await asyncio.wait_for(process.communicate(), 120)
    assert process.returncode == 0, complained.decode()[-2000:]
    told = json.loads(said)
    assert (told["opened"], told["shown"]) == ([], [])
    assert told["files"] > 50
    assert told["secrets"] > 8


FAILING = """
insert into heliograph.services (service, replica, started_at, seen_at, running, ends, failing_since, last_words)
values ('dispatcher', 'spare', now(), now(), false, 12, now() - interval '1 hour', 'LogRewritten: trimmed')
"""


async def test_one_place_says_what_stands_still(running: Run) -> None:
    """`status` heads with it, `resume` says it, /readyz stays at 200 and tells it without last words (FAULTS B10)."""
    connection = await asyncpg.connect(running.ready().postgres_owner)
    try:
        await connection.execute(FAILING)
        status, resume = await _command(running, "status"), await _command(running, "resume")

        async def told() -> bool:
            async with aiohttp.ClientSession(running.ready().api) as session, session.get("/readyz") as response:
                body = await response.json()
                assert (response.status, "LogRewritten" in str(body)) == (200, False)
                return body["status"] == "degraded" and "12 times" in body["standing_still"][0]["why"]

        await until(told, "/readyz tells it", 30)
    finally:
        await connection.execute("delete from heliograph.services where replica = 'spare'")
        await connection.close()
    assert status.startswith("dispatcher: ends_again_and_again since ")
    assert "last words: LogRewritten: trimmed" in status
    assert resume.startswith("Nothing is blocked. But this stands still:\ndispatcher: ends_again_and_again")


@pytest.mark.faults
@pytest.mark.parametrize("name", ["http", "dispatcher", "projector", "simulator", "kafka", "postgres"])
async def test_killed_part_comes_back(running: Run, name: str) -> None:
    """A part killed with -9 runs again, run.json says where, and the API is ready again."""
    await until(lambda: name in running.ready().processes, f"{name} runs")
    before = running.ready().processes[name]
    os.kill(before, signal.SIGKILL)

    def is_back() -> bool:
        after = running.ready().processes.get(name, before)
        return after != before and not is_gone(after)

    async def is_ready() -> bool:
        return await _status(f"{running.ready().api}/readyz") == 200

    await until(is_back, f"{name} runs again", 30)
    await until(is_ready, "the API is ready again", 30)


async def test_file_is_there_before_the_api_is_ready(tmp_path: Path) -> None:
    """Who finds /readyz at 200 finds run.json as well, with the API in it (FAULTS J2)."""
    run = await _start(tmp_path / "home")

    async def is_ready() -> bool:
        return await _status(f"http://127.0.0.1:{run.port}/readyz") == 200

    await until(is_ready, "the API is ready", READY_SECONDS)
    info = run.ready()
    assert info.api == f"http://127.0.0.1:{run.port}"
    run.process.send_signal(signal.SIGINT)
    assert await asyncio.wait_for(run.process.wait(), 20) == 0


async def _status(address: str) -> int:
    """The status of an answer, 0 for none."""
    async with aiohttp.ClientSession() as session:
        try:
            async with session.get(address) as response:
                return response.status
        except aiohttp.ClientError:
            return 0


@pytest.mark.faults
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
async def test_nothing_stays_behind(tmp_path: Path, number: signal.Signals) -> None:
    """Ctrl-C and SIGTERM end everything in order within ten seconds, kill -9 as well; no secret was printed (FAULTS I6)."""
    run = await _start(tmp_path / "home")
    await run.wait_ready()
    pids = run.ready().processes.values()
    run.process.send_signal(number)
    code = await asyncio.wait_for(run.process.wait(), 10)
    gone = await asyncio.gather(*(wait_gone(pid, 5 if number is signal.SIGKILL else 0.5) for pid in pids))
    assert all(gone)
    printed, secrets = await run.output(), _secrets(run.home.path)
    assert [secret for secret in secrets if secret in printed] == []
    assert number is signal.SIGKILL or "postgresql://heliograph_reader:•••@127.0.0.1:" in printed
    assert (code, run.info is None) == ((-9, False) if number is signal.SIGKILL else (0, True))


def _secrets(home: Path) -> list[str]:
    """Every password that the run has made."""
    lists = [line.split(":", 1)[1] for path in home.glob("*_passwords") for line in path.read_text().splitlines()]
    single = [(home / name).read_text() for name in ("privacy_key", "postgres/password")]
    assert len(lists) > 8
    return [*lists, *single]
