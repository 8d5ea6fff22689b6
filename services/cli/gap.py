"""`heliograph gap list|accept`: records that the log lost before a service had read them. Accepting is an event in the log."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Annotated, Any

import typer

from contracts import topics
from contracts.events import GapAccepted, encode
from infra.kafka.connection import connection_from
from infra.kafka.log import Appender, Entry, KafkaConnection, Partition, Scanner
from infra.process.world import World, iso
from infra.terminal.echo import echo
from services.cli.actor import Actor
from services.cli.commands import errors_shown, located, prepared
from services.cli.service import FAILED

app = typer.Typer(no_args_is_help=True, add_completion=False, help="Records that the log lost before they were read.")

APPEND_SECONDS = 10.0
SERVICES = ("dispatcher", "projector")
READ = sorted({topic.name for topic in topics.TOPICS if set(SERVICES) & set(topic.read_by)})


def _run(work: Callable[[KafkaConnection], Coroutine[Any, Any, None]]) -> None:
    connection = connection_from(located(prepared()))
    with errors_shown():
        asyncio.run(work(connection))


@app.command("list")
def list_trimmed() -> None:
    """List the partitions that no longer begin at their first record."""

    async def work(kafka: KafkaConnection) -> None:
        async with Scanner(kafka) as scanner:
            bounds = await scanner.bounds(await scanner.partitions(READ))
        trimmed = {p: b.begin for p, b in sorted(bounds.items()) if b.begin}
        for partition, begin in trimmed.items():
            echo(f"{partition.topic}/{partition.partition}  {begin:,} records are gone")
        echo(f"{len(trimmed)} partitions are trimmed")

    _run(work)


@app.command()
def accept(
    service: Annotated[str, typer.Argument(help="dispatcher or projector.")],
    place: Annotated[str, typer.Argument(metavar="TOPIC/PARTITION", help="As its LogRewritten names it.")],
    reason: Annotated[str, typer.Option(help="Why nothing better can be had; it stands in the log.")],
    actor: Actor,
) -> None:
    """Let a service go on without the records of a partition that the log no longer has. There is no way back."""
    topic, _, number = place.partition("/")
    if service not in SERVICES or topic not in READ or not number.isdecimal():
        raise typer.BadParameter("written as in: heliograph gap accept projector delivery-reports/3 --reason ...")

    async def work(kafka: KafkaConnection) -> None:
        partition, world = Partition(topic, int(number)), World()
        async with Scanner(kafka) as scanner:
            if partition not in await scanner.partitions([topic]):
                echo(f"There is no partition {place}.", err=True)
                raise typer.Exit(FAILED)
            begin = (await scanner.bounds([partition]))[partition].begin
        if begin == 0:
            echo(f"{place} has all its records: nothing to accept.", err=True)
            raise typer.Exit(FAILED)
        event = GapAccepted(
            event_id=str(world.ids.uuid7()), occurred_at=iso(world.clock.wall()), service=service, topic=topic,
            partition=partition.partition, offset=begin, reason=reason, actor=actor,
        )  # fmt: skip
        appender = Appender(kafka, world, name="gap")
        await appender.start()
        try:
            entry = Entry(topics.PROJECTION_CONTROL, f"{topic}.{number}", encode(event))
            await appender.append(entry, within=APPEND_SECONDS)
        finally:
            await appender.stop()
        echo(f"Accepted: {service} goes on at offset {begin} of {place} when it starts next.")

    _run(work)
