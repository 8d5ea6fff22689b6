"""The command `heliograph`. Each command imports what it needs when it runs, so that `--help` is instant."""

import asyncio
from pathlib import Path
from typing import Annotated

import typer

from infra.terminal.echo import echo

app = typer.Typer(no_args_is_help=True, add_completion=False, help="SMS campaigns on Sinch whose truth is a Kafka log.")
SERVICE = "Services (started by `run`)"


@app.command()
def run(
    *,
    demo: Annotated[bool, typer.Option(help="Send a small campaign once all is up (simulator only).")] = True,
    demo_only: Annotated[
        bool, typer.Option(help="Stop once it has ended; exit code 1 when it did not end well.")
    ] = False,
) -> None:
    """Run the whole system on this machine until Ctrl-C."""
    from services.cli.run import Demo, run_everything

    shown = Demo.SHOWN if demo else Demo.NONE
    run_everything(Demo.ONLY if demo_only else shown)


@app.command()
def send(
    to: Annotated[list[str], typer.Option(help="A number in international form; may be repeated.")],
    message: Annotated[str, typer.Option(help="The text.")],
    sender: Annotated[str | None, typer.Option("--from", help="Number, short code or name; else SINCH_NUMBER.")] = None,
    api: Annotated[str | None, typer.Option(help="Address of the API; else the one that runs here.")] = None,
) -> None:
    """Send a message to one or more numbers, through the API."""
    from services.cli.commands import send_campaign

    asyncio.run(send_campaign(to, message, sender, api))


@app.command()
def status(
    campaign: Annotated[str | None, typer.Argument(help="A campaign's id; without it the newest are listed.")] = None,
    api: Annotated[str | None, typer.Option(help="Address of the API; else the one that runs here.")] = None,
) -> None:
    """Show campaigns, or one."""
    from services.cli.commands import show_status

    asyncio.run(show_status(campaign, api))


Reason = Annotated[str, typer.Option(help="Why; it stands in the log.")]
Address = Annotated[str | None, typer.Option(help="Address of the API; else the one that runs here.")]


@app.command()
def pause(campaign: str, reason: Reason = "", api: Address = None) -> None:
    """Stop a campaign until it is resumed."""
    from services.cli.controls import decide

    decide("pause", campaign, reason, api)


@app.command()
def resume(
    campaign: Annotated[str | None, typer.Argument(help="Without it: what blocks all sending is cleared.")] = None,
    reason: Reason = "",
    api: Address = None,
) -> None:
    """Let a paused campaign go on, or all sending after it was blocked."""
    from services.cli.controls import decide, resume_plan

    if campaign is None:
        resume_plan()
    else:
        decide("resume", campaign, reason, api)


@app.command()
def cancel(campaign: str, reason: Reason = "", api: Address = None) -> None:
    """Cancel a campaign for good."""
    from services.cli.controls import decide

    decide("cancel", campaign, reason, api)


@app.command(add_help_option=False, context_settings={"allow_extra_args": True, "ignore_unknown_options": True})
def doubts(context: typer.Context) -> None:
    """List batches of which nobody knows whether Sinch has them, or settle one by hand."""
    from services.cli.doubts import app as group

    group(context.args, prog_name="heliograph doubts")


@app.command(add_help_option=False, context_settings={"allow_extra_args": True, "ignore_unknown_options": True})
def replies(context: typer.Context) -> None:
    """List replies that are probably opt-outs (--probable), or settle one by hand."""
    from services.cli.consent.replies import app as group

    group(context.args, prog_name="heliograph replies")


@app.command(add_help_option=False, context_settings={"allow_extra_args": True, "ignore_unknown_options": True})
def audit(context: typer.Context) -> None:
    """Check what must hold between log, tables and Sinch: campaign, all, consent."""
    from services.cli.audit import app as group

    group(context.args, prog_name="heliograph audit")


@app.command()
def migrate(
    roles: Annotated[
        Path | None,
        typer.Option(help="Make the roles of services too, from files database_url_SERVICE in this directory."),
    ] = None,
) -> None:
    """Bring the database to the newest schema. Needs its owner's DATABASE_URL, or a running `heliograph run`."""
    from services.cli.preparing import migrate_database

    asyncio.run(migrate_database(roles))


@app.command()
def topics(
    users: Annotated[
        Path | None,
        typer.Option(help="Make Kafka's users and their rights too, from files kafka_password_USER in this directory."),
    ] = None,
) -> None:
    """Create missing topics and report how others differ. Needs Kafka's address, or a running `heliograph run`."""
    from services.cli.preparing import provision_topics

    asyncio.run(provision_topics(users))


@app.command(add_help_option=False, context_settings={"allow_extra_args": True, "ignore_unknown_options": True})
def dead_letters(context: typer.Context) -> None:
    """List, show, redrive or drop what could not be read."""
    from services.cli.dead_letter_commands import app as letters

    letters(context.args, prog_name="heliograph dead-letters")


@app.command(add_help_option=False, context_settings={"allow_extra_args": True, "ignore_unknown_options": True})
def rebuild(context: typer.Context) -> None:
    """Make the tables anew beside the live ones: start, status, diff, swap, rollback, drop."""
    from services.cli.rebuild import app as rebuilding

    rebuilding(context.args, prog_name="heliograph rebuild")


@app.command(add_help_option=False, context_settings={"allow_extra_args": True, "ignore_unknown_options": True})
def parked(context: typer.Context) -> None:
    """List, show, retry or drop records that could not be folded."""
    from services.cli.parked import app as parking

    parking(context.args, prog_name="heliograph parked")


@app.command(add_help_option=False, context_settings={"allow_extra_args": True, "ignore_unknown_options": True})
def gap(context: typer.Context) -> None:
    """Records that the log lost before they were read: list, accept. `gap --help` shows how."""
    from services.cli.gap import app as gaps

    gaps(context.args, prog_name="heliograph gap")


@app.command(add_help_option=False, context_settings={"allow_extra_args": True, "ignore_unknown_options": True})
def restore(context: typer.Context) -> None:
    """After a loss: make the ledger anew from the log, or tell the log what it lacks. docs/operations.md, Restoring."""
    from services.cli.restore.commands import app as restoring

    restoring(context.args, prog_name="heliograph restore")


@app.command(add_help_option=False, context_settings={"allow_extra_args": True, "ignore_unknown_options": True})
def keys(context: typer.Context) -> None:
    """The keys of the API: create, list, revoke. `keys create --help` shows what a key may be limited to."""
    from services.cli.keys.commands import app as keys_of_api

    keys_of_api(context.args, prog_name="heliograph keys")


@app.command()
def explain(
    campaign: Annotated[str, typer.Argument(help="A campaign's id.")],
    phone: Annotated[str, typer.Argument(help="The recipient's number.")],
) -> None:
    """Tell the history of one message in plain words."""
    from services.cli.explain import explain_message

    asyncio.run(explain_message(campaign, phone))


@app.command(add_help_option=False, context_settings={"allow_extra_args": True, "ignore_unknown_options": True})
def psql(context: typer.Context) -> None:
    """Look at the tables with PostgreSQL's own client, whose options it takes: psql -c 'select * from live.messages'."""
    from services.cli.psql import psql

    psql(context.args)


@app.command(hidden=True)
def docs(into: Annotated[Path, typer.Option(help="The repository.")] = Path()) -> None:
    """Write the pages that are made from code: docs/events.md, docs/settings.md, .env.example."""
    from services.cli.docs import write_pages

    for path in write_pages(into):
        echo(f"wrote {path}")


@app.command(rich_help_panel=SERVICE)
def http() -> None:
    """The campaign API and the webhook gateway in one process, on PORT."""
    from services.cli.processes import http

    http()


@app.command(rich_help_panel=SERVICE)
def campaign() -> None:
    """The campaign API alone, on PORT."""
    from services.cli.processes import campaign

    campaign()


@app.command(rich_help_panel=SERVICE)
def webhook_gateway(
    *,
    processes: Annotated[int, typer.Option(min=1, max=64, help="Processes that share the port.")] = 1,
    reuse_port: Annotated[bool, typer.Option(hidden=True)] = False,
) -> None:
    """The webhook gateway alone, on WEBHOOK_PORT or PORT."""
    from services.cli.processes import webhook_gateway

    webhook_gateway(processes, reuse_port=reuse_port)


@app.command(rich_help_panel=SERVICE)
def dispatcher() -> None:
    """Sends what was requested."""
    from services.cli.processes import dispatcher

    dispatcher()


@app.command(rich_help_panel=SERVICE)
def projector(
    build: Annotated[int | None, typer.Option(help="Fill this build of the tables; else the current one.")] = None,
    *,
    instead: Annotated[bool, typer.Option(hidden=True, help="No other projector fills the current build.")] = False,
) -> None:
    """Keeps the tables that answers are read from."""
    from services.cli.processes import projector

    projector(build, instead=instead)


@app.command(rich_help_panel=SERVICE)
def simulate(
    host: Annotated[str, typer.Option(help="Address to listen on; its plan and token are no secrets.")] = "127.0.0.1",
) -> None:
    """A Sinch of your own, on SIMULATOR_PORT."""
    from services.cli.processes import simulate

    simulate(host)


def main() -> None:
    """The console script."""
    app()


if __name__ == "__main__":
    main()
