"""`heliograph keys create|list|revoke`: straight in the database, so that the first key can be made before the API runs."""

import asyncio
import re
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Annotated

import typer

from infra.postgres.pool import connect
from infra.process.settings_types import region_of
from infra.process.world import World, iso
from infra.sinch.wire.timestamps import NotATimestamp, moment
from infra.terminal.echo import echo
from services.campaign.access.callers import Limits
from services.campaign.access.key_store import KeyStore, ListedKey, NewKey
from services.campaign.access.scopes import SAYS, Scope
from services.cli.actor import Actor
from services.cli.commands import errors_shown, located, prepared
from services.cli.service import FAILED

app = typer.Typer(no_args_is_help=True, add_completion=False, help="The keys of the API: create, list, revoke.")

NAME = re.compile(r"[\w .@-]{1,60}")
DAYS = re.compile(r"(\d{1,4})d")
SCOPES_HELP = "What it may do; may be repeated. " + "; ".join(f"{scope}: {words}" for scope, words in SAYS.items())


def _run(work: Callable[[KeyStore], Awaitable[None]]) -> None:
    settings = located(prepared(), ("DATABASE_URL",))
    assert settings.database_url is not None
    dsn = settings.database_url.get_secret_value()

    async def on_connection() -> None:
        connection = await connect(dsn, "keys")
        try:
            await work(KeyStore(connection))
        finally:
            await connection.close()

    with errors_shown():
        asyncio.run(on_connection())


@app.command()
def create(
    name: Annotated[str, typer.Argument(help="Whose it is, such as the program that uses it.")],
    actor: Actor,
    *,
    scope: Annotated[list[Scope] | None, typer.Option(help=f"{SCOPES_HELP}. Unset: send and read.")] = None,
    region: Annotated[str | None, typer.Option(help="Country of numbers without + or 00, such as US.")] = None,
    country: Annotated[
        list[str] | None, typer.Option(help="Country that it may send to; may be repeated. Unset: ALLOWED_COUNTRIES.")
    ] = None,
    requests_per_minute: Annotated[int | None, typer.Option(min=1, max=10_000_000)] = None,
    parts_per_request: Annotated[int | None, typer.Option(min=1, max=2**31 - 1, help="Message parts.")] = None,
    parts_per_day: Annotated[
        int | None, typer.Option(min=1, max=2**53, help="Message parts, from 0:00 UTC on.")
    ] = None,
    expires: Annotated[
        str | None, typer.Option(help="A time such as 2027-01-31T12:00:00Z, or days such as 90d. Unset: never.")
    ] = None,
) -> None:
    """Make a key and show it, this once."""
    if not NAME.fullmatch(name):
        raise typer.BadParameter("takes 1 to 60 letters, digits, spaces and . _ @ -", param_hint="NAME")
    limits = Limits(
        requests_per_minute,
        parts_per_request,
        parts_per_day,
        tuple(_country(text, "--country") for text in country) if country else None,
    )
    new = NewKey(
        name=name,
        scopes=frozenset(scope or (Scope.SEND, Scope.READ)),
        created_by=actor,
        default_region=None if region is None else _country(region, "--region"),
        limits=limits,
        expires_at=None if expires is None else expiry(expires, World().clock.wall()),
    )

    async def work(keys: KeyStore) -> None:
        is_first = not await keys.listed()
        secret = await keys.create(new)
        echo(secret)
        echo("This is the key: it is shown this once. It may " + _abilities(new.scopes) + ".", err=True)
        if is_first:
            echo(
                "It is the first: from now on every call of the API needs a key. The command line takes it from API_KEYS.",
                err=True,
            )

    _run(work)


def _abilities(scopes: frozenset[Scope]) -> str:
    return "; ".join(SAYS[scope] for scope in Scope if scope in scopes)


def _country(text: str, option: str) -> str:
    try:
        return region_of(text)
    except ValueError as error:
        raise typer.BadParameter(f"{text}: {error}", param_hint=option) from None


def expiry(text: str, now: datetime) -> datetime:
    """The moment that `text` names: a time, or a number of days from `now` on. Raises typer.BadParameter."""
    try:
        days = DAYS.fullmatch(text)
        at = now + timedelta(days=int(days[1])) if days else moment(text)
    except NotATimestamp:
        raise typer.BadParameter(f"{text}: takes 2027-01-31T12:00:00Z, or 90d", param_hint="--expires") from None
    if at <= now:
        raise typer.BadParameter(f"{text}: is not in the future", param_hint="--expires")
    return at.astimezone(UTC)


@app.command("list")
def list_keys() -> None:
    """List every key: id, name, state, scopes, limits, last use (to the minute)."""

    async def work(keys: KeyStore) -> None:
        now, listed = World().clock.wall(), await keys.listed()
        for key in listed:
            echo(in_a_line(key, now))
        echo(f"{len(listed)} keys")

    _run(work)


def in_a_line(key: ListedKey, now: datetime) -> str:
    """A key as its list shows it."""
    caller, limits = key.caller, key.caller.limits
    facts = [
        caller.id,
        f"{key.name!r}",
        _state(key, now),
        "+".join(sorted(caller.scopes)),
        f"used {iso(key.used_at)[:16]}Z" if key.used_at else "never used",
        f"created {iso(key.created_at)} by {key.created_by}",
    ]
    more = {
        "region": caller.default_region,
        "requests/min": limits.requests_per_minute,
        "parts/request": limits.parts_per_request,
        "parts/day": limits.parts_per_day,
        "countries": None if limits.countries is None else ",".join(limits.countries),
    }
    return "  ".join([*facts, *(f"{name} {value}" for name, value in more.items() if value is not None)])


def _state(key: ListedKey, now: datetime) -> str:
    caller = key.caller
    if caller.revoked_at is not None:
        return f"revoked {iso(caller.revoked_at)}"
    if caller.expires_at is None:
        return "valid"
    return f"{'expired' if caller.expires_at <= now else 'valid until'} {iso(caller.expires_at)}"


@app.command()
def revoke(
    key: Annotated[str, typer.Argument(help="Its id, or its name where only one key has it.")], actor: Actor
) -> None:
    """Take a key back: every replica refuses it within a second."""

    async def work(keys: KeyStore) -> None:
        found = await keys.live_ids(key)
        if len(found) != 1:
            several = (
                f"has {len(found)} keys: {', '.join(found)}. Name one by its id." if found else "is no key in force."
            )
            echo(f"{key} {several} `heliograph keys list` shows all.", err=True)
            raise typer.Exit(FAILED)
        await keys.revoke(found[0], actor)
        echo(f"Revoked {found[0]}: every replica refuses it within a second.")

    _run(work)
