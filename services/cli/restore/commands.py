"""`heliograph restore ledger|log`."""

from typing import Annotated

import typer

from infra.kafka.log import Partition
from infra.terminal.echo import echo
from services.cli.actor import Actor
from services.cli.restore.log import Source, append, kinds, lacking_of_ledger, lacking_of_sinch, moment
from services.cli.restore.place import APPEND_SECONDS, Apply, Place, Reason, Refused, run
from services.dispatcher.restoring import ledger as emptied

app = typer.Typer(no_args_is_help=True, add_completion=False)
SHOWN = 5


@app.callback()
def restore() -> None:
    """After a loss. Stop all dispatchers first; docs/operations.md, Restoring, has the order."""


@app.command()
def ledger(
    reason: Reason,
    *,
    trimmed: Annotated[bool, typer.Option(help="Also from a log that has lost its first records.")] = False,
    force: Annotated[
        bool, typer.Option(help="Also when the ledger knows what the log lacks: that is lost then.")
    ] = False,
    apply: Apply = False,
    actor: Actor,
) -> None:
    """Empty the dispatcher's ledger: dispatchers make it whole from the log when they start next."""

    async def work(place: Place) -> None:
        await emptied.refuse_while_one_lives(place.database)
        lost = await place.trimmed()
        if lost and not trimmed:
            raise Refused(_trimmed(lost))
        if not force and (lacking := await lacking_of_ledger(place)):
            raise Refused(
                f"The ledger knows {len(lacking):,} facts that the log lacks ({kinds(lacking)}): first "
                "`heliograph restore log --from ledger`, or they are lost (--force)."
            )
        held = await emptied.contents(place.database)
        echo(
            f"The ledger holds {held.campaigns:,} campaigns, {held.chunks:,} chunks, {held.offers:,} offers, and what "
            f"{held.opt_outs:,} numbers said about consent. All of it goes, and comes again from the log; what blocks the "
            "account stays."
        )
        if not apply:
            echo("Nothing was changed. Do it: the same with --apply.")
            return
        async with place.appender() as appender:
            await appender.append(place.done("ledger", "log", reason, actor), within=APPEND_SECONDS)
        async with place.database.transaction():
            await emptied.empty(place.database)
            await emptied.begin_at(place.database, lost)
        echo("Emptied. Start the dispatchers: they send nothing before they have read the log to its end.")

    run(work)


@app.command()
def log(
    source: Annotated[Source, typer.Option("--from", help="Who knows what the log lacks.")],
    reason: Reason,
    *,
    since: Annotated[str | None, typer.Option(help="With `sinch`: the moment of the log's copy, or before.")] = None,
    apply: Apply = False,
    actor: Actor,
) -> None:
    """Say again in the log what it lacks: what the ledger knows, or the batches that Sinch has."""
    if (source is Source.sinch) != (since is not None):
        raise typer.BadParameter("goes with `sinch`, and only with it", param_hint="--since")

    async def work(place: Place) -> None:
        await emptied.refuse_while_one_lives(place.database)
        lacking = await (lacking_of_ledger(place) if since is None else lacking_of_sinch(place, moment(since)))
        if not lacking:
            echo("The log lacks nothing of that.")
            return
        echo(f"The log lacks {len(lacking):,} facts: {kinds(lacking)}.")
        if not apply:
            echo("Nothing was changed. Do it: the same with --apply.")
            return
        await append(place, lacking, place.done("log", source.value, reason, actor, len(lacking)))
        echo("Said. Next: `heliograph restore ledger`, then start the dispatchers.")

    run(work)


def _trimmed(lost: dict[Partition, int]) -> str:
    some = ", ".join(f"{p.topic}/{p.partition} its first {begin:,}" for p, begin in list(lost.items())[:SHOWN])
    more = f" and {len(lost) - SHOWN} partitions more" if len(lost) > SHOWN else ""
    return (
        f"The log has lost records: {some}{more}. A ledger made of what is left would not know what was sent, nor who opted "
        "out. Restore the topics. Where there is no copy, first `heliograph restore log --from ledger`, or, if the ledger "
        "is lost as well, `heliograph restore log --from sinch`; then the same with --trimmed."
    )
