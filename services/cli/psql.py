"""`heliograph psql`: a look at the tables. The password goes by the environment, never by a command line, which all can read."""

import os
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from urllib.parse import parse_qsl, unquote, urlsplit

import typer

from infra.postgres.embedded import PostgresFailed, binary
from infra.process.home import Home
from infra.process.settings import Settings
from infra.terminal.echo import echo
from services.cli.commands import located, prepared

PARAMETERS: Mapping[str, str] = {
    "sslmode": "PGSSLMODE",
    "sslrootcert": "PGSSLROOTCERT",
    "sslcert": "PGSSLCERT",
    "sslkey": "PGSSLKEY",
    "target_session_attrs": "PGTARGETSESSIONATTRS",
}
"""Of a DSN: psql knows others as well, but not from its environment."""


def psql(arguments: Sequence[str]) -> None:
    """Become PostgreSQL's `psql`: at DATABASE_URL, else as the reading role of the `heliograph run` of this home."""
    program = _program()
    environment = {**os.environ, **libpq_environment(_dsn(prepared()))}
    os.execve(program, [str(program), *arguments], environment)  # noqa: S606 - no shell; it takes our place


def libpq_environment(dsn: str) -> dict[str, str]:
    """What tells libpq the same as the DSN, several hosts included."""
    parts = urlsplit(dsn)
    places = [place.rpartition(":") for place in parts.netloc.rpartition("@")[2].split(",")]
    hosts = [host if colon else port for host, colon, port in places]
    ports = [port if colon else "5432" for _, colon, port in places]
    found = {
        "PGHOST": ",".join(host.strip("[]") for host in hosts),
        "PGPORT": ",".join(ports),
        "PGDATABASE": unquote(parts.path.lstrip("/")),
        "PGUSER": unquote(parts.username or ""),
        "PGPASSWORD": unquote(parts.password or ""),
        **{PARAMETERS[name]: value for name, value in parse_qsl(parts.query) if name in PARAMETERS},
    }
    return {name: value for name, value in found.items() if value}


def _dsn(settings: Settings) -> str:
    running = Home(settings.heliograph_home).read_run()
    if settings.database_url is None and running is not None:
        return running.postgres
    url = located(settings, ("DATABASE_URL",)).database_url
    assert url is not None
    return url.get_secret_value()


def _program() -> Path:
    """The machine's own psql, else the one of the server that `run` starts."""
    if found := shutil.which("psql"):
        return Path(found)
    try:
        return binary("psql")
    except PostgresFailed:
        echo("There is no psql here: install PostgreSQL's client.", err=True)
        raise typer.Exit(1) from None
