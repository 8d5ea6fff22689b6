"""`heliograph run`: the whole system on one machine, each service a process that is kept running.

Started in this order: PostgreSQL and Kafka, tables and topics, services; stopped in the reverse.
"""

import asyncio
import signal
import sys
from collections.abc import Callable, Mapping
from contextlib import AsyncExitStack
from dataclasses import replace
from enum import Enum
from io import TextIOWrapper

import structlog
import typer
from pydantic import SecretStr

from infra.kafka.access.rights import OPERATOR
from infra.kafka.connection import KafkaConnection
from infra.kafka.provision import Provisioned
from infra.postgres.pool import connect as connect_database
from infra.process.access import make_key
from infra.process.gone import wait_gone
from infra.process.home import Home, RunInfo
from infra.process.masking import mask_text
from infra.process.settings import Settings
from infra.process.supervisor import Supervisor
from infra.process.world import World
from services.campaign.access.key_store import KeyStore
from services.cli.api import Api, connect
from services.cli.builders import keep_builds
from services.cli.commands import errors_shown, prepared
from services.cli.demo import demo
from services.cli.earlier_tables import build_to_fill, filling, show_when_caught_up
from services.cli.fleet import Fleet, plan
from services.cli.follow import follow
from services.cli.parts import Parts
from services.cli.provision import PRODUCTION_REPLICATION, make_topics
from services.cli.screen import Screen
from services.cli.service import FAILED
from services.dispatcher.app import CALLBACK_PATH, callback_url

log = structlog.get_logger(__name__)

READY_SECONDS = 60.0
SERVICES_STOP_SECONDS = 3.5  # of the ten that `run` has in all: then Kafka (4), then PostgreSQL
LEFT_OVER_SECONDS = 5.0


class Demo(Enum):
    """What becomes of the demo campaign."""

    NONE = "none"
    SHOWN = "shown"
    ONLY = "only"  # once it has ended, everything ends


class DemoFailed(Exception):  # noqa: N818  named by what it says
    """With `--demo-only`: the demo has not ended as it should."""


def run_everything(what: Demo) -> None:
    """`heliograph run`. It alone needs the embedded servers' packages, which the container image leaves out."""
    settings = prepared()
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="replace")  # a terminal may not have our lines and bars
    with errors_shown():
        try:
            asyncio.run(run(settings, Screen(), what))
        except DemoFailed:
            raise typer.Exit(FAILED) from None


async def run(settings: Settings, screen: Screen, what: Demo) -> None:
    """Bring everything up and stay until SIGINT or SIGTERM. What cannot start is raised, and nothing stays behind."""
    home = Home(settings.heliograph_home.absolute())
    home.own()
    main = asyncio.current_task()
    assert main is not None
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, _stop_once(main, screen))
    try:
        async with AsyncExitStack() as stack:
            await Running(settings, screen, home, World(), stack).stay(what)
    except asyncio.CancelledError:
        screen.say("Stopped.")


def _stop_once(main: "asyncio.Task[None]", screen: Screen) -> Callable[[], None]:
    """Cancels the run at the first signal; the ones after it would only disturb the order of stopping."""

    def stop() -> None:
        if not main.cancelling():
            screen.say("Stopping …")
            main.cancel()

    return stop


class Running:
    """One run: what it started is on `stack`, to be stopped in the reverse order."""

    def __init__(self, settings: Settings, screen: Screen, home: Home, world: World, stack: AsyncExitStack) -> None:
        self._settings = settings
        self._screen = screen
        self._home = home
        self._world = world
        self._stack = stack
        self._parts = Parts(settings, home, world, self._write_run)
        self._supervisor: Supervisor | None = None
        self._fleet: Fleet | None = None
        self._looking: list[asyncio.Task[None]] = []
        self._stopping = self._ready = False

    async def stay(self, what: Demo) -> None:
        """Start everything, say where it is, show the demo, stay: from there on nothing ends it but a signal."""
        await self._wait_for_left_overs()
        shared = self._keys()
        fleet = plan(self._settings, self._home, shared)  # early: a taken port is known before anything starts
        await self._start_parts()
        shared |= await self._key_beside_made_ones(shared)
        fleet = plan(self._settings, self._home, shared, self._own())
        build = await self._parts.undisturbed(lambda: build_to_fill(self._parts.postgres))
        await self._start_services(replace(fleet, programs=filling(fleet.programs, build)), build)
        self._announce(fleet)
        ended = what is not Demo.NONE and await self._show_demo(fleet)
        if what is Demo.ONLY:
            if not ended:
                raise DemoFailed
            return
        self._screen.say("Running. Ctrl-C stops everything.")
        raise await self._world.tasks.wait_failed()

    async def _wait_for_left_overs(self) -> None:
        """What a killed run left is ending now; Kafka's and PostgreSQL's data take one owner at a time."""
        if (left := self._home.read_run()) is not None:
            await asyncio.gather(*(wait_gone(pid, LEFT_OVER_SECONDS) for pid in left.processes.values()))
            self._home.forget_run()

    def _keys(self) -> dict[str, str]:
        """Keys that are needed and not set are made once and kept in the home."""
        shared = {}
        if self._settings.privacy_key is None:
            shared["PRIVACY_KEY"] = self._home.kept_secret("privacy_key")[0]
        if not self._settings.api_keys and not self._settings.may_stand_open:
            why = "A Sinch account is set" if self._settings.has_real_account else "The API can be reached from outside"
            shared |= self._own_key(f"{why}, so the API needs a key")
        return shared | self._webhook_token()

    def _own_key(self, why: str) -> dict[str, str]:
        """A key of this run's own, for the demo and the command line too."""
        key, new = self._home.kept_secret("api_key", make_key)
        self._screen.say(f"{why}{f': {key}' if new else ''}")
        self._screen.say(f"  (kept in {self._home.path / 'api_key'}; shown this once)")
        return {"API_KEYS": key}

    async def _key_beside_made_ones(self, shared: Mapping[str, str]) -> dict[str, str]:
        """Where `heliograph keys` has made keys the API does not stand open, and we need one like everybody."""
        needless = self._settings.api_keys or "API_KEYS" in shared
        if needless or not await self._parts.undisturbed(self._keys_were_made):
            return {}
        return self._own_key("Keys were made for this API, so this run has one too")

    async def _keys_were_made(self) -> bool:
        connection = await connect_database(self._parts.postgres, "run")
        try:
            return bool(await KeyStore(connection).listed())
        finally:
            await connection.close()

    def _webhook_token(self) -> dict[str, str]:
        """The token of callbacks, where one is needed and none is set; the dispatcher puts it into their address."""
        settings = self._settings
        if settings.webhook_token or settings.may_stand_open:
            return {}
        token, _ = self._home.kept_secret("webhook_token")
        told = settings.model_copy(update={"webhook_token": (SecretStr(token),)})
        self._screen.say(f"Sinch's callbacks need a token, kept in {self._home.path / 'webhook_token'}. Their address:")
        self._screen.say(f"  {callback_url(told) or f'<BASE_URL>{CALLBACK_PATH}?token={token}'}")
        return {"WEBHOOK_TOKEN": token}

    def _own(self) -> dict[str, dict[str, str]]:
        """What each program alone is told: who it is at Kafka, and at the database."""
        roles = {"http": "campaign", "dispatcher": "dispatcher", "projector": "projector"}
        return {
            name: {**self._parts.kafka_as(name).as_environment(), "DATABASE_URL": self._parts.postgres_as(role)}
            for name, role in roles.items()
        }

    async def _start_parts(self) -> None:
        if self._parts.own_kafka or self._parts.own_postgres:
            self._screen.say("Starting PostgreSQL and Kafka (the first time Kafka is fetched: half a minute) …")
        self._stack.push_async_callback(self._parts.stop)
        await self._parts.start()
        await self._parts.undisturbed(self._parts.prepare_database)
        topics = await self._parts.undisturbed(self._make_topics)
        for sentence in topics.drift:
            self._screen.service_line("topics", sentence)

    async def _make_topics(self) -> Provisioned:
        usual = 1 if self._parts.own_kafka else PRODUCTION_REPLICATION
        return await make_topics(self._parts.kafka_admin, self._settings.kafka_replication or usual)

    async def _start_services(self, fleet: Fleet, build: int | None) -> None:
        self._fleet = fleet
        self._supervisor = supervisor = Supervisor(
            self._world, fleet.programs, lambda _: self._write_run(), disturbed=lambda: self._parts.disturbed
        )
        self._stack.push_async_callback(self._stop_services)
        self._write_run()  # before anything answers: who finds the API ready finds the file as well
        files = {program.name: program.output for program in fleet.programs}
        self._looking = [self._world.tasks.spawn("follow", follow(files, self._screen.service_line, self._world))]
        self._screen.say("Starting the services …")
        await supervisor.start(READY_SECONDS)
        environment = next(program.env for program in fleet.programs if program.name == "projector") or {}
        environment = {**environment, "METRICS_PORT": "0"}
        builds = keep_builds(self._parts.postgres, environment, self._home, self._world, build)
        self._looking.append(self._world.tasks.spawn("builds", builds))
        if build is not None:
            self._screen.say(f"The tables are of an earlier version: build {build} is made from the log beside them …")
            shown = show_when_caught_up(self._parts.postgres, self._kafka, build, self._world, self._screen.say)
            self._looking.append(self._world.tasks.spawn("earlier-tables", shown))
        self._ready = True
        self._write_run()

    def _kafka(self) -> KafkaConnection:
        return self._parts.kafka_as("projector")

    async def _stop_services(self) -> None:
        self._stopping = True
        self._home.forget_run()
        for task in self._looking:
            task.cancel()
        if self._supervisor is not None:
            await self._supervisor.stop(SERVICES_STOP_SECONDS)

    def _write_run(self) -> None:
        """Say where everything is, from before the services start until they are being stopped."""
        if not self._stopping and self._fleet is not None and self._supervisor is not None:
            pids = {**self._parts.pids, **self._supervisor.pids}
            fleet, parts = self._fleet, self._parts
            kafka, owner = parts.kafka_as(OPERATOR), parts.postgres if parts.own_postgres else None
            info = RunInfo(
                fleet.api, fleet.simulator, parts.kafka, parts.postgres_as("reader"), pids, self._ready, owner,
                kafka.security_protocol, kafka.sasl_mechanism, kafka.sasl_username, kafka.sasl_password,
            )  # fmt: skip
            self._home.write_run(info)

    def _announce(self, fleet: Fleet) -> None:
        places = {"API": fleet.api, "API pages": f"{fleet.api}/docs"}
        if fleet.simulator is not None:
            places["Sinch simulator"] = f"{fleet.simulator}/"
        places |= {"Kafka": self._parts.kafka, "PostgreSQL": mask_text(self._parts.postgres_as("reader"))}
        places |= {"To look": "heliograph psql; passwords are in run.json"}
        self._screen.places({**places, "Logs": str(self._home.path / "logs")})

    async def _show_demo(self, fleet: Fleet) -> bool:
        """The demo, if there is a simulator to take it; whatever becomes of it, what runs goes on. True: it ended well."""
        if fleet.simulator is None:
            return False
        self._screen.say("A demo campaign, through the public API:")
        try:
            async with connect(self._settings, fleet.api) as api:
                while (ended := await self._one_demo(api)) is None:
                    self._screen.say(
                        "The simulator was started anew, and what it had taken is gone. The demo, once more:"
                    )
        except Exception as error:  # noqa: BLE001  it is a look, and no look may end what it looks at
            self._screen.say(f"The demo could not be shown to its end: {error}")
            return False
        self._screen.say("Every message has its final status." if ended else "The demo has not ended: see the logs.")
        return ended

    async def _one_demo(self, api: Api) -> bool | None:
        """True: ended, False: not in time, None: the simulator ended meanwhile, which keeps its messages in memory."""
        supervisor = self._supervisor
        assert supervisor is not None
        taker = supervisor.pids.get("simulator")
        with self._screen.progress() as progress:
            return await demo(api, self._world, progress.show, lambda: supervisor.pids.get("simulator") != taker)
