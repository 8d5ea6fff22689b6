"""`heliograph gap list|accept`: records that the log lost before a service had read them. Accepting is an event in the log."""

import asyncio
from collections.abc import Callable, Coroutine, Mapping
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
    place: Annotated[str, typer.Argument(metavar="[TOPIC/PARTITION]", help="As its LogRewritten names it.")] = "",
    *,
    every: Annotated[bool, typer.Option("--all", help="All partitions that `gap list` shows and it reads.")] = False,
    reason: Annotated[str, typer.Option(help="Why nothing better can be had; it stands in the log.")],
    actor: Actor,
) -> None:
    """Let a service go on without the records of a partition that the log no longer has. There is no way back."""
    topic, _, number = place.partition("/")
    named = topic in READ and number.isdecimal()
    if service not in SERVICES or every == bool(place) or not (named or every):
        raise typer.BadParameter(
            "written as in: heliograph gap accept projector delivery-reports/3 --reason ... (or --all instead of the place)"
        )

    async def work(kafka: KafkaConnection) -> None:
        gaps = await _gaps(kafka, service, None if every else Partition(topic, int(number)))
        await _accept(kafka, service, gaps, reason, actor)
        for partition, begin in gaps.items():
            echo(f"Accepted: {service} goes on at offset {begin} of {partition.topic}/{partition.partition}.")
        echo("It does so when it starts next; where it is started again by itself there is nothing to do.")
        if service == "dispatcher" and {p.topic for p in gaps} & {topics.DISPATCHES, topics.CONSENT}:
            echo(
                "If the ledger was emptied or restored as well, stop the dispatchers and read docs/operations.md, Restoring: "
                "it would not know what was sent, nor who opted out.",
                err=True,
            )

    _run(work)


async def _gaps(kafka: KafkaConnection, service: str, partition: Partition | None) -> dict[Partition, int]:
    """Where this partition begins, or all that the service reads and that are trimmed."""
    async with Scanner(kafka) as scanner:
        read = [topic.name for topic in topics.TOPICS if service in topic.read_by]
        bounds = await scanner.bounds(await scanner.partitions(read))
    gaps = {p: b.begin for p, b in sorted(bounds.items()) if b.begin and partition in (None, p)}
    if not gaps:
        name = "Every partition" if partition is None else f"{partition.topic}/{partition.partition}"
        why = (
            "has all its records: nothing to accept." if partition in (None, *bounds) else "is not there, or not read."
        )
        echo(f"{name} {why}", err=True)
        raise typer.Exit(FAILED)
    return gaps


async def _accept(kafka: KafkaConnection, service: str, gaps: Mapping[Partition, int], reason: str, actor: str) -> None:
    world = World()
    entries = [
        Entry(
            topics.PROJECTION_CONTROL,
            f"{partition.topic}.{partition.partition}",
            encode(
                GapAccepted(
                    event_id=str(world.ids.uuid7()), occurred_at=iso(world.clock.wall()), service=service,
                    topic=partition.topic, partition=partition.partition, offset=begin, reason=reason, actor=actor,
                )
            ),
        )
        for partition, begin in gaps.items()
    ]  # fmt: skip
    appender = Appender(kafka, world, name="gap")
    await appender.start()
    try:
        await appender.append_all(entries, within=APPEND_SECONDS)
    finally:
        await appender.stop()
