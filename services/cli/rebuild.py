"""`heliograph rebuild start|status|diff|swap|rollback|drop`: the tables made anew beside the live ones."""

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from typing import Annotated, Any

import asyncpg
import typer
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from infra.kafka.connection import connection_from
from infra.kafka.log import KafkaConnection, Partition, Scanner
from infra.postgres.pool import Connection
from infra.process.masking import mask_loose
from infra.process.settings import Settings
from infra.process.world import SystemClock
from infra.terminal.echo import echo
from services.cli.commands import errors_shown, located, prepared
from services.cli.service import FAILED
from services.projector import builds
from services.projector.app import FOLDED
from services.projector.builds import BuildRefused
from services.projector.diff import Diff, Difference, compare

app = typer.Typer(
    no_args_is_help=True, add_completion=False, help="Make the tables anew beside the live ones, and swap."
)

NEAR_ENOUGH = 5_000  # records; at 2,000 reports/s that is what a build is behind for a moment
POLL_SECONDS = 0.25
SWAP_TRIES = 100
SWAP_PAUSE_SECONDS = 0.1
SILENT_SECONDS = 10.0  # without progress: probably nobody fills it
Number = Annotated[int, typer.Argument(help="A build's number, as `rebuild status` shows it.")]


async def ends(kafka: KafkaConnection) -> int:
    """Records of the log that there are to fold, now."""
    async with Scanner(kafka) as scanner:
        bounds = await scanner.bounds(await scanner.partitions(FOLDED))
    return sum(end for _, end in bounds.values())


class _Place:
    """Where the builds and the log are."""

    def __init__(self, database: Connection, kafka: KafkaConnection) -> None:
        self.database = database
        self.kafka = kafka
        self.clock = SystemClock()

    async def ends(self) -> int:
        """Records that there are to fold, now."""
        return await ends(self.kafka)

    async def trimmed(self) -> dict[Partition, int]:
        """Where partitions begin that no longer have their first records."""
        async with Scanner(self.kafka) as scanner:
            bounds = await scanner.bounds(await scanner.partitions(FOLDED))
        return {partition: begin for partition, (begin, _) in sorted(bounds.items()) if begin}

    async def behind(self, number: int) -> int:
        """Records of the log that are not in the build yet."""
        return max(0, await self.ends() - await builds.folded(self.database, number))


@asynccontextmanager
async def _place(settings: Settings) -> AsyncIterator[_Place]:
    assert settings.database_url is not None
    database = await asyncpg.connect(settings.database_url.get_secret_value(), timeout=10)
    try:
        yield _Place(database, connection_from(settings))
    finally:
        await database.close(timeout=5)


def _run(work: Callable[[_Place], Coroutine[Any, Any, None]]) -> None:
    settings = located(prepared())

    async def main() -> None:
        async with _place(settings) as place:
            await work(place)

    with errors_shown():
        try:
            asyncio.run(main())
        except BuildRefused as refused:
            echo(str(refused), err=True)
            raise typer.Exit(FAILED) from None


@app.command()
def start(*, wait: Annotated[bool, typer.Option(help="Show its progress until it has caught up.")] = True) -> None:
    """Make a new, empty build. `heliograph run` fills it at once; elsewhere `heliograph projector --build N` does."""

    async def work(place: _Place) -> None:
        for partition, begin in (await place.trimmed()).items():
            echo(
                f"{partition.topic}/{partition.partition} has lost its first {begin:,} records: this build cannot be what "
                f"the tables are now. It waits until you accept that (`heliograph gap accept projector "
                f"{partition.topic}/{partition.partition} --reason ...`).",
                err=True,
            )
        number = await builds.create(place.database)
        echo(f"Build {number} is there. Under `heliograph run` it is being filled; elsewhere start")
        echo(f"  heliograph projector --build {number}")
        if wait:
            await _watch(place, number)
            echo(f"Build {number} has caught up. Compare: `heliograph rebuild diff {number}`")

    _run(work)


async def _watch(place: _Place, number: int) -> None:
    """A bar with rate and time left, until the build is near the log's end."""
    columns = (
        TextColumn("build {task.fields[number]}"), BarColumn(), MofNCompleteColumn(),
        TextColumn("{task.fields[rate]:,.0f} records/s"), TimeRemainingColumn(),
    )  # fmt: skip
    began, told = place.clock.boot(), False
    with Progress(*columns) as progress:
        task = progress.add_task("", total=await place.ends(), number=number, rate=0.0)
        while True:
            folded, total = await builds.folded(place.database, number), await place.ends()
            seconds = max(place.clock.boot() - began, 0.001)
            progress.update(task, completed=folded, total=total, rate=folded / seconds)
            if folded >= total - NEAR_ENOUGH and (folded or not total):
                return
            if not folded and seconds > SILENT_SECONDS and not told:
                told = True
                progress.console.print(f"Nobody fills it yet: start `heliograph projector --build {number}`.")
            await place.clock.sleep(POLL_SECONDS)


@app.command()
def status() -> None:
    """List the builds and how far each is."""

    async def work(place: _Place) -> None:
        total = await place.ends()
        for build in await builds.listed(place.database):
            folded = await builds.folded(place.database, build.number)
            shown = "current" if build.is_current else "beside"
            share = 100 * folded / total if total else 100.0
            echo(
                f"build {build.number}  {shown:<8} version {build.version}  {folded:,} of {total:,} records ({share:.1f} %)"
            )

    _run(work)


@app.command()
def diff(
    right: Number,
    left: Annotated[int | None, typer.Option(help="Compare with this build; else with the current one.")] = None,
    samples: Annotated[int, typer.Option(help="Differing rows to show.")] = 20,
) -> None:
    """Compare a build with the current one, row by row and column by column. Exit code 1 when they differ."""

    async def work(place: _Place) -> None:
        await builds.checked(place.database, right)
        other = await builds.known(place.database, left)  # may be of an earlier version
        found = await compare(place.database, place.kafka, other, right, samples)
        for line in lines_of(found):
            echo(line)
        if not found.equal:
            raise typer.Exit(FAILED)

    _run(work)


def lines_of(found: Diff) -> list[str]:
    """A comparison, for people."""
    lines = []
    for table, (left, right) in found.rows.items():
        moving = f", {found.moving[table]:,} moving at this moment" if found.moving.get(table) else ""
        lines.append(f"{table:<16} {left:>12,} {right:>12,}  {found.differing[table]:,} differ{moving}")
        lines += [f"    {column}: {rows:,} rows" for column, rows in found.columns.get(table, {}).items()]
    lines += [_sample(difference, found) for difference in found.samples]
    verdict = "are equal" if found.equal else "differ"
    return [*lines, f"Builds {found.left} and {found.right} {verdict}."]


def _sample(difference: Difference, found: Diff) -> str:
    key = " ".join(f"{name}={_shown(name, value)}" for name, value in difference.key.items())
    sides = [
        "no such row" if side is None else " ".join(f"{name}={value}" for name, value in side.items())
        for side in (difference.left, difference.right)
    ]
    event = f"\n    made by {difference.event}" if difference.event else ""
    return f"  {difference.table} {key}\n    build {found.left}: {sides[0]}\n    build {found.right}: {sides[1]}{event}"


def _shown(name: str, value: object) -> str:
    """Numbers of people are masked, as everywhere."""
    return mask_loose(f"+{value}") if name in ("recipient", "phone") else str(value)


@app.command()
def swap(
    number: Number, *, force: Annotated[bool, typer.Option(help="Also when it has not caught up.")] = False
) -> None:
    """Show build N to all readers from now on, in one transaction. The old build is kept up to date until dropped."""

    async def work(place: _Place) -> None:
        await builds.checked(place.database, number)
        await _show(place, number, force=force)

    _run(work)


@app.command()
def rollback(*, force: Annotated[bool, typer.Option(help="Also when it has not caught up.")] = False) -> None:
    """Show the build that was current before."""

    async def work(place: _Place) -> None:
        await _show(place, await builds.previous(place.database), force=force)

    _run(work)


async def _show(place: _Place, number: int, *, force: bool) -> None:
    behind = await place.behind(number)
    if behind > NEAR_ENOUGH and not force:
        raise BuildRefused(f"build {number} is {behind:,} records behind the log: wait, or use --force")
    for _ in range(SWAP_TRIES):
        if await builds.swap(place.database, number):
            echo(f"Build {number} is what readers see now.")
            return
        await place.clock.sleep(SWAP_PAUSE_SECONDS)
    raise BuildRefused("readers held the views all the time: nothing was changed, try again")


@app.command()
def drop(number: Number) -> None:
    """Remove a build that is not the current one."""

    async def work(place: _Place) -> None:
        await builds.drop(place.database, number)
        echo(f"Build {number} is gone.")

    _run(work)
