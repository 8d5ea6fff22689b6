"""`heliograph replies [list|settle]`: replies that are probably opt-outs, which a person has to read."""

import asyncio
from collections.abc import Awaitable, Callable
from enum import StrEnum
from typing import Annotated

import asyncpg
import typer

from contracts import topics
from contracts.consent import settling
from contracts.events import encode
from contracts.identity import pseudonym
from infra.kafka.connection import connection_from
from infra.kafka.log import Appender, Entry
from infra.postgres.pool import Pool, create_pool
from infra.process.masking import mask_phone
from infra.process.settings import Settings
from infra.process.world import World, iso
from infra.terminal.echo import echo
from services.cli.actor import Actor
from services.cli.commands import errors_shown, located, prepared
from services.cli.dead_letter_commands import with_privacy_key
from services.cli.service import FAILED

app = typer.Typer(add_completion=False, help="Replies that are probably opt-outs.")

MOST = 1_000
SHOWN = 200
APPEND_SECONDS = 10.0

WAITING = "SELECT inbound_id, phone::text, received_at, words, body FROM live.doubtful_replies"
Probable = Annotated[
    bool, typer.Option("--probable", help="Those that are probably opt-outs; there are no others here.")
]


Work = Callable[[Pool], Awaitable[None]]


class Said(StrEnum):
    """What a person who read it says."""

    opted_out = "opted-out"
    not_opted_out = "not"


@app.callback(invoke_without_command=True)
def replies(context: typer.Context, *, probable: Probable = True) -> None:
    """List what waits, unless told otherwise."""
    if context.invoked_subcommand is None:
        list_replies(probable=probable)


@app.command("list")
def list_replies(*, probable: Probable = True) -> None:
    """List replies that wait for a person, the oldest first. Nothing is sent to their numbers meanwhile."""
    del probable  # the one kind there is

    async def work(pool: Pool) -> None:
        found = await pool.fetch(f"{WAITING} ORDER BY received_at, inbound_id LIMIT $1", MOST)
        for row in found:
            echo(_line(row))
        echo(f"{len(found)} replies are probably opt-outs" + (" or more" if len(found) == MOST else ""))
        if found:
            echo("heliograph replies settle ID opted-out|not --why WORDS")

    settings = located(prepared(), ("DATABASE_URL",))
    with errors_shown():
        asyncio.run(_with_pool(settings, work))


@app.command()
def settle(
    inbound_id: Annotated[str, typer.Argument(help="As `replies` shows it.")],
    verdict: Annotated[
        Said, typer.Argument(help="opted-out: nothing more is sent to the number. not: it may be sent to.")
    ],
    *,
    why: Annotated[str, typer.Option(help="How you know. It stands in the log.")],
    actor: Actor,
) -> None:
    """Settle a reply by hand, and what the same number wrote before it."""
    if not why.strip():
        raise typer.BadParameter("must not be empty", param_hint="--why")
    settings = with_privacy_key(located(prepared(), ("DATABASE_URL", "KAFKA_BOOTSTRAP_SERVERS")))

    async def work(pool: Pool) -> None:
        row = await pool.fetchrow(f"{WAITING} WHERE inbound_id = $1", inbound_id)
        if row is None:
            echo(f"No reply {inbound_id} waits to be settled; `heliograph replies` lists those that do.", err=True)
            raise typer.Exit(FAILED)
        await _say(settings, row, opted_out=verdict is Said.opted_out, actor=actor, why=why.strip())
        words = settling.OUT if verdict is Said.opted_out else settling.NOT_OUT
        echo(f"+{mask_phone(row['phone'])} is settled. {words}")

    with errors_shown():
        asyncio.run(_with_pool(settings, work))


async def _say(settings: Settings, row: asyncpg.Record, *, opted_out: bool, actor: str, why: str) -> None:
    assert settings.privacy_key is not None
    world = World()
    event = settling.settled(
        opted_out=opted_out, inbound_id=row["inbound_id"], phone=row["phone"], received_at=iso(row["received_at"]),
        now=iso(world.clock.wall()), actor=actor, reason=why,
    )  # fmt: skip
    key = pseudonym(row["phone"], settings.privacy_key.get_secret_value())
    appender = Appender(connection_from(settings), world, name="replies")
    await appender.start()
    try:
        await appender.append(Entry(topics.CONSENT, key, encode(event)), within=APPEND_SECONDS)
    finally:
        await appender.stop()


async def _with_pool(settings: Settings, work: Work) -> None:
    assert settings.database_url is not None
    async with await create_pool(settings.database_url.get_secret_value(), "replies", max_size=1) as pool:
        await work(pool)


def _line(row: asyncpg.Record) -> str:
    text = " ".join((row["body"] or "").split())[:SHOWN]
    return f"{row['inbound_id']}  {iso(row['received_at'])}  +{mask_phone(row['phone'])}  {row['words']}  “{text}”"
