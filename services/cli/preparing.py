"""What makes servers ready: `migrate` and `topics`, with a role and a user a service where these are wanted."""

from collections.abc import Collection, Iterator
from pathlib import Path
from urllib.parse import unquote, urlsplit

import typer

from infra.kafka.access.rights import SERVICES_OF
from infra.kafka.access.users import admit
from infra.kafka.connection import connection_from
from infra.postgres.migrations import migrate
from infra.postgres.roles import SERVICES, make_roles, role_of
from infra.postgres.sessions import NoSession, require_sessions
from infra.terminal.echo import echo
from services.cli.commands import errors_shown, located, prepared
from services.cli.provision import PRODUCTION_REPLICATION, make_topics
from services.cli.screen import Screen
from services.cli.service import FAILED, SETTINGS_WRONG


class SecretsWrong(OSError):  # noqa: N818  named by what it says
    """A directory does not hold what roles or users are made of; the text says what is missing."""


async def migrate_database(roles: Path | None) -> None:
    """`heliograph migrate`."""
    settings = located(prepared(), ("DATABASE_URL",))
    assert settings.database_url is not None
    dsn = settings.database_url.get_secret_value()
    with errors_shown():
        passwords = dict(_passwords_of_roles(roles, urlsplit(dsn).path.lstrip("/"))) if roles else {}
        try:
            await require_sessions(dsn)
        except NoSession as error:
            echo(str(error), err=True)
            raise typer.Exit(SETTINGS_WRONG) from None
        applied = await migrate(dsn)
        if passwords:
            await make_roles(dsn, passwords)
    made = f"The roles of {', '.join(passwords)} have their rights.\n" if passwords else ""
    Screen().say("".join(f"applied {migration}\n" for migration in applied) + made + "The database is up to date.")


async def provision_topics(users: Path | None) -> None:
    """`heliograph topics`. Exit code 1 when a topic is not as it should be."""
    given = prepared()
    settings = located(given, ("KAFKA_BOOTSTRAP_SERVERS",))
    usual = 1 if given.kafka_bootstrap_servers is None else PRODUCTION_REPLICATION
    with errors_shown():
        passwords = dict(_found(users, "kafka_password_", SERVICES_OF)) if users else {}
        connection = connection_from(settings)
        outcome = await make_topics(connection, settings.kafka_replication or usual)
        if passwords:
            await admit(connection, passwords)
    made = [f"The users {', '.join(passwords)} have their rights."] if passwords else []
    for line in (*(f"created {name}" for name in outcome.created), *made, *outcome.drift):
        Screen().say(line)
    if outcome.drift:
        raise typer.Exit(FAILED)
    Screen().say("Every topic is as it should be.")


def _passwords_of_roles(directory: Path, database: str) -> Iterator[tuple[str, str]]:
    """The password in each DSN, which must name the role that the service has in this database."""
    for service, dsn in _found(directory, "database_url_", SERVICES):
        parts, role = urlsplit(dsn), role_of(database, service)
        if unquote(parts.username or "") != role or not parts.password:
            raise SecretsWrong(
                f"{directory}/database_url_{service} must be like postgresql://{role}:password@host/{database}"
            )
        yield service, unquote(parts.password)


def _found(directory: Path, before: str, names: Collection[str]) -> Iterator[tuple[str, str]]:
    """The content of each file `<before><name>`; at least one must be there."""
    found = [(name, directory / f"{before}{name}") for name in names if (directory / f"{before}{name}").is_file()]
    if not found:
        raise SecretsWrong(f"{directory} has no file {before}… (of {', '.join(names)})")
    for name, path in found:
        yield name, path.read_text(encoding="utf-8").strip()
