"""`heliograph parked list|show|retry|drop`: records that could not be folded. Each decision is an event in the log."""

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from typing import Annotated, Any

import asyncpg
import typer

from contracts import topics
from contracts.events import RecordDropped, RecordRetried, UnreadableEventError, decode, encode
from infra.kafka.connection import connection_from
from infra.kafka.log import Appender, Entry, KafkaConnection, Partition, Scanner
from infra.postgres.pool import Connection
from infra.process.masking import mask_loose
from infra.process.settings import Settings
from infra.process.world import World, iso
from infra.terminal.echo import echo, echo_bytes
from services.cli.actor import Actor
from services.cli.commands import errors_shown, located, prepared
from services.cli.service import FAILED

app = typer.Typer(no_args_is_help=True, add_completion=False, help="Records that the projector could not fold.")

APPEND_SECONDS = 10.0
SHOWN_CHARACTERS = 4_000
DECIDABLE = ("parked", "retried")
LIST = "SELECT * FROM live.parked ORDER BY decided_at, topic, partition, record_offset"
FIND = "SELECT * FROM live.parked WHERE topic = $1 AND partition = $2 AND record_offset = $3"
PLACE = typer.Argument(metavar="TOPIC/PARTITION/OFFSET", help="As `parked list` shows it.")
Place = Annotated[str, PLACE]
MaybePlace = Annotated[str, typer.Argument(metavar="[TOPIC/PARTITION/OFFSET]", help="As `parked list` shows it.")]
Every = Annotated[bool, typer.Option("--all", help="All that are parked and undecided.")]


def _run(work: Callable[[Connection, KafkaConnection], Coroutine[Any, Any, None]]) -> None:
    settings = located(prepared())

    async def main() -> None:
        async with _database(settings) as database:
            await work(database, connection_from(settings))

    with errors_shown():
        asyncio.run(main())


@asynccontextmanager
async def _database(settings: Settings) -> AsyncIterator[Connection]:
    assert settings.database_url is not None
    connection = await asyncpg.connect(settings.database_url.get_secret_value(), timeout=10)
    try:
        yield connection
    finally:
        await connection.close(timeout=5)


@app.command("list")
def list_parked(
    *, every: Annotated[bool, typer.Option("--all", help="Also those that were folded or dropped.")] = False
) -> None:
    """List records without effect, oldest first."""

    async def work(database: Connection, _kafka: KafkaConnection) -> None:
        rows = [row for row in await database.fetch(LIST) if every or row["state"] in DECIDABLE]
        for row in rows:
            echo(_line(row))
        echo(f"{len(rows)} records")

    _run(work)


@app.command()
def show(
    place: Place, *, raw: Annotated[bool, typer.Option(help="The bytes as they are, phone numbers and all.")] = False
) -> None:
    """Show one record, and whether this program can read it; phone numbers are masked unless --raw."""

    async def work(database: Connection, kafka: KafkaConnection) -> None:
        row = await _found(database, place)
        async with Scanner(kafka) as scanner:
            record = await scanner.record_at(Partition(row["topic"], row["partition"]), row["record_offset"])
        value = record.value or b"" if record else b""
        if raw:
            echo_bytes(value)
            return
        echo(_line(row))
        echo(mask_loose(value.decode(errors="backslashreplace"))[:SHOWN_CHARACTERS])
        echo(_readable(value))

    _run(work)


def _readable(value: bytes) -> str:
    try:
        return f"This program reads it as {type(decode(value)).__name__}."
    except UnreadableEventError as error:
        return f"This program cannot read it: {error}"


@app.command()
def retry(place: MaybePlace = "", *, every: Every = False, actor: Actor) -> None:
    """Have records folded again, by the program that runs now. What fails again is parked again."""
    _decide(place, actor, "", every=every, drop=False)


@app.command()
def drop(
    place: MaybePlace = "",
    *,
    every: Every = False,
    reason: Annotated[str, typer.Option(help="Why it is to have no effect.")],
    actor: Actor,
) -> None:
    """Decide that records have no effect, now and in every rebuild."""
    _decide(place, actor, reason, every=every, drop=True)


def _decide(place: str, actor: str, reason: str, *, every: bool, drop: bool) -> None:
    kind = RecordDropped if drop else RecordRetried
    if every == bool(place):
        raise typer.BadParameter("give a place, as `parked list` shows it, or --all")

    async def work(database: Connection, kafka: KafkaConnection) -> None:
        rows = [row for row in await database.fetch(LIST) if row["state"] == "parked"] if every else []
        if not every:
            rows.append(await _found(database, place))
            if rows[0]["state"] not in DECIDABLE:
                echo(f"{place} is {rows[0]['state']} already: nothing to decide.", err=True)
                raise typer.Exit(FAILED)
        world = World()
        entries = [
            Entry(
                topics.PROJECTION_CONTROL,
                f"{row['topic']}.{row['partition']}",
                encode(
                    kind(
                        event_id=str(world.ids.uuid7()), occurred_at=iso(world.clock.wall()), topic=row["topic"],
                        partition=row["partition"], offset=row["record_offset"], reason=reason, actor=actor,
                    )
                ),
            )
            for row in rows
        ]  # fmt: skip
        appender = Appender(kafka, world, name="parked")
        await appender.start()
        try:
            await appender.append_all(entries, within=APPEND_SECONDS)
        finally:
            await appender.stop()
        for row in rows:
            name = f"{row['topic']}/{row['partition']}/{row['record_offset']}"
            echo(f"{name} {'dropped' if drop else 'will be folded again within seconds'}.")
        if every:
            echo(f"{len(rows)} records")

    _run(work)


async def _found(database: Connection, place: str) -> asyncpg.Record:
    topic, _, rest = place.partition("/")
    partition, _, offset = rest.partition("/")
    if not (partition.isdecimal() and offset.isdecimal()):
        raise typer.BadParameter("a place is written TOPIC/PARTITION/OFFSET, as in delivery-reports/3/1207")
    row = await database.fetchrow(FIND, topic, int(partition), int(offset))
    if row is None:
        echo(f"{place} is not parked: `heliograph parked list` shows what is.", err=True)
        raise typer.Exit(FAILED)
    return row


def _line(row: asyncpg.Record) -> str:
    decided = "" if row["state"] == "parked" else f" by {row['actor']}"
    return (
        f"{row['topic']}/{row['partition']}/{row['record_offset']}  {row['state']}{decided} "
        f"{iso(row['decided_at'])}  {mask_loose(row['reason'])}"
    )
