"""`heliograph run`: the whole system on one machine, each service a process that is kept running.

Started in this order: PostgreSQL and Kafka, tables and topics, services; stopped in the reverse.
"""

import asyncio
import signal
from collections.abc import Callable
from contextlib import AsyncExitStack

import structlog
from pydantic import SecretStr

from infra.postgres.migrations import migrate
from infra.process.access import may_stand_open
from infra.process.gone import wait_gone
from infra.process.home import Home, RunInfo
from infra.process.settings import Settings
from infra.process.supervisor import Supervisor
from infra.process.world import World
from services.cli.api import connect
from services.cli.builders import keep_builds
from services.cli.commands import errors_shown, prepared
from services.cli.demo import demo
from services.cli.fleet import Fleet, plan
from services.cli.follow import follow
from services.cli.parts import Parts
from services.cli.provision import make_topics
from services.cli.screen import Screen
from services.dispatcher.app import CALLBACK_PATH, callback_url

log = structlog.get_logger(__name__)

READY_SECONDS = 60.0
SERVICES_STOP_SECONDS = 3.5  # of the ten that `run` has in all: then Kafka (4), then PostgreSQL
LEFT_OVER_SECONDS = 5.0


def run_everything(*, with_demo: bool) -> None:
    """`heliograph run`. It alone needs the embedded servers' packages, which the container image leaves out."""
    settings = prepared()
    with errors_shown():
        asyncio.run(run(settings, Screen(), with_demo=with_demo))


async def run(settings: Settings, screen: Screen, *, with_demo: bool) -> None:
    """Bring everything up and stay until SIGINT or SIGTERM. What cannot start is raised, and nothing stays behind."""
    home = Home(settings.heliograph_home.absolute())
    home.own()
    main = asyncio.current_task()
    assert main is not None
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, _stop_once(main, screen))
    try:
        async with AsyncExitStack() as stack:
            await Running(settings, screen, home, World(), stack).stay(with_demo=with_demo)
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
        self._parts = Parts(settings, home.path, world, self._write_run)
        self._supervisor: Supervisor | None = None
        self._fleet: Fleet | None = None
        self._ready = False

    async def stay(self, *, with_demo: bool) -> None:
        """Start everything, say where it is, show the demo, stay."""
        await self._wait_for_left_overs()
        shared = self._keys()
        fleet = plan(self._settings, self._home, shared)  # early: a taken port is known before anything starts
        shared |= await self._start_parts()
        fleet = plan(self._settings, self._home, shared)
        await self._start_services(fleet)
        self._announce(fleet)
        if with_demo and fleet.simulator is not None:
            await self._show_demo()
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
        if not self._settings.api_keys and not may_stand_open(self._settings.host, self._settings.base_url):
            shared["API_KEYS"], new = self._home.kept_secret("api_key")
            shown = f": {shared['API_KEYS']}" if new else ""
            self._screen.say(f"The API can be reached from outside, so it needs a key{shown}")
            self._screen.say(f"  (kept in {self._home.path / 'api_key'}; shown this once)")
        return shared | self._webhook_token()

    def _webhook_token(self) -> dict[str, str]:
        """The token of callbacks, where one is needed and none is set; the dispatcher puts it into their address."""
        settings = self._settings
        if settings.webhook_token or may_stand_open(settings.host, settings.base_url):
            return {}
        token, _ = self._home.kept_secret("webhook_token")
        told = settings.model_copy(update={"webhook_token": (SecretStr(token),)})
        self._screen.say(f"Sinch's callbacks need a token, kept in {self._home.path / 'webhook_token'}. Their address:")
        self._screen.say(f"  {callback_url(told) or f'<BASE_URL>{CALLBACK_PATH}?token={token}'}")
        return {"WEBHOOK_TOKEN": token}

    async def _start_parts(self) -> dict[str, str]:
        if self._parts.own_kafka or self._parts.own_postgres:
            self._screen.say("Starting PostgreSQL and Kafka (the first time Kafka is fetched: half a minute) …")
        self._stack.push_async_callback(self._parts.stop)
        await self._parts.start()
        servers = {"KAFKA_BOOTSTRAP_SERVERS": self._parts.kafka, "DATABASE_URL": self._parts.postgres}
        await migrate(self._parts.postgres)
        topics = await make_topics(
            self._settings.model_copy(update={"kafka_bootstrap_servers": self._parts.kafka}),
            **({"default_replication": 1} if self._parts.own_kafka else {}),
        )
        for sentence in topics.drift:
            self._screen.service_line("topics", sentence)
        return servers

    async def _start_services(self, fleet: Fleet) -> None:
        self._fleet = fleet
        self._supervisor = supervisor = Supervisor(self._world, fleet.programs, lambda _: self._write_run())
        self._stack.push_async_callback(self._stop_services)
        files = {program.name: program.output for program in fleet.programs}
        self._world.tasks.spawn("follow", follow(files, self._screen.service_line, self._world))
        self._screen.say("Starting the services …")
        await supervisor.start(READY_SECONDS)
        environment = next(program.env for program in fleet.programs if program.name == "projector") or {}
        environment = {**environment, "METRICS_PORT": "0"}
        self._world.tasks.spawn("builds", keep_builds(self._parts.postgres, environment, self._home, self._world))
        self._ready = True
        self._write_run()

    async def _stop_services(self) -> None:
        self._ready = False
        self._home.forget_run()
        if self._supervisor is not None:
            await self._supervisor.stop(SERVICES_STOP_SECONDS)

    def _write_run(self) -> None:
        """Say where everything is; from the moment that all is ready until it is being stopped."""
        if self._ready and self._fleet is not None and self._supervisor is not None:
            pids = {**self._parts.pids, **self._supervisor.pids}
            fleet, parts = self._fleet, self._parts
            self._home.write_run(RunInfo(fleet.api, fleet.simulator, parts.kafka, parts.postgres, pids))

    def _announce(self, fleet: Fleet) -> None:
        places = {"API": fleet.api, "API pages": f"{fleet.api}/docs"}
        if fleet.simulator is not None:
            places["Sinch simulator"] = f"{fleet.simulator}/"
        places |= {"Kafka": self._parts.kafka, "PostgreSQL": self._parts.postgres}
        self._screen.places({**places, "Logs": str(self._home.path / "logs")})

    async def _show_demo(self) -> None:
        self._screen.say("A demo campaign, through the public API:")
        async with connect(self._settings) as api:
            with self._screen.progress() as progress:
                ended = await demo(api, self._world, progress.show)
        self._screen.say("Every message has its final status." if ended else "The demo has not ended: see the logs.")
