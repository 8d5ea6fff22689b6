"""What the commands of `heliograph restore` work on, and how they say who did it and why."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Annotated

import typer

from contracts import topics
from contracts.events import Restored, encode
from infra.kafka.connection import connection_from
from infra.kafka.log import Appender, Entry, KafkaConnection, Partition, Scanner
from infra.postgres.pool import Connection, connect
from infra.process.settings import Settings
from infra.process.world import World, iso
from infra.terminal.echo import echo
from services.cli.commands import errors_shown, located, prepared
from services.cli.service import FAILED
from services.dispatcher.intake import READ
from services.dispatcher.restoring.ledger import DispatcherLives

APPEND_SECONDS = 30.0
Reason = Annotated[str, typer.Option(help="Why; it stands in the log.")]
Apply = Annotated[bool, typer.Option(help="Do it. Without this it only says what it would do.")]


class Refused(Exception):  # noqa: N818 - named by what it says
    """What was asked for would lose something; the text says what, and what to do first."""


@dataclass(frozen=True, slots=True)
class Place:
    """The log and the database, with no dispatcher between them."""

    kafka: KafkaConnection
    database: Connection
    settings: Settings
    world: World

    async def trimmed(self) -> dict[Partition, int]:
        """Where partitions begin that the ledger is made of and that no longer have their first records."""
        async with Scanner(self.kafka) as scanner:
            bounds = await scanner.bounds(await scanner.partitions(READ))
        return {partition: begin for partition, (begin, _) in sorted(bounds.items()) if begin}

    @asynccontextmanager
    async def appender(self) -> AsyncIterator[Appender]:
        """For what is to be said in the log."""
        appender = Appender(self.kafka, self.world, name="restore")
        await appender.start()
        try:
            yield appender
        finally:
            await appender.stop()

    def done(self, what: str, source: str, reason: str, actor: str, said: int = 0) -> Entry:
        """The event that says who restored what, and why."""
        event = Restored(
            event_id=str(self.world.ids.uuid7()), occurred_at=iso(self.world.clock.wall()), what=what, source=source,
            reason=reason, actor=actor, said=said,
        )  # fmt: skip
        return Entry(topics.PROJECTION_CONTROL, f"restore.{what}", encode(event))


def run(work: Callable[[Place], Awaitable[None]]) -> None:
    """Run it; an error that is for people is shown without a trace, exit code 1."""
    settings = located(prepared())
    assert settings.database_url is not None
    dsn = settings.database_url.get_secret_value()

    async def main() -> None:
        database = await connect(dsn, "restore", command_timeout=600.0)
        try:
            await work(Place(connection_from(settings), database, settings, World()))
        finally:
            await database.close(timeout=5.0)

    with errors_shown():
        try:
            asyncio.run(main())
        except (Refused, DispatcherLives) as refused:
            echo(str(refused), err=True)
            raise typer.Exit(FAILED) from None
