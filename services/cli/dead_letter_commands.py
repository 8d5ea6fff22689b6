"""`heliograph dead-letters list|show|redrive|drop`. What changes anything says first what it would do."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Annotated, Any

import typer
from pydantic import SecretStr

from infra.kafka.connection import connection_from
from infra.kafka.log import Appender, KafkaConnection
from infra.process.home import Home
from infra.process.masking import mask_loose
from infra.process.settings import Settings
from infra.process.world import World, iso
from infra.terminal.echo import echo, echo_bytes
from services.cli.actor import Actor
from services.cli.commands import errors_shown, located, prepared
from services.cli.dead_letters import (
    OPEN,
    Letter,
    Step,
    chosen,
    drop,
    plan_redrive,
    read_letters,
    redrive,
)
from services.cli.service import FAILED
from services.webhook_gateway.app import translator_of

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    help="What could not be read: look at it, read it again, or put it away.",
)

SHOWN_CHARACTERS = 2_000
Ids = Annotated[list[str] | None, typer.Argument(help="Ids, or how they begin.")]
Apply = Annotated[bool, typer.Option("--apply", help="Do it. Without this it only says what would be done.")]


def _run(work: Callable[[KafkaConnection, Settings], Coroutine[Any, Any, None]]) -> None:
    settings = located(prepared(), ("KAFKA_BOOTSTRAP_SERVERS",))
    with errors_shown():
        asyncio.run(work(connection_from(settings), settings))


@app.command("list")
def list_letters(
    *, every: Annotated[bool, typer.Option("--all", help="Also those that were redriven or dropped.")] = False
) -> None:
    """List dead letters, oldest first."""

    async def work(kafka: KafkaConnection, _settings: Settings) -> None:
        letters = [letter for letter in await read_letters(kafka) if every or letter.state == OPEN]
        for letter in letters:
            echo(_line(letter))
        echo(f"{len(letters)} dead letters")

    _run(work)


@app.command()
def show(
    id_: Annotated[str, typer.Argument(metavar="ID", help="Its id, or how it begins.")],
    *,
    raw: Annotated[bool, typer.Option(help="The bytes as they came, phone numbers and all.")] = False,
) -> None:
    """Show one dead letter with its content; phone numbers are masked unless --raw."""

    async def work(kafka: KafkaConnection, _settings: Settings) -> None:
        (letter,) = chosen(await read_letters(kafka), [id_])
        if raw:
            echo_bytes(letter.event.raw)
            return
        echo(_line(letter))
        place = (
            "" if letter.event.offset is None else f" partition {letter.event.partition} offset {letter.event.offset}"
        )
        echo(f"from {letter.event.origin}{place}, {len(letter.event.raw)} bytes, came {letter.copies} times")
        echo(mask_loose(letter.event.raw.decode(errors="backslashreplace"))[:SHOWN_CHARACTERS])

    _run(work)


@app.command("redrive")
def redrive_letters(
    ids: Ids = None,
    *,
    every: Annotated[bool, typer.Option("--all", help="All open ones.")] = False,
    apply: Apply = False,
    actor: Actor,
) -> None:
    """Read dead letters again and append what they say. Exit code 1 when one cannot be."""

    async def work(kafka: KafkaConnection, settings: Settings) -> None:
        letters = await read_letters(kafka)
        wanted = [letter for letter in letters if letter.state == OPEN] if every else chosen(letters, ids or [])
        steps = await plan_redrive(kafka, translator_of(with_privacy_key(settings)), letters, wanted)
        for step in steps:
            echo(_step_line(step))
        if apply:
            async with _appending(kafka) as (appender, world):
                echo(f"{await redrive(appender, steps, actor, iso(world.clock.wall()))} redriven")
        else:
            echo("Nothing was done: --apply does it.")
        if any(step.obstacle for step in steps):
            raise typer.Exit(FAILED)

    _run(work)


@app.command("drop")
def drop_letters(
    ids: Ids = None,
    *,
    every: Annotated[bool, typer.Option("--all", help="All open ones.")] = False,
    reason: Annotated[str, typer.Option(help="Why it is not needed.")],
    apply: Apply = False,
    actor: Actor,
) -> None:
    """Note that dead letters are not needed; their bytes stay in the log."""

    async def work(kafka: KafkaConnection, _settings: Settings) -> None:
        letters = await read_letters(kafka)
        wanted = [letter for letter in (letters if every else chosen(letters, ids or [])) if letter.state == OPEN]
        for letter in wanted:
            echo(_line(letter))
        if not apply:
            echo("Nothing was done: --apply does it.")
            return
        async with _appending(kafka) as (appender, world):
            await drop(appender, wanted, actor, reason, iso(world.clock.wall()))
        echo(f"{len(wanted)} dropped")

    _run(work)


class _appending:  # noqa: N801  reads like a verb at its use
    """An appender of this command's own."""

    def __init__(self, kafka: KafkaConnection) -> None:
        self._world = World()
        self._appender = Appender(kafka, self._world, name="dead-letters")

    async def __aenter__(self) -> tuple[Appender, World]:
        await self._appender.start()
        return self._appender, self._world

    async def __aexit__(self, *_: object) -> None:
        await self._appender.stop()


def with_privacy_key(settings: Settings) -> Settings:
    """A reply read again needs the key under which its number's pseudonym was made: the set one, or the one `run` keeps."""
    if settings.privacy_key is not None:
        return settings
    kept = Home(settings.heliograph_home).found_secret("privacy_key")
    if kept is None:
        echo("PRIVACY_KEY is needed here: the one that the gateway has.", err=True)
        raise typer.Exit(FAILED)
    return settings.model_copy(update={"privacy_key": SecretStr(kept)})


def _line(letter: Letter) -> str:
    decided = "" if letter.state == OPEN else f" {letter.state} by {letter.actor} {letter.note}".rstrip()
    return f"{letter.id}  {letter.event.occurred_at}  {letter.event.origin}  {mask_loose(letter.event.reason)}{decided}"


def _step_line(step: Step) -> str:
    if step.obstacle:
        return f"{step.letter.id}  cannot: {mask_loose(step.obstacle)}"
    topics = ", ".join(sorted({entry.topic for entry in step.entries}))
    return f"{step.letter.id}  {len(step.entries)} events to {topics}"
