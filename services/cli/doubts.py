"""`heliograph doubts [list|settle]`: offers of which nobody knows whether Sinch has them."""

import asyncio
from collections.abc import Awaitable, Callable
from enum import StrEnum
from typing import Annotated

import typer

from contracts.identity import parse_reference
from infra.kafka.connection import connection_from
from infra.kafka.log import Appender
from infra.postgres.pool import Pool, create_pool
from infra.process.settings import Settings
from infra.process.world import World
from infra.terminal.echo import echo
from services.cli.actor import Actor
from services.cli.commands import errors_shown, located, prepared
from services.cli.service import FAILED
from services.dispatcher import offers
from services.dispatcher.by_hand import ByHand, NotInDoubt, OpenDoubt, Verdict
from services.dispatcher.doubt import Rule

app = typer.Typer(add_completion=False, help="Batches of which nobody knows whether Sinch has them.")

MOST = 1_000
APPEND_SECONDS = 10.0


class Said(StrEnum):
    """The verdicts as they are typed."""

    accepted = "accepted"
    absent = "absent"
    given_up = "given-up"


@app.callback(invoke_without_command=True)
def doubts(context: typer.Context) -> None:
    """List what is in doubt, unless told otherwise."""
    if context.invoked_subcommand is None:
        list_doubts()


@app.command("list")
def list_doubts() -> None:
    """List what is in doubt, the oldest first, with what happens next."""

    async def work(pool: Pool, settings: Settings) -> None:
        found = await ByHand(pool).doubts(MOST)
        rule = Rule(settings.in_doubt_looks, settings.in_doubt_settle)
        for doubt in found:
            echo(_line(doubt, rule))
        echo(f"{len(found)} batches in doubt" + (" or more" if len(found) == MOST else ""))

    _run(work, ("DATABASE_URL",))


@app.command()
def settle(
    client_reference: Annotated[str, typer.Argument(help="As `doubts` shows it.")],
    verdict: Annotated[
        Said,
        typer.Argument(
            help="accepted: Sinch has it. absent: it surely has not, so it is offered again. given-up: nobody can know."
        ),
    ],
    *,
    why: Annotated[str, typer.Option(help="How you know. It stands in the log.")],
    batch_id: Annotated[str, typer.Option(help="Sinch's id of the batch; needed with `accepted`.")] = "",
    actor: Actor,
) -> None:
    """Settle a doubt by hand."""
    reference = parse_reference(client_reference)
    if reference is None:
        raise typer.BadParameter("is not a client_reference of ours", param_hint="CLIENT_REFERENCE")
    if (verdict is Said.accepted) != bool(batch_id):
        raise typer.BadParameter("goes with `accepted`, and only with it", param_hint="--batch-id")
    if not why.strip():
        raise typer.BadParameter("must not be empty", param_hint="--why")
    wanted = Verdict(verdict.value.replace("-", "_"))

    async def work(pool: Pool, settings: Settings) -> None:
        world = World()
        appender = Appender(connection_from(settings), world, name="doubts")

        async def say(named: list[str]) -> None:
            entry = offers.doubt_settled(
                reference,
                world.clock.wall(),
                verdict=wanted.value,
                actor=actor,
                why=why,
                named=named,
                batch_id=batch_id,
            )
            await appender.append(entry, within=APPEND_SECONDS)

        await appender.start()
        try:
            attempt = await ByHand(pool).settle(reference, wanted, batch_id, say)
        finally:
            await appender.stop()
        echo(f"{reference} is settled: {verdict.value}")
        if attempt is not None:
            echo(f"Offered again as attempt {attempt}.")

    _run(work, ("DATABASE_URL", "KAFKA_BOOTSTRAP_SERVERS"))


def _run(work: Callable[[Pool, Settings], Awaitable[None]], needs: tuple[str, ...]) -> None:
    settings = located(prepared(), needs)
    assert settings.database_url is not None
    dsn = settings.database_url.get_secret_value()

    async def with_pool() -> None:
        async with await create_pool(dsn, "doubts", max_size=1) as pool:
            await work(pool, settings)

    with errors_shown():
        try:
            asyncio.run(with_pool())
        except NotInDoubt as error:
            echo(str(error), err=True)
            raise typer.Exit(FAILED) from None


def _line(doubt: OpenDoubt, rule: Rule) -> str:
    case = doubt.case
    return (
        f"{doubt.reference}  {doubt.recipients} recipients  {case.age:.0f} s old  "
        f"{case.absent} looks found nothing  {doubt.next_step(rule)}"
    )
