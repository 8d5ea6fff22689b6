"""What the commands do that are no services: send, status, migrate, topics."""

from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any

import asyncpg
import typer
from pydantic import SecretStr

from infra.kafka.connection import KafkaConnection
from infra.kafka.errors import EmbeddedError, LogError
from infra.postgres.embedded import PostgresFailed
from infra.postgres.migrations import MigrationRefused
from infra.postgres.rootless import CannotDropPrivileges
from infra.postgres.standing import Still, standing_still
from infra.postgres.trouble import FAILURES
from infra.process.children import Killed
from infra.process.home import AlreadyRunning, Home
from infra.process.logs import configure_logging
from infra.process.ports import PortTaken
from infra.process.settings import Settings
from infra.process.supervisor import ProgramFailed
from infra.terminal.echo import echo
from services.cli.api import Api, ApiRefused, connect
from services.cli.dead_letters import LetterUnknown
from services.cli.screen import Screen, campaign_line
from services.cli.service import FAILED, checked_settings

LOOK_SECONDS = 2.0
FOR_PEOPLE = (
    AlreadyRunning, ApiRefused, CannotDropPrivileges, EmbeddedError, Killed, LetterUnknown, LogError, MigrationRefused, PortTaken,
    PostgresFailed, ProgramFailed, TimeoutError, OSError, asyncpg.PostgresError,
)  # fmt: skip
"""Errors whose text says what to do: shown without a trace."""


@contextmanager
def errors_shown() -> Iterator[None]:
    """Errors whose text is for people: shown without a trace, exit code 1."""
    try:
        yield
    except FOR_PEOPLE as error:
        echo(str(error) or type(error).__name__, err=True)
        raise typer.Exit(FAILED) from None


def prepared() -> Settings:
    """The settings, checked, and logging set up for a command: its own words are enough."""
    settings = checked_settings()
    level = "warning" if settings.log_level == "info" else settings.log_level  # a command's own words are enough
    form = "console" if settings.log_format == "auto" else settings.log_format
    configure_logging(level=level, form=form, secrets=settings.secret_values())
    return settings


async def send_campaign(to: Sequence[str], message: str, sender: str | None, api: str | None) -> None:
    """`heliograph send`."""
    with errors_shown():
        async with connect(prepared(), api) as client:
            sent = await client.send(to, message, sender)
    Screen().say(f"{sent.message} {sent.recipients} recipients, {sent.duplicates} repeated.\n{sent.status_url}")
    Screen().say(f"heliograph status {sent.campaign_id}")


async def show_status(campaign_id: str | None, api: str | None) -> None:
    """`heliograph status`."""
    screen, settings = Screen(), prepared()
    with errors_shown():
        async with connect(settings, api) as client:
            screen.stills(await _stills(settings, client, api))
            if campaign_id is None:
                screen.campaigns(await client.campaigns())
            else:
                campaign = await client.campaign(campaign_id)
                screen.say(f"{campaign.campaign_id} {campaign_line(campaign)}\n{campaign.meaning}")


async def _stills(settings: Settings, client: Api, api: str | None) -> list[Still]:
    """What stands still: from the database, where it is known here, else from the API, which leaves out last words."""
    running = None if api else Home(settings.heliograph_home).read_run()
    given = settings.database_url.get_secret_value() if settings.database_url and not api else None
    dsn = given or (running and running.postgres)
    if dsn:
        with suppress(*FAILURES):
            connection = await asyncpg.connect(dsn, timeout=LOOK_SECONDS, command_timeout=LOOK_SECONDS)
            try:
                return await standing_still(connection)
            finally:
                await connection.close(timeout=LOOK_SECONDS)
    return await client.standing_still()


def located(settings: Settings, needs: Collection[str] = ("KAFKA_BOOTSTRAP_SERVERS", "DATABASE_URL")) -> Settings:
    """The settings with the servers that `run` runs here, and who an operator is there, where none are set."""
    running = Home(settings.heliograph_home).read_run()
    if running is None:
        return checked_settings(needs)
    found: dict[str, Any] = {}
    if settings.kafka_bootstrap_servers is None:
        found |= KafkaConnection(
            running.kafka, settings.kafka_topic_prefix, running.kafka_security_protocol, running.kafka_sasl_mechanism,
            running.kafka_sasl_username, running.kafka_sasl_password,
        ).as_settings()  # fmt: skip
    if settings.database_url is None:
        found["database_url"] = SecretStr(running.postgres_owner or running.postgres)
    return settings.model_copy(update=found)
